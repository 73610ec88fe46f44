"""Mini-batches: every sample once an epoch, shuffled anew, and means that weigh rightly."""

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    MSE,
    RNN,
    SGD,
    BatchNorm,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
    fit,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError, ShapeError
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Tree
from clearprop.training import EpochEvent, StepEvent, start, train

# y = w·x with x numbered from 1: the input of a step's records says which samples it took.
NETWORK = Network(Linear(1, 1, bias=False))
PARAMS = np.array([0.5])


def run(samples: int, size: int | None, *, epochs: int = 2, seed: int = 0) -> tuple[Any, Any]:
    x = np.arange(1.0, samples + 1)[:, None]
    state = start(NETWORK, PARAMS, SGD(1e-4), seed=seed)
    events = list(
        train(NETWORK, state, x, 3 * x, optimizer=SGD(1e-4), epochs=epochs, batch_size=size)
    )
    return (
        [event for event in events if isinstance(event, StepEvent)],
        [event for event in events if isinstance(event, EpochEvent)],
    )


def taken(steps: list[StepEvent], epoch: int) -> list[list[int]]:
    return [
        step.backward.forward.input[:, 0].astype(int).tolist()
        for step in steps
        if step.epoch == epoch
    ]


@given(samples=st.integers(1, 12), size=st.integers(1, 12), seed=st.integers(0, 9))
def test_every_sample_is_taken_once_in_every_epoch(samples: int, size: int, seed: int) -> None:
    size = min(size, samples)
    steps, _ = run(samples, size, seed=seed)
    for epoch in range(2):
        batches = taken(steps, epoch)
        assert sorted(chain.from_iterable(batches)) == list(range(1, samples + 1))
        # All of the size asked for, and the last one what is left.
        full, rest = divmod(samples, size)
        assert [len(batch) for batch in batches] == [size] * full + [rest] * (rest > 0)


def test_target_and_input_stay_together() -> None:
    # t = 3x, so a step's loss is (w − 3)² · mean x² of the very samples that it took.
    steps, _ = run(7, 3)
    for step in steps:
        x = step.backward.forward.input
        w = step.backward.forward.params[0]
        assert step.loss == pytest.approx(float((w - 3) ** 2 * np.mean(x**2)), rel=1e-13)


