"""Axes between samples and features: every place is a row, for layers and joins of every kind."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    Flatten,
    LayerNorm,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.compiled.arranging import Arrangement, Wire, wire_of
from tests.compiled.both_engines import Library, Task, assert_same, compiled, difference
from tests.compiled.test_threads import assert_same_bits
from tests.own_combinators import Added, Concatenated

GENERATOR = np.random.default_rng(2)
Y = GENERATOR.normal(size=(23, 2))

# A network, and the shape of a sample.
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "read as they are": (Sequential(Linear(3, 5), Tanh(), Flatten(), Linear(20, 2)), (4, 3)),
    "flattened first": (Sequential(Flatten(), Linear(12, 2)), (2, 2, 3)),
    "function first": (Sequential(Tanh(), Linear(3, 2), Flatten(), Linear(8, 2)), (2, 2, 3)),
    "norms and masks": (
        Sequential(
            LayerNorm(3),
            Linear(3, 5),
            Dropout(0.3),
            ReLU(),
            Linear(5, 20),
            BatchNorm(20),
            Softmax(),
            Flatten(),
            Linear(80, 2),
        ),
        (2, 2, 3),
    ),
    "joins": (
        Sequential(
            Linear(3, 2),
            Residual(Linear(2, 2)),
            Concatenated(Linear(2, 2), ReLU()),
            PReLU(6),
            Added(Tanh(), Linear(6, 6)),
            Flatten(),
            Linear(24, 2),
        ),
        (2, 2, 3),
    ),
    "one place": (Sequential(Linear(3, 17), ReLU(), Flatten(), Linear(17, 2)), (1, 3)),
}


def task_of(name: str, optimizer: Any, batch_size: int | None) -> Task:
    layers, shape = CASES[name]
    x = np.random.default_rng(3).normal(size=(23, *shape))
    return Task(Network(layers), MSE(), optimizer, x, Y, batch_size=batch_size, epochs=3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("name", CASES)
def test_every_place_is_a_row(
    name: str, batch_size: int | None, dtype: str, kernels: Library
) -> None:
    # A gradient of nearly 0, whose rounding Adam would make a whole step of, is one here too.
    for optimizer in (SGD(0.02), Adam(0.01, eps=1e-3)):
        task = task_of(name, optimizer, batch_size)
        assert_same(task, dtype, kernels)
        assert_same_bits(task, dtype, kernels)


def test_calls_of_any_length_are_the_same_training(kernels: Library) -> None:
    task = task_of("norms and masks", Adam(0.01), 6)
    whole, parts = (compiled(task, "float64", kernels, chunk=each) for each in (None, 3))
    assert difference(whole, parts) == 0


def test_the_arrangements_of_a_sample() -> None:
    shape = (3, 5, 7)
    assert wire_of(shape, Arrangement.SAMPLE) == Wire(places=1, features=105)
    assert wire_of(shape, Arrangement.FEATURES) == Wire(places=15, features=7)
    assert wire_of(shape, Arrangement.CHANNELS) == Wire(places=35, features=3)
    assert {wire_of((4,), one) for one in Arrangement} == {Wire(places=1, features=4)}
