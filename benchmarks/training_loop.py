"""`train` beside a bare NumPy script that is written with care for each network.

In the script everything is allocated before the first step, every operation works in place, the
gradient of the data is left out, and a row of ones sums the biases' gradients. Both take the same
batches, shuffled anew every epoch, and compute every loss; that the losses are equal is asserted
first. One core, one process, in turns; nobody looks at the records.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring import Row, print_rows
from clearprop import SGD, Layer, Linear, Network, ReLU, Sequential
from clearprop.base.arrays import keyed_generator
from clearprop.bench.timing import cores, interleaved
from clearprop.training import StepEvent, start, train

LEARNING_RATE = 0.01


class Case(NamedTuple):
    """A network by its widths, its data, and the bound of `train` / NumPy."""

    widths: tuple[int, ...]
    samples: int
    batch: int
    at_most: float
    rounds: int
    steps: int


CASES = (
    Case((1, 10, 1), 100, 100, 1.8, 60, 200),
    Case((64, 128, 10), 1280, 128, 1.4, 40, 40),
    Case((784, 256, 10), 1280, 128, 1.2, 30, 10),
    Case((784, 128, 128, 10), 1280, 32, 1.2, 30, 40),
)


def network_of(widths: tuple[int, ...]) -> Network:
    """Linear layers with ReLU between them."""
    layers: list[Layer] = []
    for inputs, outputs in pairwise(widths):
        layers += [Linear(inputs, outputs), ReLU()]
    return Network(Sequential(*layers[:-1]))


def bare(case: Case, params: Any, x: Any, target: Any) -> Iterator[float]:
    """The script: the loss of every step, without end."""
    dtype, size, depth = params.dtype, case.batch, len(case.widths) - 1
    weights, biases, position = [], [], 0
    params = params.copy()
    for inputs, outputs in pairwise(case.widths):
        weights.append(params[position : position + inputs * outputs].reshape(inputs, outputs))
        position += inputs * outputs
        biases.append(params[position : position + outputs])
        position += outputs
    weight_gradients = [np.empty_like(weight) for weight in weights]
    bias_gradients = [np.empty((1, len(bias)), dtype) for bias in biases]
    z = [np.empty((size, width), dtype) for width in case.widths[1:]]
    dz = [np.empty_like(one) for one in z]
    a = [np.empty((size, case.widths[0]), dtype), *(np.empty_like(one) for one in z[:-1])]
    masks = [np.empty(one.shape, bool) for one in z]
    t, ones = np.empty((size, case.widths[-1]), dtype), np.ones((1, size), dtype)
    scale = dtype.type(2 / (size * case.widths[-1]))
    rate = dtype.type(LEARNING_RATE)
    is_full = size == len(x)
    epoch = 0
    while True:
        order = None if is_full else keyed_generator(0, epoch, "shuffle").permutation(len(x))
        epoch += 1
        for first in range(0, len(x), size):
            if order is None:
                a[0], t = x, target
            else:
                rows = order[first : first + size]
                np.take(x, rows, axis=0, out=a[0], mode="clip")
                np.take(target, rows, axis=0, out=t, mode="clip")
            for layer in range(depth):
                np.dot(a[layer], weights[layer], out=z[layer])
                z[layer] += biases[layer]
                if layer < depth - 1:
                    np.maximum(z[layer], 0, out=a[layer + 1])
            error = np.subtract(z[-1], t, out=dz[-1])
            flat = error.reshape(-1)
            loss = np.dot(flat, flat) / flat.size
            error *= scale
            for layer in reversed(range(depth)):
                np.dot(a[layer].T, dz[layer], out=weight_gradients[layer])
                np.dot(ones, dz[layer], out=bias_gradients[layer])
                if layer > 0:
                    np.dot(dz[layer], weights[layer].T, out=dz[layer - 1])
                    np.greater(z[layer - 1], 0, out=masks[layer - 1])
                    dz[layer - 1] *= masks[layer - 1]
            for weight, gradient in zip(weights, weight_gradients, strict=True):
                gradient *= rate
                weight -= gradient
            for bias, row in zip(biases, bias_gradients, strict=True):
                row *= rate
                bias -= row[0]
            yield loss


def ours(case: Case, params: Any, x: Any, target: Any) -> Iterator[float]:
    """`train`: the loss of every step."""
    network, optimizer = network_of(case.widths), SGD(LEARNING_RATE)
    size = None if case.batch == case.samples else case.batch
    state = start(network, params, optimizer)
    told: Any = {"optimizer": optimizer, "epochs": 10**9, "batch_size": size}
    for event in train(network, state, x, target, **told):
        if isinstance(event, StepEvent):
            yield event.loss


def turns(losses: Iterator[float], steps: int) -> Callable[[], float]:
    """The next `steps` steps."""

    def run() -> float:
        for _ in range(steps - 1):
            next(losses)
        return next(losses)

    return run


def measure() -> list[Row]:
    rows = []
    with cores(1):
        for case in CASES:
            for dtype in ("float32", "float64"):
                rows += _measure(case, dtype)
    return rows


def _measure(case: Case, dtype: str) -> list[Row]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(case.samples, case.widths[0])).astype(dtype)
    target = generator.normal(size=(case.samples, case.widths[-1])).astype(dtype)
    for array in (x, target):
        array.setflags(write=False)
    params = network_of(case.widths).initialize(dtype=dtype)
    makers = {"NumPy": bare, "train": ours}
    losses = [turns(make(case, params, x, target), 20)() for make in makers.values()]
    name = f"{'-'.join(map(str, case.widths))}, {dtype}"
    if not np.isclose(losses[0], losses[1], rtol=1e-4 if dtype == "float32" else 1e-10, atol=0):
        raise SystemExit(f"{name}: the two do not compute the same loss: {losses}")
    runs = {key: turns(make(case, params, x, target), case.steps) for key, make in makers.items()}
    seconds = interleaved(runs, repeats=case.rounds)
    ratio = seconds["train"] / seconds["NumPy"]
    return [
        Row(f"{name}, NumPy in place", 1e6 * seconds["NumPy"] / case.steps, "µs"),
        Row(f"{name}, train / NumPy", ratio, "x", at_most=case.at_most),
    ]


if __name__ == "__main__":
    print_rows(measure())
