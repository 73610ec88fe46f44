"""An LSTM that reads a text letter by letter: trained in windows with the state carried on, how far
its gradient goes back, and beside it the same network in PyTorch.

ids (N, T) → Embedding → LSTM → Linear → logits (N, T, letters)
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.base.dependencies import is_installed
from clearprop.compiled.blas import on_one_thread
from clearprop.engine.carried_state import carried_state
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.rnn import RNN
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Adam, Clipped
from clearprop.engine.step import Step, take_step
from clearprop.teaching.experiments.ferry_story import ferry_story
from clearprop.teaching.showpieces.gpt_network import Letters
from clearprop.teaching.showpieces.text_training import (
    HELD_OUT,
    WRITTEN,
    TextResult,
    TorchAgreement,
    agreement,
)

FEATURES, HIDDEN = 32, 96
STREAMS, WINDOW, COMPARED = 12, 40, 20
RATE, LARGEST_NORM = 4e-3, 1.0
EVERY = 60
# The layer that goes through time, and the weight of it that is explained: of h, into the forget
# gate of a unit.
RECURRENT = "layers[1]"


class Reach(NamedTuple):
    """How far the loss of one letter goes back: ∂C/∂(state) by how many steps back, (T,), against
    its size at that letter; and the mean factor of a step."""

    sizes: Array
    factor: float


@dataclass(frozen=True, eq=False, kw_only=True)
class LettersResult(TextResult):
    """What was trained and found, and how far gradients go back.

    reaches  by "lstm_before", "lstm_after", and "rnn" of a simple recurrence of the same size
    text     the letters that the reaches and `step` are of; the loss of `step` looks at the last
             letter alone
    """

    reaches: Mapping[str, Reach]
    text: str


def reader(letters: int, kind: type[Recurrent] = LSTM) -> Network:
    """The network: 56,000 parameters with 45 letters."""
    return Network(
        Sequential(Embedding(letters, FEATURES), kind(FEATURES, HIDDEN), Linear(HIDDEN, letters))
    )


# Products of this size are hardly faster shared out, and take ten times as long beside other work.
@on_one_thread()
def train_letters(
    steps: int, *, seed: int = 0, with_torch: bool = True, progress: Callable[[int, int], None]
) -> LettersResult:
    """Train for so many steps and compare; `progress` follows the steps."""
    letters = Letters.of(ferry_story())
    network = reader(len(letters.known))
    split = int(len(letters.ids) * (1 - HELD_OUT))
    loss, optimizer = CrossEntropy(), Clipped(Adam(RATE), norm=LARGEST_NORM)
    start = params = network.initialize(seed, dtype="float32")
    memory = optimizer.start(params)
    losses = np.empty(steps)
    held_out = []
    begun = time.perf_counter()
    carried: Mapping[str, Array] = EMPTY
    pieces = windows_of_streams(letters.ids[:split])
    for step in range(steps):
        if step % EVERY == 0:
            held_out.append((step, _loss_of(network, params, letters.ids[split:])))
        is_first, x, target = next(pieces)
        # At the beginning of the streams there is nothing to carry on.
        told = EMPTY if is_first else carried
        forward = network.forward(params, x, records=False, side_inputs=told)
        result = loss.evaluate(forward.output, target)
        losses[step] = result.value
        gradient = network.backward(forward, result.gradient).gradient
        params, memory = optimizer.step(params, memory, gradient)
        carried = carried_state(forward)
        progress(step + 1, steps)
    seconds = time.perf_counter() - begun
    held_out.append((steps, _loss_of(network, params, letters.ids[split:])))
    prompt = "The ferryman"
    before, after = (
        continued(network, one, letters, prompt, WRITTEN, seed) for one in (start, params)
    )
    text = "Somebody must go back from the sea to the river,"
    simple = reader(len(letters.known), RNN)
    steps_of = {
        "lstm_before": last_letter(network, start, letters, text),
        "lstm_after": last_letter(network, params, letters, text),
        "rnn": last_letter(simple, simple.initialize(seed), letters, text),
    }
    return LettersResult(
        network=network,
        letters=letters,
        params=params,
        losses=losses,
        held_out=tuple(held_out),
        prompt=prompt,
        written=(before, after),
        reaches={name: reach_of(one) for name, one in steps_of.items()},
        text=text,
        seconds=seconds,
        step=steps_of["lstm_after"],
        torch=beside_torch(letters, seed) if with_torch and is_installed("torch") else None,
    )


def windows_of_streams(ids: Array) -> Iterator[tuple[bool, Array, Array]]:
    """The text as streams side by side, in windows one behind the other, again and again: whether a
    window is the first, its letters (N, T), and the letters that come next."""
    length = (len(ids) - 1) // STREAMS
    streams = ids[: STREAMS * length].reshape(STREAMS, length)
    following = ids[1 : STREAMS * length + 1].reshape(STREAMS, length)
    while True:
        for begin in range(0, length - WINDOW + 1, WINDOW):
            piece = slice(begin, begin + WINDOW)
            yield begin == 0, streams[:, piece], following[:, piece]


def continued(
    network: Network, params: Array, letters: Letters, prompt: str, count: int, seed: int
) -> str:
    """`prompt` and so many letters more, each drawn from the network's own probabilities; what it
    has read stands in the state that is carried on."""
    generator = keyed_generator(seed, 0, "letters")
    ids = list(letters.encoded(prompt))
    given, carried = np.array([ids]), EMPTY
    for _ in range(count):
        forward = network.forward(params, given, training=False, records=False, side_inputs=carried)
        carried = carried_state(forward)  # type: ignore[assignment]
        logits = forward.output[0, -1].astype(np.float64)
        powers = np.exp(logits - logits.max())
        ids.append(int(generator.choice(len(powers), p=powers / powers.sum())))
        given = np.array([ids[-1:]])
    return letters.decoded(np.array(ids))


def last_letter(network: Network, params: Array, letters: Letters, text: str) -> Step:
    """A step on one text in float64, whose loss looks at what follows its last letter alone."""
    ids = letters.encoded(text)[None]
    target = np.full((1, ids.shape[1] - 1), CrossEntropy().ignore_index)
    target[0, -1] = ids[0, -1]
    return take_step(network, params.astype(np.float64), ids[:, :-1], target, loss=CrossEntropy())


def reach_of(step: Step) -> Reach:
    """How far the loss of a step's last letter goes back."""
    record = step.forward[RECURRENT]
    layer = record.layer
    assert isinstance(layer, Recurrent)
    dy = step.backward[RECURRENT].output_gradient
    before, behind = layer.transport(record.params, record.cache, dy)
    sizes = np.concatenate([[1.0], before[::-1] / behind[-1]])
    return Reach(sizes, float(np.exp(np.mean(np.log(before / behind)))))


