"""What a training in machine code takes of memory, beside what it cannot do without."""

import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from clearprop import SGD, Adam, CrossEntropy, Linear, Network, ReLU, Sequential, fit
from clearprop.engine.optimizers import Optimizer
from tests.compiled.both_engines import Library

MOST = 1.25


@pytest.mark.parametrize(
    ("widths", "samples", "batch", "optimizer"),
    [
        ((784, 256, 10), 5000, 128, SGD(0.01)),
        ((784, 256, 10), 5000, 128, Adam()),
        ((64, *[64] * 20, 10), 2048, 1024, SGD(0.01)),
        ((512, 512, 512, 10), 2048, 256, SGD(0.01)),
        ((512, 512, 512, 10), 2048, 256, Adam()),
    ],
)
def test_little_more_than_what_is_trained(
    widths: tuple[int, ...], samples: int, batch: int, optimizer: Optimizer, kernels: Library
) -> None:
    """Parameters, gradients, what the optimizer remembers, a batch's values and the data."""
    kernels("float32")
    layers = [layer for pair in pairwise(widths) for layer in _layer(*pair)]
    network = Network(Sequential(*layers[:-1]))
    params = network.initialize(seed=0, dtype="float32")
    x = np.random.default_rng(0).standard_normal((samples, widths[0]), dtype="float32")
    target = np.arange(samples) % widths[-1]

    def train() -> None:
        trained = fit(
            network,
            params,
            x,
            target,
            loss=CrossEntropy(),
            optimizer=optimizer,
            epochs=1,
            batch_size=batch,
            engine="compiled",
        )
        assert trained.engine.name == "compiled"

    train()  # what is loaded, and stays
    # What measures coverage keeps what it looks at: memory that is not the training's.
    tracing = sys.gettrace()
    sys.settrace(None)
    tracemalloc.start()
    train()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sys.settrace(tracing)
    slots = sum(slot.nbytes for slot in optimizer.start(params).slots.values())
    values = sum(widths) * batch * x.itemsize
    needed = 2 * params.nbytes + slots + values + x.nbytes + target.nbytes
    # The zeros that a training begins with are pages of the system that nobody has written to.
    assert peak - slots <= MOST * needed


def _layer(inputs: int, outputs: int) -> tuple[Linear, ReLU]:
    return Linear(inputs, outputs), ReLU()
