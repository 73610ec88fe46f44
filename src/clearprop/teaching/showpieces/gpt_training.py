"""The micro-GPT trained on a text, and beside it the same network in PyTorch."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.dependencies import is_installed
from clearprop.compiled.blas import on_one_thread
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.engine.optimizers import AdamW
from clearprop.engine.schedules import CosineDecay, Warmup
from clearprop.engine.step import take_step
from clearprop.teaching.experiments.ferry_story import ferry_story
from clearprop.teaching.showpieces.gpt_network import Letters, continued, gpt, windows
from clearprop.teaching.showpieces.text_training import (
    HELD_OUT,
    WRITTEN,
    TextResult,
    TorchAgreement,
    agreement,
)

POSITIONS, BATCH, COMPARED = 64, 16, 20
RATE = 3e-3
# The loss of the text that is not trained on is taken so often.
EVERY = 100


@dataclass(frozen=True, eq=False, kw_only=True)
class GptResult(TextResult):
    """What was trained and found, and the parameters that it began with. `step` is one of one
    window."""

    start: Array


# Products of this size are hardly faster shared out, and take ten times as long beside other work.
@on_one_thread()
def train_gpt(
    steps: int, *, seed: int = 0, with_torch: bool = True, progress: Callable[[int, int], None]
) -> GptResult:
    """Train for so many steps and compare; `progress` follows the steps."""
    letters = Letters.of(ferry_story())
    network = gpt(len(letters.known), positions=POSITIONS)
    split = int(len(letters.ids) * (1 - HELD_OUT))
    x, target = windows(letters.ids[:split], POSITIONS)
    unseen = windows(letters.ids[split:], POSITIONS)
    loss, optimizer = CrossEntropy(), _optimizer(steps)
    start = params = network.initialize(seed, dtype="float32")
    memory = optimizer.start(params)
    losses = np.empty(steps)
    held_out = []
    begun = time.perf_counter()
    for step in range(steps):
        if step % EVERY == 0:
            held_out.append((step, _loss_of(network, params, *unseen)))
        rows = batch_rows(seed, step, len(x))
        forward = network.forward(params, x[rows], records=False, seed=seed, step=step)
        result = loss.evaluate(forward.output, target[rows])
        losses[step] = result.value
        gradient = network.backward(forward, result.gradient).gradient
        params, memory = optimizer.step(params, memory, gradient)
        progress(step + 1, steps)
    seconds = time.perf_counter() - begun
    held_out.append((steps, _loss_of(network, params, *unseen)))
    prompt = "The ferryman"
    before, after = (
        letters.decoded(
            continued(
                network, one, letters.encoded(prompt), WRITTEN, positions=POSITIONS, seed=seed
            )
        )
        for one in (start, params)
    )
    first = letters.encoded("The ferryman and the river")[None]
    step_of_one = take_step(
        network, params.astype(np.float64), first[:, :-1], first[:, 1:], loss=loss
    )
    compare = with_torch and is_installed("torch")
    return GptResult(
        network=network,
        letters=letters,
        params=params,
        start=start,
        losses=losses,
        held_out=tuple(held_out),
        prompt=prompt,
        written=(before, after),
        seconds=seconds,
        step=step_of_one,
        torch=beside_torch(network, x, target, seed=seed) if compare else None,
    )


def batch_rows(seed: int, step: int, count: int) -> Array:
    """The windows of one step's batch; every step has a draw of its own."""
    rows: Array = keyed_generator(seed, step, "batch").integers(count, size=BATCH)
    return rows


def beside_torch(
    network: Network, x: Array, target: Array, *, seed: int, steps: int = COMPARED
) -> TorchAgreement:
    """The same steps from the same start in PyTorch, in float64, with its own AdamW."""
    from clearprop.formats.torch_twin import pytorch, read_parameters, to_torch

    torch: Any = pytorch()
    loss, optimizer = CrossEntropy(), AdamW(learning_rate=RATE)
    params = network.initialize(seed)
    twin = to_torch(network, params)
    theirs = torch.optim.AdamW(
        twin.parameters(), lr=RATE, betas=optimizer.betas, weight_decay=optimizer.weight_decay
    )
    memory = optimizer.start(params)
    apart = np.empty((steps, 2))
    for step in range(steps):
        rows = batch_rows(seed, step, len(x))
        forward = network.forward(params, x[rows], records=False)
        result = loss.evaluate(forward.output, target[rows])
        gradient = network.backward(forward, result.gradient).gradient
        params, memory = optimizer.step(params, memory, gradient)
        logits = twin(torch.tensor(x[rows]))
        cost = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), torch.tensor(target[rows]).flatten()
        )
        theirs.zero_grad()
        cost.backward()
        theirs.step()
        apart[step] = result.value, cost.item()
    other = read_parameters(network, twin, np.float64)
    return agreement(apart, params, other)


def _optimizer(steps: int) -> AdamW:
    warm = max(1, steps // 20)
    return AdamW(Warmup(CosineDecay(RATE, t_max=max(1, steps - warm)), steps=warm))


def _loss_of(network: Network, params: Array, x: Array, target: Array) -> float:
    some = slice(None, None, POSITIONS)
    return float(CrossEntropy().evaluate(network.predict(params, x[some]), target[some]).value)
