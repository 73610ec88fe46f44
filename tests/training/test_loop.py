"""The training loop: what each event says, and that it is what a loop by hand computes."""

from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, Identity, Linear, LossResult, Network, ReLU, Sequential
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from clearprop.training import DivergenceWarning, EpochEvent, StepEvent, fit, start, train

Samples = tuple[Array, Array]


def steps(events: Any) -> list[StepEvent]:
    return [event for event in events if isinstance(event, StepEvent)]


def test_full_batch_training_is_the_loop_by_hand(
    network: Network, params: Array, samples: Samples
) -> None:
    x, t = samples
    expected, theta = [], params
    for _ in range(5):
        forward = network.forward(theta, x)
        loss = MSE().evaluate(forward.output, t)
        expected.append(loss.value)
        theta = theta - 0.1 * network.backward(forward, loss.gradient).gradient
    training = fit(network, params, x, t, optimizer=SGD(0.1), epochs=5)
    np.testing.assert_array_equal(training.losses, expected)
    np.testing.assert_array_equal(training.params, theta)
    assert training.state.step == 5


def test_a_loss_is_from_before_its_update(
    network: Network, params: Array, samples: Samples
) -> None:
    x, t = samples
    before = params
    for event in steps(train(network, start(network, params, SGD(0.1)), x, t, epochs=4)):
        assert event.loss == MSE().evaluate(network.predict(before, x), t).value
        np.testing.assert_array_equal(event.backward.forward.params, before)
        assert (event.state.params != before).any()
        before = event.state.params


def test_the_defaults_are_mse_and_sgd_at_a_hundredth_for_50_epochs(
    network: Network, params: Array, samples: Samples
) -> None:
    plain = fit(network, params, *samples)
    told = fit(network, params, *samples, loss=MSE(), optimizer=SGD(0.01), epochs=50, seed=0)
    assert plain.losses.shape == (50,)
    np.testing.assert_array_equal(plain.losses, told.losses)
    events = steps(train(network, start(network, params, SGD(0.01)), *samples))
    np.testing.assert_array_equal([event.loss for event in events], told.losses)


def test_events_come_in_order_and_count_from_0(
    network: Network, params: Array, samples: Samples
) -> None:
    state = start(network, params, SGD(0.1))
    events = list(train(network, state, *samples, epochs=2, batch_size=3))
    names = [
        (type(e).__name__, e.epoch, e.step if isinstance(e, StepEvent) else None) for e in events
    ]
    assert names == [
        ("StepEvent", 0, 0),
        ("StepEvent", 0, 1),
        ("StepEvent", 0, 2),
        ("EpochEvent", 0, None),
        ("StepEvent", 1, 3),
        ("StepEvent", 1, 4),
        ("StepEvent", 1, 5),
        ("EpochEvent", 1, None),
    ]
    # An epoch's event stands at its last step's state.
    assert events[3].state is events[2].state
    assert [e.state.step for e in events] == [1, 2, 3, 3, 4, 5, 6, 6]


@pytest.mark.parametrize("size", [None, 3])
def test_the_passes_of_a_step_are_made_again_when_they_are_asked_for(
    network: Network, params: Array, samples: Samples, size: int | None
) -> None:
    state = start(network, params, SGD(0.1), seed=4)
    events = [
        event
        for event in train(network, state, *samples, optimizer=SGD(0.1), epochs=2, batch_size=size)
        if isinstance(event, StepEvent)
    ]
    # Asked for long after the training has gone on, in any order.
    for event in reversed(events):
        backward = event.backward
        assert len(backward.records) == len(backward.forward.records) == 3
        assert backward.forward.params is event.before.params
        np.testing.assert_array_equal(
            event.state.params, event.before.params - 0.1 * backward.gradient
        )


