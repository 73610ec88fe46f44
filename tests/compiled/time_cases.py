"""Trainings over time that the kernels take: every cell and option, times taken of a sequence, and
losses that have a target for every time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    AdamW,
    Clipped,
    Concatenate,
    CrossEntropy,
    Flatten,
    Huber,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    TimeSlice,
    TimeStep,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.layer import Layer
from tests.compiled.both_engines import Task

GENERATOR = np.random.default_rng(5)
SAMPLES, TIMES, FEATURES = 19, 6, 5
X = GENERATOR.normal(size=(SAMPLES, TIMES, FEATURES))
Y = GENERATOR.normal(size=(SAMPLES, 3))
IDS = GENERATOR.integers(0, 3, SAMPLES)
OF_TIMES = GENERATOR.normal(size=(SAMPLES, TIMES, 3))
IDS_OF_TIMES = GENERATOR.integers(0, 3, (SAMPLES, TIMES))
WEIGHTS = GENERATOR.uniform(0.1, 2, SAMPLES)


def ended(*layers: Layer, units: int) -> Network:
    """With one answer for a sequence."""
    return Network(Sequential(*layers, TimeStep(), Linear(units, 3)))


# Every option, in a panel or over several, full or not; of several layers the signal goes on.
CELLS: dict[str, Network] = {
    "RNN": ended(RNN(FEATURES, 3), units=3),
    "rectified": ended(RNN(FEATURES, 17, nonlinearity="relu"), units=17),
    "GRU": ended(GRU(FEATURES, 16), units=16),
    "LSTM": ended(LSTM(FEATURES, 37), units=37),
    "no bias": ended(
        RNN(FEATURES, 4, bias=False), GRU(4, 5, bias=False), LSTM(5, 6, bias=False), units=6
    ),
    "backwards": ended(
        RNN(FEATURES, 4, reverse=True), GRU(4, 18, reverse=True), LSTM(18, 6, reverse=True), units=6
    ),
    "both directions": ended(
        Concatenate(LSTM(FEATURES, 4), LSTM(FEATURES, 4, reverse=True)), GRU(8, 3), units=3
    ),
    "among others": ended(
        Linear(FEATURES, 7), Tanh(), LSTM(7, 7), LayerNorm(7), Residual(GRU(7, 7)), ReLU(), units=7
    ),
}
TAKEN: dict[str, Network] = {
    "first": Network(Sequential(LSTM(FEATURES, 4), TimeStep(0), Linear(4, 3))),
    "from the end": Network(Sequential(GRU(FEATURES, 4), TimeStep(-2), Linear(4, 3))),
    "of the data": Network(Sequential(TimeSlice(1, 4), RNN(FEATURES, 4), TimeStep(), Linear(4, 3))),
    "several": Network(Sequential(RNN(FEATURES, 4), TimeSlice(-3, -1), Flatten(), Linear(8, 3))),
    "all": Network(Sequential(RNN(FEATURES, 4), TimeSlice(-9, 9), Flatten(), Linear(24, 3))),
    "twice": Network(
        Sequential(
            LSTM(FEATURES, 4),
            Concatenate(TimeStep(0), Sequential(TimeSlice(2), GRU(4, 3), TimeStep())),
            Linear(7, 3),
        )
    ),
}  # fmt: skip
TARGETS: dict[str, tuple[Any, Array, Array | None]] = {
    "numbers": (MSE(), OF_TIMES, None),
    "weighted": (Huber(), OF_TIMES, WEIGHTS),
    "sum": (MSE(reduction="sum"), OF_TIMES, WEIGHTS),
    "classes": (CrossEntropy(), IDS_OF_TIMES, None),
    "left out": (CrossEntropy(ignore_index=1), IDS_OF_TIMES, WEIGHTS),
    "smoothed": (CrossEntropy(label_smoothing=0.1, weight=(1, 2, 0.5)), IDS_OF_TIMES, None),
    "shares": (CrossEntropy(), np.abs(OF_TIMES) / np.abs(OF_TIMES).sum(-1, keepdims=True), None),
}


def cell_tasks(name: str, batch_size: int | None) -> Iterator[Task]:
    """With plain descent, and with all that an optimizer can be."""
    network = (CELLS | TAKEN)[name]
    # A gradient of nearly 0, whose rounding Adam would make a whole step of, is one here too.
    for optimizer in (SGD(0.05), Clipped(AdamW(0.01, eps=1e-3), norm=0.5)):
        yield Task(network, MSE(), optimizer, X, Y, batch_size=batch_size, epochs=3)


def target_task(name: str, batch_size: int | None) -> Task:
    """With a target for every time."""
    loss, target, weights = TARGETS[name]
    rate = 0.001 if loss.reduction == "sum" else 0.05
    network = Network(Sequential(LSTM(FEATURES, 9), Linear(9, 3)))
    return Task(network, loss, SGD(rate), X, target, weights, batch_size=batch_size, epochs=3)


def tasks_over_time() -> Iterator[Task]:
    """All of them, in batches that divide nothing."""
    for name in (*CELLS, *TAKEN):
        yield from cell_tasks(name, 7)
    for name in TARGETS:
        yield target_task(name, 7)
