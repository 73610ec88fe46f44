"""One training step of the micro-GPT of `clearprop reproduce gpt`: 64 wide, two blocks of four
heads, 16 texts of 64 letters in float32 with AdamW, on one core, beside a careful NumPy script and
eager PyTorch.

The script has every array made before the first step and written in place, one product for q, k and
v of all heads, one for all positions wherever positions do not meet, and one update of all
parameters as one flat array. PyTorch's network is written as its users write it, with its own fused
attention.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpt_by_hand import numpy_step
from benchmarks.measuring import (
    Row,
    print_rows,
    step_of_torch,
    step_of_training,
    torch_is_installed,
)
from benchmarks.steps_in_turns import rows_of_steps
from clearprop import AdamW, CrossEntropy
from clearprop.teaching.showpieces.gpt_network import gpt
from clearprop.training import start, train

TEXTS, LETTERS, KNOWN, WIDTH, HEADS = 16, 64, 50, 64, 4
EACH = WIDTH // HEADS
RATE, DECAY = 3e-3, 0.01
ROUNDS, CALLS = 60, 3

Step = Callable[[], float]


def own_step(ids: Any, target: Any) -> Step:
    """One turn of `train`, whose passes nobody looks at."""
    network, optimizer = gpt(KNOWN), AdamW(RATE)
    state = start(network, network.initialize(0, dtype="float32"), optimizer)
    events = train(
        network,
        state,
        ids,
        target,
        loss=CrossEntropy(),
        optimizer=optimizer,
        epochs=10 * ROUNDS * CALLS,
        engine="numpy",
    )
    return step_of_training(events)


def torch_step(ids: Any, target: Any) -> Step:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    network = gpt(KNOWN)
    begun = network.named(network.initialize(0, dtype="float32"))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            cut = (len(x), LETTERS, HEADS, EACH)
            q, k, v = (one.view(cut).transpose(1, 2) for one in self.qkv(x).split(WIDTH, dim=2))
            found = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(found.transpose(1, 2).reshape(x.shape))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention = nn.LayerNorm(WIDTH), Attention()
            self.second = nn.LayerNorm(WIDTH)
            self.bent = nn.Sequential(
                nn.Linear(WIDTH, 4 * WIDTH), nn.GELU("tanh"), nn.Linear(4 * WIDTH, WIDTH)
            )

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.first(x))
            return x + self.bent(self.second(x))

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters = nn.Embedding(KNOWN, WIDTH)
            self.positions = nn.Parameter(torch.empty(LETTERS, WIDTH))
            self.blocks, self.last = nn.Sequential(Block(), Block()), nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, KNOWN, bias=False)
            self.head.weight = self.letters.weight

        def forward(self, ids: Any) -> Any:
            x = self.blocks(self.letters(ids) + self.positions)
            return self.head(self.last(x)).flatten(0, 1)

    model = Reader()
    # Both have their parameters in the order in which they are met; the head's is the letters' own.
    ordered = [model.letters.weight, model.positions]
    ordered += [*model.blocks.parameters(), *model.last.parameters()]
    with torch.no_grad():
        for at, (theirs, own) in enumerate(zip(ordered, list(begun.values())[:-1], strict=True)):
            # A Linear's weight is (out, in) there.
            theirs.copy_(torch.tensor(own if at < 2 else own.T).reshape(theirs.shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    letters, following = torch.tensor(ids), torch.tensor(target.ravel())
    return step_of_torch(model, nn.CrossEntropyLoss(), optimizer, letters, following)


def script_step(ids: Any, target: Any) -> Step:
    """The same step as a script."""
    network = gpt(KNOWN)
    begun = network.initialize(0, dtype="float32")
    # The head's table is the letters' own.
    shapes = [one.shape for one in network.named(begun).values()][:-1]
    return numpy_step(begun, shapes, ids, target, HEADS, RATE)


def data() -> tuple[Any, Any]:
    """Texts, and the letter that follows each of theirs."""
    generator = np.random.default_rng(7)
    shape = (TEXTS, LETTERS)
    return generator.integers(KNOWN, size=shape), generator.integers(KNOWN, size=shape)


def measure() -> list[Row]:
    ids, target = data()
    runs = {"own": own_step(ids, target), "numpy": script_step(ids, target)}
    if torch_is_installed():
        runs["torch"] = torch_step(ids, target)
    return rows_of_steps(
        "micro-GPT, 16 texts of 64 letters", runs, rounds=ROUNDS, calls=CALLS, over_torch=1.0
    )


if __name__ == "__main__":
    print_rows(measure())