def test_stacked_training_is_each_alone(samples: Samples) -> None:
    # tanh-free and small: every product is of at most seven terms.
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
    x, t = samples
    own_x = np.stack([x, -x, 2 * x])
    own_t = np.stack([t, t + 1, -t])
    params = network.initialize(range(3))
    for xs, ts in ((x, t), (own_x, t), (x, own_t), (own_x, own_t)):
        own = [name for name, array in (("x", xs), ("target", ts)) if array.ndim == 3]
        together = fit(network, params, xs, ts, epochs=6, batch_size=3, seed=4, own=own)
        assert together.losses.shape == (18, 3)
        for k in range(3):
            alone = fit(
                network,
                params[k],
                xs[k] if xs.ndim == 3 else xs,
                ts[k] if ts.ndim == 3 else ts,
                epochs=6,
                batch_size=3,
                seed=4,
            )
            # Sums in another order, carried through 18 steps.
            np.testing.assert_allclose(together.losses[:, k], alone.losses, rtol=1e-12)
            np.testing.assert_allclose(together.params[k], alone.params, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept_to_the_end(network: Network, samples: Samples, dtype: str) -> None:
    x, t = (array.astype(dtype) for array in samples)
    training = fit(network, network.initialize(0, dtype=dtype), x, t, epochs=3, batch_size=2)
    assert training.params.dtype == training.losses.dtype == dtype


def test_whole_number_targets_are_numbers(network: Network, samples: Samples) -> None:
    x = samples[0].astype("float32")
    t = np.arange(7)[:, None]
    training = fit(network, network.initialize(0, dtype="float32"), x, t, epochs=3)
    told = fit(network, network.initialize(0, dtype="float32"), x, t.astype("float32"), epochs=3)
    np.testing.assert_array_equal(training.losses, told.losses)
    assert training.params.dtype == np.float32


def test_nothing_that_was_handed_over_is_edited(
    network: Network, params: Array, samples: Samples
) -> None:
    handed = (params, *samples)
    before = [array.copy() for array in handed]
    fit(network, params, *samples, epochs=3, batch_size=2)
    for array, copy in zip(handed, before, strict=True):
        assert array.flags.writeable
        np.testing.assert_array_equal(array, copy)


def test_editing_the_data_between_two_events_changes_nothing(
    network: Network, params: Array, samples: Samples
) -> None:
    expected = fit(network, params, *samples, epochs=3).losses
    state = start(network, params, SGD(0.01))
    losses = []
    for event in train(network, state, *samples, epochs=3):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        for array in (params, *samples):
            array[...] = 99
    np.testing.assert_array_equal(losses, expected)


def test_the_states_arrays_are_read_only(network: Network, params: Array, samples: Samples) -> None:
    state = start(network, params, SGD(0.1))
    event = next(iter(train(network, state, *samples)))
    for array in (state.params, event.state.params):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_training_that_diverges_goes_on_with_no_warning_but_one(tutorial_data: Samples) -> None:
    # Warnings are errors in these tests: NumPy's of an overflow would be one.
    network = Network(Sequential(Linear(1, 10), Linear(10, 1)))
    params = np.random.RandomState(0).rand(31)
    with pytest.warns(DivergenceWarning):
        training = fit(network, params, *tutorial_data, optimizer=SGD(1.0), epochs=50)
    assert training.losses.shape == (50,)
    assert np.isfinite(training.losses[:3]).all()
    assert np.isinf(training.losses).any()
    assert np.isnan(training.losses[-1])
    losses = [
        event.loss
        for event in train(
            network,
            start(network, params, SGD(1.0)),
            *tutorial_data,
            optimizer=SGD(1.0),
            epochs=20,
            batch_size=30,
        )
    ]
    assert np.isnan(losses[-1])


def test_what_the_consumer_computes_still_warns(
    network: Network, params: Array, samples: Samples
) -> None:
    before = np.geterr()
    for _ in train(network, start(network, params, SGD(0.1)), *samples, epochs=2):
        assert np.geterr() == before
        with pytest.warns(RuntimeWarning, match="overflow"):
            np.float64(1e300) * np.float64(1e300)
    assert np.geterr() == before


def test_a_loss_of_ones_own_is_used(network: Network, params: Array, samples: Samples) -> None:
    class Twice(MSE):
        """Two times the mean squared error."""

        def evaluate(self, *args: Any, **kwargs: Any) -> LossResult:
            result = super().evaluate(*args, **kwargs)
            return LossResult(2 * result.total, result.weight, 2 * result.gradient)

    twice = fit(network, params, *samples, loss=Twice(), optimizer=SGD(0.05), epochs=3)
    plain = fit(network, params, *samples, optimizer=SGD(0.1), epochs=3)
    np.testing.assert_allclose(twice.losses, 2 * plain.losses, rtol=1e-14)


BAD_COUNTS: list[Any] = [0, -1, 1.0, "3", True]


@pytest.mark.parametrize("epochs", [*BAD_COUNTS, None])
def test_epochs_are_a_whole_number_above_0(
    network: Network, params: Array, samples: Samples, epochs: Any
) -> None:
    # Before the first step: the error comes from the call, not from the first event.
    with pytest.raises(ConfigurationError, match=r"^epochs must be a whole number of at least 1"):
        train(network, start(network, params, SGD(0.1)), *samples, epochs=epochs)


@pytest.mark.parametrize("size", [*BAD_COUNTS, 8])
def test_a_batch_size_is_a_whole_number_up_to_the_samples(
    network: Network, params: Array, samples: Samples, size: Any
) -> None:
    with pytest.raises(ConfigurationError, match=r"(?i)batch.size must be a whole number"):
        train(network, start(network, params, SGD(0.1)), *samples, batch_size=size)


@pytest.mark.parametrize("seed", [-1, 0.5, None, "1", False])
def test_a_seed_is_a_whole_number(
    network: Network, params: Array, samples: Samples, seed: Any
) -> None:
    with pytest.raises(ConfigurationError, match="seed must be a whole number of at least 0"):
        fit(network, params, *samples, seed=seed)


def test_whole_numbers_of_numpys_are_whole_numbers(
    network: Network, params: Array, samples: Samples
) -> None:
    one: Any = {"epochs": np.int64(2), "batch_size": np.int32(3), "seed": np.uint8(1)}
    told = fit(network, params, *samples, epochs=2, batch_size=3, seed=1)
    np.testing.assert_array_equal(fit(network, params, *samples, **one).losses, told.losses)


@pytest.mark.parametrize(
    ("x", "t", "error", "sentence"),
    [
        (np.ones((7, 2)), np.ones((6, 1)), ShapeError, "x has 7 samples and the target has 6"),
        (np.ones((7, 2)), np.ones(7), ShapeError, r"target.reshape\(-1, 1\)"),
        (np.ones((7, 2)), np.ones((7, 2)), ShapeError, "must have the same shape"),
        (np.ones((7, 3)), np.ones((7, 1)), ShapeError, r"takes \(N, 2\)"),
        (np.ones((0, 2)), np.ones((0, 1)), ShapeError, r"no samples"),
        (np.ones(7), np.ones((7, 1)), ShapeError, r"use x.reshape\(-1, 2\)"),
        (np.ones((7, 2)), np.array(1.0), ShapeError, "target has no axis of samples"),
        (np.ones((7, 2), "f4"), np.ones((7, 1)), DtypeError, "^x is float32"),
        (np.ones((7, 2)), np.ones((7, 1), "f4"), DtypeError, "^target is float32"),
    ],
)
def test_data_that_cannot_be_are_refused(
    network: Network, params: Array, x: Array, t: Array, error: type[Exception], sentence: str
) -> None:
    for size in (None, 3):
        with pytest.raises(error, match=sentence):
            fit(network, params, x, t, batch_size=size and min(size, max(len(x), 1)))


def test_a_done_training_has_nothing_more_to_do(
    network: Network, params: Array, samples: Samples
) -> None:
    training = fit(network, params, *samples, epochs=3)
    assert not list(train(network, training.state, *samples, epochs=3))
    more = list(train(network, training.state, *samples, epochs=4))
    assert [type(event) for event in more] == [StepEvent, EpochEvent]
    assert more[0].epoch == 3


def test_a_network_without_parameters_trains_to_nowhere(samples: Samples) -> None:
    network = Network(Identity())
    training = fit(network, np.empty(0), samples[0], samples[0], epochs=2)
    np.testing.assert_array_equal(training.losses, [0, 0])
