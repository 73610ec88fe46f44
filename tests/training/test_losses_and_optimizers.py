"""The loop takes every loss, optimizer and schedule, with sample weights, and many networks."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    CosineDecay,
    CrossEntropy,
    Linear,
    Network,
    Optimizer,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError, ConfigurationError, DataError, ShapeError
from clearprop.kinds.kind_tables import LOSS_EXAMPLES, OPTIMIZER_ROWS
from clearprop.kinds.row import LossExample
from clearprop.training import DivergenceWarning, EpochEvent, StepEvent, fit, start, train

LOSS_CASES = [case for cases in LOSS_EXAMPLES.values() for case in cases]
OPTIMIZER_CASES = [case for row in OPTIMIZER_ROWS.values() for case in row.examples]
NETWORK = Network(Sequential(Linear(2, 4), Tanh(), Linear(4, 3)))
SAMPLES = 7
# Sums in another order, carried through a few steps.
TOLERANCE: Any = {"rtol": 1e-11, "atol": 1e-13}


@pytest.fixture
def data() -> tuple[Array, Array, Array]:
    """x (7, 2), class ids (7,) that x decides, and a weight for each sample."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(SAMPLES, 2))
    return x, (x[:, 0] > 0) + (x[:, 1] > 0).astype(int), generator.uniform(0.5, 2, SAMPLES)


@pytest.mark.parametrize("example", LOSS_CASES, ids=[f"{c.loss}-{c.outputs}" for c in LOSS_CASES])
@pytest.mark.parametrize("own", [False, True], ids=["shared data", "own data"])
@pytest.mark.parametrize("size", [None, 3], ids=["full batch", "batches of 3"])
def test_stacked_training_with_every_loss_is_each_alone(
    example: LossExample, own: bool, size: int | None
) -> None:
    network = Network(Sequential(Linear(2, example.outputs), Sigmoid()))
    params = network.initialize(range(3))
    generator = np.random.default_rng(1)
    x = generator.normal(size=(SAMPLES, 2))
    targets = [example.target(generator, SAMPLES, example.outputs) for _ in range(3)]
    weights = generator.uniform(0.5, 2, (3, SAMPLES))
    told: Any = {"loss": example.loss, "optimizer": Adam(0.05), "epochs": 4, "batch_size": size}
    together = fit(
        network,
        params,
        x,
        np.stack(targets) if own else targets[0],
        sample_weight=weights if own else weights[0],
        own=["target", "sample_weight"] if own else [],
        **told,
    )
    for k in range(3):
        which = k if own else 0
        alone = fit(network, params[k], x, targets[which], sample_weight=weights[which], **told)
        np.testing.assert_allclose(together.losses[:, k], alone.losses, **TOLERANCE)
        np.testing.assert_allclose(together.params[k], alone.params, rtol=0, atol=1e-11)


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=str)
def test_every_optimizer_lowers_the_cross_entropy(
    optimizer: Optimizer, data: tuple[Array, Array, Array]
) -> None:
    x, t, _ = data
    training = fit(
        NETWORK, NETWORK.initialize(), x, t, loss=CrossEntropy(), optimizer=optimizer, epochs=200
    )
    assert training.losses[-1] < 0.95 * training.losses[0]


def test_a_classifier_learns(data: tuple[Array, Array, Array]) -> None:
    x, t, _ = data
    optimizer = Adam(CosineDecay(0.1, t_max=200))
    training = fit(
        NETWORK, NETWORK.initialize(), x, t, loss=CrossEntropy(), optimizer=optimizer, epochs=200
    )
    output = NETWORK.predict(training.params, x)
    np.testing.assert_array_equal(output.argmax(axis=1), t)


def test_a_weight_of_2_trains_as_a_sample_that_is_there_twice(
    data: tuple[Array, Array, Array],
) -> None:
    x, t, _ = data
    counts = np.array([1, 2, 0, 1, 3, 1, 1])
    told: Any = {"loss": CrossEntropy(), "epochs": 5}
    weighted = fit(NETWORK, NETWORK.initialize(), x, t, sample_weight=counts, **told)
    repeated = fit(
        NETWORK, NETWORK.initialize(), np.repeat(x, counts, axis=0), np.repeat(t, counts), **told
    )
    np.testing.assert_allclose(weighted.losses, repeated.losses, **TOLERANCE)
    np.testing.assert_allclose(weighted.params, repeated.params, **TOLERANCE)