def beside_torch(letters: Letters, seed: int, steps: int = COMPARED) -> TorchAgreement:
    """The same steps from the same start in PyTorch, in float64: its own LSTM, state carried on and
    cut off from what was before, clipping and Adam."""
    from clearprop.formats.torch_twin import pytorch

    torch: Any = pytorch()
    network, loss = reader(len(letters.known)), CrossEntropy()
    optimizer = Clipped(Adam(RATE), norm=LARGEST_NORM)
    params = network.initialize(seed)
    theirs = _torch_reader(torch, network, params)
    everything = [one for module in theirs for one in module.parameters()]
    adam = torch.optim.Adam(everything, lr=RATE)
    memory = optimizer.start(params)
    apart = np.empty((steps, 2))
    carried: Mapping[str, Array] = EMPTY
    state = None
    pieces = windows_of_streams(letters.ids[: int(len(letters.ids) * (1 - HELD_OUT))])
    for step in range(steps):
        is_first, x, target = next(pieces)
        carried, state = (EMPTY, None) if is_first else (carried, state)
        forward = network.forward(params, x, records=False, side_inputs=carried)
        result = loss.evaluate(forward.output, target)
        gradient = network.backward(forward, result.gradient).gradient
        params, memory = optimizer.step(params, memory, gradient)
        carried = carried_state(forward)
        table, recurrent, head = theirs
        y, state = recurrent(table(torch.tensor(x)), state)
        state = tuple(one.detach() for one in state)
        cost = torch.nn.functional.cross_entropy(
            head(y).flatten(0, 1), torch.tensor(target).flatten()
        )
        adam.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_(everything, LARGEST_NORM, error_if_nonfinite=True)
        adam.step()
        apart[step] = result.value, cost.item()
    own = np.concatenate([view.ravel() for view in network.named(params).values()])
    other = np.concatenate(
        [
            one.detach().numpy().T.ravel()
            if one.ndim == 2 and module is not theirs[0]
            else one.detach().numpy().ravel()
            for module in theirs
            for one in module.parameters()
        ]
    )
    return agreement(apart, own, other)


def _torch_reader(torch: Any, network: Network, params: Array) -> tuple[Any, Any, Any]:
    """PyTorch's own modules with the same start, whose states can be handed on."""
    letters = network.named(params)["layers[0].weight"].shape[0]
    modules = (
        torch.nn.Embedding(letters, FEATURES),
        torch.nn.LSTM(FEATURES, HIDDEN, batch_first=True),
        torch.nn.Linear(HIDDEN, letters),
    )
    for number, module in enumerate(modules):
        module.double()
        for name, parameter in module.named_parameters():
            ours = network.named(params)[f"layers[{number}].{name.removesuffix('_l0')}"]
            turned = ours if number == 0 else ours.T
            with torch.no_grad():
                parameter.copy_(torch.tensor(turned.reshape(parameter.shape)))
    return modules


def _loss_of(network: Network, params: Array, ids: Array) -> float:
    """The mean loss of a text that is read in one go."""
    logits = network.predict(params, ids[None, :-1])
    return float(CrossEntropy().evaluate(logits, ids[None, 1:]).value)