def test_the_shuffle_is_seeded_and_differs_between_epochs() -> None:
    first, again, other = (taken(run(20, 5, seed=seed)[0], 0) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    steps, _ = run(20, 5, seed=1)
    assert taken(steps, 0) != taken(steps, 1)
    assert list(chain.from_iterable(first)) != list(range(1, 21))


def test_a_full_batch_is_not_shuffled() -> None:
    for size in (None, 6):
        steps, _ = run(6, size)
        assert taken(steps, 0) == taken(steps, 1) == [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_an_epochs_mean_is_weighted_by_batch_size(size: int) -> None:
    # 7 samples in batches of 3, 3 and 1: the plain mean of the steps would weigh the last
    # sample three times.
    steps, epochs = run(7, size)
    for event in epochs:
        of_epoch = [step for step in steps if step.epoch == event.epoch]
        sizes = [len(step.backward.forward.input) for step in of_epoch]
        expected = sum(s * step.loss for s, step in zip(sizes, of_epoch, strict=True)) / 7
        assert event.loss == pytest.approx(expected, rel=1e-14)
        if size == 3:
            plain = float(np.mean([step.loss for step in of_epoch]))
            assert abs(event.loss - plain) > 0.01 * plain


def test_an_epochs_mean_by_hand() -> None:
    # w = 0, so a sample's squared error is t², whatever the update (its gradient 2x(wx − t) is 0
    # for x = 0): t = 1, 2, 3 in batches of 2 and 1. The mean is (1 + 4 + 9)/3 in any order.
    network = Network(Linear(1, 1, bias=False))
    x, t = np.zeros((3, 1)), np.array([[1.0], [2], [3]])
    state = start(network, np.zeros(1), SGD(0.1))
    events = list(train(network, state, x, t, epochs=1, batch_size=2))
    assert isinstance(events[-1], EpochEvent)
    assert events[-1].loss == 14 / 3


def test_the_running_total_starts_anew_every_epoch() -> None:
    steps, _ = run(7, 3)
    weights = [step.state.weight for step in steps]
    assert weights == [3, 6, 0, 3, 6, 0]
    assert steps[2].state.total == steps[5].state.total == 0
    assert steps[1].state.total == pytest.approx(3 * (steps[0].loss + steps[1].loss), rel=1e-14)


def test_stacked_networks_take_the_same_samples() -> None:
    x = np.arange(1.0, 8)[:, None]
    own = np.stack([x, 10 * x])
    told: Any = {"optimizer": SGD(1e-5), "epochs": 1, "batch_size": 3}
    for data, target, names in ((x, x, ()), (own, x, ["x"]), (x, own, ["target"])):
        state = start(NETWORK, np.array([[0.5], [0.25]]), SGD(1e-5), seed=3)
        events = train(NETWORK, state, data, target, own=names, **told)
        steps: list[Any] = [event for event in events if isinstance(event, StepEvent)]
        batches = [s.backward.forward.input for s in steps]
        if data is own:
            for batch in batches:
                np.testing.assert_array_equal(batch[1], 10 * batch[0])
            batches = [batch[0] for batch in batches]
        order: Array = np.concatenate(batches)[:, 0]
        assert sorted(order) == list(range(1, 8))
        assert steps[0].loss.shape == (2,)


def test_the_mean_of_stacked_networks_is_one_for_each() -> None:
    x = np.arange(1.0, 8)[:, None]
    state = start(NETWORK, np.array([[0.5], [0.25]]), SGD(1e-5))
    *_, last = train(NETWORK, state, x, x, optimizer=SGD(1e-5), epochs=1, batch_size=3)
    assert isinstance(last, EpochEvent)
    for k, w in enumerate((0.5, 0.25)):
        alone = start(NETWORK, np.array([w]), SGD(1e-5))
        *_, single = train(NETWORK, alone, x, x, optimizer=SGD(1e-5), epochs=1, batch_size=3)
        assert last.loss[k] == pytest.approx(single.loss, rel=1e-13)


def test_a_batchs_gradient_is_that_of_its_own_mean() -> None:
    steps, _ = run(7, 3)
    for step in steps:
        forward = step.backward.forward
        alone = MSE().evaluate(forward.output, 3 * forward.input)
        np.testing.assert_array_equal(step.backward.output_gradient, alone.gradient)


def test_side_inputs_are_taken_with_their_samples_or_shared_by_all() -> None:
    # As many samples as positions: a mask with two axes is that of all samples, one with three has
    # an entry for each, and both make the same training.
    generator = np.random.default_rng(0)
    network = Network(Sequential(MultiheadAttention(4, 2), Linear(4, 2)))
    params = network.initialize(0)
    x, target = generator.normal(size=(5, 5, 4)), generator.normal(size=(5, 5, 2))
    padding = np.arange(5) >= generator.integers(2, 6, 5)[:, None]
    later = ~np.tri(5, dtype=bool)
    run = partial(fit, network, params, x, target, epochs=2, batch_size=2)  # 2, 2 and 1 samples
    shared = run(side_inputs={"attn_mask": later, "key_padding_mask": padding})
    each = run(side_inputs={"attn_mask": np.stack([later] * 5), "key_padding_mask": padding})
    np.testing.assert_array_equal(shared.losses, each.losses)
    assert not np.array_equal(shared.losses, run(side_inputs={"attn_mask": later}).losses)
    with pytest.raises(ShapeError, match="each of the 5 samples"):
        run(side_inputs={"attn_mask": np.stack([later] * 4)})


def test_a_start_of_each_network_is_taken_along_its_samples() -> None:
    generator = np.random.default_rng(1)
    network = Network(RNN(2, 3))
    params = np.stack([network.initialize(seed) for seed in range(2)])
    x, target = generator.normal(size=(4, 3, 2)), generator.normal(size=(4, 3, 3))
    start_of_each = generator.normal(size=(2, 4, 3))
    both = fit(network, params, x, target, batch_size=3, side_inputs={"hidden": start_of_each})
    for own, first, losses in zip(params, start_of_each, both.losses.T, strict=True):
        one = fit(network, own, x, target, batch_size=3, side_inputs={"hidden": first})
        np.testing.assert_allclose(one.losses, losses, rtol=1e-12)


def test_a_side_input_that_one_layer_shares_and_another_does_not_is_refused() -> None:
    @dataclass(frozen=True)
    class Shifted(Layer):
        """y = x + attn_mask, a row (N, D) of numbers for every sample."""

        def side_inputs(self) -> tuple[str, ...]:
            return ("attn_mask",)

        def forward(self, params: Tree, x: Array, context: Context) -> Forward:
            return x, None, {}

        def backward(self, params: Tree, cache: None, dy: Array) -> Backward:
            return dy, {}

    network = Network(Sequential(MultiheadAttention(4, 2), Shifted()))
    x = np.zeros((3, 3, 4))
    with pytest.raises(ContractError, match="by its path"):
        fit(network, network.initialize(0), x, x, side_inputs={"attn_mask": np.zeros((3, 3))})


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_a_single_sample_left_over_is_refused_before_the_first_step(engine: str) -> None:
    network = Network(Sequential(Linear(1, 2), BatchNorm(2), Linear(2, 1)))
    x = np.arange(1.0, 8)[:, None]
    state = start(network, network.initialize(seed=0), SGD(0.1))
    told: Any = {"optimizer": SGD(0.1), "epochs": 2, "engine": engine}
    with pytest.raises(ShapeError, match=r"layers\[1\].*leaves no single sample over"):
        next(train(network, state, x, x, batch_size=3, **told))
    for size in (4, None):
        first = next(train(network, state, x, x, batch_size=size, **told))
        assert isinstance(first, StepEvent)
    # A training that has ended takes no step, and so no step of one.
    ended = state._replace(step=6)
    assert list(train(network, ended, x, x, batch_size=3, **told)) == []