def test_an_epochs_mean_is_weighted_by_the_samples_weights(
    data: tuple[Array, Array, Array],
) -> None:
    # At a rate that moves nothing, the mean over batches is the loss of all samples at once.
    x, t, weights = data
    params, sgd = NETWORK.initialize(), SGD(1e-300)
    for loss in (CrossEntropy(), CrossEntropy(weight=(1, 5, 2))):
        state = start(NETWORK, params, sgd)
        told: Any = {"loss": loss, "optimizer": sgd, "sample_weight": weights, "epochs": 1}
        events = list(train(NETWORK, state, x, t, batch_size=3, **told))
        whole = loss.evaluate(NETWORK.predict(params, x), t, sample_weight=weights)
        assert isinstance(events[-1], EpochEvent)
        assert events[-1].loss == pytest.approx(whole.value, rel=1e-13)


def test_weights_go_with_their_samples_into_batches(data: tuple[Array, Array, Array]) -> None:
    x, _, weights = data
    t = np.zeros((SAMPLES, 3))
    state = start(NETWORK, NETWORK.initialize(), SGD(0.1))
    events = train(NETWORK, state, x, t, epochs=2, batch_size=3, sample_weight=weights)
    for event in events:
        if isinstance(event, StepEvent):
            forward = event.backward.forward
            rows = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in forward.input]
            expected = MSE().evaluate(forward.output, t[rows], sample_weight=weights[rows])
            assert event.loss == expected.value


def test_a_schedule_is_asked_for_every_update(data: tuple[Array, Array, Array]) -> None:
    x, t, _ = data
    schedule = CosineDecay(0.1, t_max=10)
    state = start(NETWORK, NETWORK.initialize(), SGD(schedule))
    told: Any = {"loss": CrossEntropy(), "optimizer": SGD(schedule)}
    for event in train(NETWORK, state, x, t, epochs=3, batch_size=3, **told):
        if isinstance(event, StepEvent):
            before = event.backward.forward.params
            moved = before - schedule.rate(event.step) * event.backward.gradient
            np.testing.assert_array_equal(event.state.params, moved)


def test_a_loss_without_one_value_cannot_be_trained(data: tuple[Array, Array, Array]) -> None:
    x, t, _ = data
    with pytest.raises(ConfigurationError, match="one for every entry; use 'mean' or 'sum'"):
        fit(NETWORK, NETWORK.initialize(), x, t, loss=CrossEntropy(reduction="none"))


@pytest.mark.parametrize(
    ("weights", "error", "sentence"),
    [
        (np.ones(6), ShapeError, r"are \(6,\); there must be one for each sample, \(7,\)"),
        (np.ones((7, 1)), ShapeError, r"sample weights are \(\d, 1\)"),
        (-np.ones(7), DataError, "at least 0"),
    ],
)
@pytest.mark.parametrize("size", [None, 3])
def test_sample_weights_that_cannot_be(
    weights: Array,
    error: type[ClearpropError],
    sentence: str,
    size: int | None,
    data: tuple[Array, Array, Array],
) -> None:
    x, t, _ = data
    with pytest.raises(error, match=sentence):
        fit(
            NETWORK,
            NETWORK.initialize(),
            x,
            t,
            loss=CrossEntropy(),
            batch_size=size,
            sample_weight=weights,
        )


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=str)
def test_a_training_that_breaks_goes_on_with_one_warning(
    optimizer: Optimizer, size: int | None
) -> None:
    # NumPy's own warnings are errors in these tests. Targets this far away overflow at once, which
    # no rate has done.
    x = 1e200 * np.random.default_rng(0).normal(size=(SAMPLES, 2))
    network = Network(Linear(2, 3))
    told: Any = {"optimizer": optimizer, "epochs": 4, "batch_size": size}
    with pytest.warns(DivergenceWarning, match=r"broke in step 0 .* scale the targets") as told_of:
        losses = fit(network, network.initialize(), x, x[:, [0, 1, 0]], **told).losses
    assert len(told_of) == 1
    assert not np.isfinite(losses[-1])
