"""A penalty on the weights in machine code: its steps and what it adds to the loss are NumPy's."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from clearprop.compiled.lowering import Refusal
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.table_inputs import FeatureScale
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Adam, AdamW, Clipped, Optimizer
from clearprop.estimators import NetworkClassifier
from clearprop.estimators.members import MemberEpoch
from clearprop.training import EpochEvent, start, train
from clearprop.training.penalized import Penalized
from tests.compiled.both_engines import (
    CLOSE,
    Library,
    Task,
    assert_same,
    assert_same_bits,
    difference,
    in_numpy,
)

SCALED = Network(Sequential(FeatureScale(7, 6.0), Linear(7, 20), ReLU(), Linear(20, 3)))
# The weights: behind seven scales 140 of the first layer and its 20 biases, then 60 of the second.
SPANS = ((7, 147), (167, 227))
OPTIMIZERS: tuple[Callable[[], Optimizer], ...] = (
    lambda: Adam(0.01),
    lambda: AdamW(0.01, weight_decay=0.05),
    lambda: SGD(0.05, momentum=0.9, nesterov=True),
    lambda: SGD(0.05),
    lambda: Clipped(SGD(0.1), norm=0.2),
    lambda: Clipped(Adam(0.01), value=0.01),
)


def task_of(optimizer: Optimizer, *, epochs: int = 4) -> Task:
    draws = np.random.default_rng(3)
    x, ids = draws.normal(size=(50, 7)), draws.integers(3, size=50)
    return Task(SCALED, CrossEntropy(), optimizer, x, ids, batch_size=16, epochs=epochs)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_penalised_steps_are_those_of_numpy(
    make: Callable[[], Optimizer], dtype: str, kernels: Library
) -> None:
    task = task_of(Penalized(make(), 0.3, SPANS))
    assert_same(task, dtype, kernels)
    # It is of weight: without it they end elsewhere.
    assert difference(in_numpy(task_of(make()), dtype), in_numpy(task, dtype)) > 1e-2


@pytest.mark.parametrize("networks", [1, 3])
def test_epochs_tell_the_mean_penalty_of_their_steps(networks: int) -> None:
    task = task_of(Penalized(Adam(0.01), 0.3, SPANS))
    params = np.stack([SCALED.initialize(seed) for seed in range(networks)])
    if networks == 1:
        params = params[0]

    def events(engine: str, by: str = "step", epochs: int = 3) -> Iterator[Any]:
        told: Any = {"loss": task.loss, "optimizer": task.optimizer, "batch_size": 16}
        begin = start(SCALED, params, task.optimizer)
        return train(
            SCALED, begin, task.x, task.target, engine=engine, by=by, epochs=epochs, **told
        )

    def epochs(engine: str, by: str) -> list[EpochEvent]:
        return [event for event in events(engine, by) if isinstance(event, EpochEvent)]

    expected = epochs("numpy", "epoch")
    for engine, by in (("compiled", "epoch"), ("compiled", "step")):
        found = epochs(engine, by)
        assert [one.engine.name for one in found] == ["compiled"] * 3
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours.penalty, theirs.penalty, rtol=1e-10)
            np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-10)
    # ½ · 0.3 · Σ w², of the weights before each of an epoch's four steps.
    weights = np.concatenate([params[..., first:end] for first, end in SPANS], axis=-1)
    sums = [0.15 * (weights**2).sum(axis=-1)]
    for event in islice(events("numpy", epochs=1), 3):
        after = event.state.params
        parts = [after[..., first:end] for first, end in SPANS]
        sums.append(0.15 * (np.concatenate(parts, axis=-1) ** 2).sum(axis=-1))
    np.testing.assert_allclose(expected[0].penalty, np.mean(sums, axis=0), rtol=1e-12)


def test_threads_leave_every_bit_as_it_is(kernels: Library) -> None:
    task = task_of(Penalized(Clipped(Adam(0.01), norm=0.5), 0.3, SPANS))
    assert assert_same_bits(task, "float64", kernels)


def test_a_parameter_that_is_penalised_in_part_is_refused() -> None:
    half = task_of(Penalized(Adam(), 0.1, ((7, 100),))).plan("float64")
    assert isinstance(half, Refusal)
    assert half.key == "penalty_in_part"


def test_an_estimator_with_alpha_is_trained_in_machine_code() -> None:
    draws = np.random.default_rng(5)
    x = draws.normal(size=(120, 4))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    curves = {}
    for engine in ("numpy", "compiled"):
        told: list[MemberEpoch] = []
        model = NetworkClassifier(
            alpha=0.5,
            n_networks=2,
            max_iter=3,
            min_steps=0,
            random_state=0,
            engine=engine,
            callbacks=(told.append,),
            dtype="float64",
        )
        curves[engine] = np.array(model.fit(x, y).loss_curve_)
        assert [one.engine for one in told] == [engine] * 3
    np.testing.assert_allclose(curves["compiled"], curves["numpy"], rtol=1e-9)
    # ½ · 0.5 · Σ w² / 64 is of weight: the loss of two classes alone begins near ln 2.
    assert curves["numpy"][0] > 1
