"""A training that was interrupted after any step goes on as if it had not been."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Activation,
    Linear,
    Network,
    Optimizer,
    OptimizerState,
    ReLU,
    Sequential,
    Tanh,
)
from clearprop import files as network_files
from clearprop.arrays import Array
from clearprop.errors import ConfigurationError, FileError, UnknownNameError
from clearprop.optimizers import OPTIMIZERS
from clearprop.training import (
    EpochEvent,
    StepEvent,
    TrainingState,
    fit,
    load_checkpoint,
    save_checkpoint,
    start,
    train,
)
from tests.training.running_mean import RunningMean

Samples = tuple[Array, Array]
PLAIN = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
WITH_STATE = Network(Sequential(RunningMean(2), Linear(2, 3), RunningMean(3), Linear(3, 1)))
TIED = Network(
    Sequential(Linear(2, 2), ReLU(), Linear(2, 2), Linear(2, 1)),
    tied={"layers[2].weight": "layers[0].weight"},
)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μv + g, θ ← θ − ηv: an optimizer that remembers, for these tests."""

    learning_rate: float = 0.05
    momentum: float = 0.9

    def start(self, params: Array) -> OptimizerState:
        return OptimizerState(0, {"velocity": np.zeros_like(params)})

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        velocity = self.momentum * state.slots["velocity"] + gradient
        new = OptimizerState(state.step + 1, {"velocity": velocity})
        return params - self.learning_rate * velocity, new


def numbers(events: Any) -> tuple[list[Any], list[Any], TrainingState]:
    """Every step's loss, every epoch's mean, and the last state."""
    losses: list[Any] = []
    means: list[Any] = []
    for event in events:
        (losses if isinstance(event, StepEvent) else means).append(event.loss)
        state = event.state
    return losses, means, state


def assert_same_tree(one: Any, other: Any) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        if isinstance(value, np.ndarray | np.generic):
            np.testing.assert_array_equal(value, other[name])
        else:
            assert_same_tree(value, other[name])


@pytest.mark.parametrize("network", [PLAIN, WITH_STATE, TIED], ids=["plain", "state", "tied"])
@pytest.mark.parametrize("seeds", [0, range(3)], ids=["alone", "stacked"])
@pytest.mark.parametrize("size", [None, 3], ids=["full batch", "batches of 3"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_resuming_after_every_step_is_bit_for_bit_the_uninterrupted_run(
    tmp_path: Path, samples: Samples, network: Network, seeds: Any, size: int | None, dtype: str
) -> None:
    x, t = (array.astype(dtype) for array in samples)
    params = network.initialize(seeds, dtype=dtype)
    sgd = SGD(0.05)
    told: Any = {"optimizer": sgd, "loss": MSE(), "batch_size": size}
    whole = list(train(network, start(network, params, sgd, seed=7), x, t, epochs=3, **told))
    losses, means, last = numbers(whole)
    states = [event.state for event in whole if isinstance(event, StepEvent)]

    for done, state in enumerate(states[:-1], start=1):
        save_checkpoint(tmp_path / "at", network, state, **told)
        checkpoint = load_checkpoint(tmp_path / "at", classes=[RunningMean])
        assert checkpoint.network == network
        assert (checkpoint.optimizer, checkpoint.loss) == (sgd, MSE())
        assert checkpoint.batch_size == size
        events = list(
            train(
                checkpoint.network,
                checkpoint.state,
                x,
                t,
                epochs=3,
                optimizer=checkpoint.optimizer,
                loss=checkpoint.loss,
                batch_size=checkpoint.batch_size,
            )
        )
        rest_losses, rest_means, rest_last = numbers(events)
        np.testing.assert_array_equal(rest_losses, losses[done:])
        np.testing.assert_array_equal(rest_means, means[len(means) - len(rest_means) :])
        # A mean of one network is a number before and after, and not an array of one.
        assert {np.shape(mean) for mean in rest_means} == {np.shape(means[0])}
        np.testing.assert_array_equal(rest_last.params, last.params)
        assert rest_last.params.dtype == dtype
        assert rest_last.step == last.step
        assert_same_tree(rest_last.layers, last.layers)


@pytest.mark.parametrize("seeds", [0, range(3)], ids=["alone", "stacked"])
def test_an_optimizers_memory_is_kept(
    tmp_path: Path, samples: Samples, seeds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "Momentum", Momentum)
    momentum = Momentum()
    state = start(PLAIN, PLAIN.initialize(seeds), momentum)
    whole = list(train(PLAIN, state, *samples, optimizer=momentum, epochs=4))
    half = numbers(whole[:4])[2]
    assert set(half.optimizer.slots) == {"velocity"}
    save_checkpoint(tmp_path / "at", PLAIN, half, optimizer=momentum, loss=MSE())
    checkpoint = load_checkpoint(tmp_path / "at")
    assert checkpoint.optimizer == momentum
    assert checkpoint.state.optimizer.step == 2
    rest = train(PLAIN, checkpoint.state, *samples, optimizer=checkpoint.optimizer, epochs=4)
    np.testing.assert_array_equal(numbers(rest)[2].params, numbers(whole)[2].params)


def test_a_state_is_loaded_as_it_was_saved(tmp_path: Path, samples: Samples) -> None:
    sgd = SGD(0.1)
    start_state = start(WITH_STATE, WITH_STATE.initialize(), sgd, seed=11)
    event = next(iter(train(WITH_STATE, start_state, *samples, optimizer=sgd, batch_size=3)))
    save_checkpoint(
        tmp_path / "at",
        WITH_STATE,
        event.state,
        optimizer=sgd,
        loss=MSE(),
        batch_size=3,
        arrays={"x": samples[0]},
        notes={"title": "half-way"},
    )
    checkpoint = load_checkpoint(tmp_path / "at", classes=[RunningMean])
    state = checkpoint.state
    assert (state.step, state.seed, state.weight) == (1, 11, 3)
    # A number, as it was; not an array of one.
    assert state.total == event.state.total
    assert np.shape(state.total) == ()
    assert_same_tree(state.layers, event.state.layers)
    assert checkpoint.notes == {"title": "half-way"}
    assert list(checkpoint.arrays) == ["x"]
    np.testing.assert_array_equal(checkpoint.arrays["x"], samples[0])


def test_a_batch_size_of_numpys_is_kept_as_a_whole_number(tmp_path: Path) -> None:
    size: Any = np.int64(3)
    state = start(PLAIN, PLAIN.initialize(), SGD(0.1))
    save_checkpoint(tmp_path / "at", PLAIN, state, optimizer=SGD(0.1), loss=MSE(), batch_size=size)
    assert load_checkpoint(tmp_path / "at").batch_size == 3


def test_a_checkpoint_is_a_saved_network_too(tmp_path: Path) -> None:
    params = PLAIN.initialize()
    state = start(PLAIN, params, SGD(0.1))
    save_checkpoint(tmp_path / "at", PLAIN, state, optimizer=SGD(0.1), loss=MSE())
    np.testing.assert_array_equal(network_files.load(tmp_path / "at").params, params)


def test_a_network_without_a_training_is_refused(tmp_path: Path) -> None:
    network_files.save(tmp_path / "at", PLAIN, PLAIN.initialize(), notes={"a": 1})
    with pytest.raises(FileError, match="holds a network but no training to go on with"):
        load_checkpoint(tmp_path / "at")


class Own(Activation):
    """A layer that only its author knows."""

    def value(self, z: Array) -> Array:
        return z * z

    def derivative(self, z: Array, a: Array) -> Array:
        return 2 * z


def test_a_layer_of_ones_own_is_handed_over(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(1, 1), Own()))
    state = start(network, network.initialize(), SGD(0.1))
    save_checkpoint(tmp_path / "at", network, state, optimizer=SGD(0.1), loss=MSE())
    with pytest.raises(UnknownNameError, match="'Own'"):
        load_checkpoint(tmp_path / "at")
    assert isinstance(load_checkpoint(tmp_path / "at", classes=[Own]).network.layer, Sequential)


def test_more_epochs_go_on_from_the_end(tmp_path: Path, samples: Samples) -> None:
    sgd = SGD(0.05)
    ended = fit(PLAIN, PLAIN.initialize(), *samples, optimizer=sgd, epochs=2, batch_size=3)
    save_checkpoint(tmp_path / "at", PLAIN, ended.state, optimizer=sgd, loss=MSE(), batch_size=3)
    checkpoint = load_checkpoint(tmp_path / "at")
    more = list(train(PLAIN, checkpoint.state, *samples, optimizer=sgd, epochs=4, batch_size=3))
    whole = fit(PLAIN, PLAIN.initialize(), *samples, optimizer=sgd, epochs=4, batch_size=3)
    np.testing.assert_array_equal(numbers(more)[2].params, whole.params)
    assert sum(isinstance(event, EpochEvent) for event in more) == 2


@pytest.mark.parametrize(
    "kept", [{"arrays": {"training.total": np.ones(1)}}, {"notes": {"training": 1}}]
)
def test_names_of_the_trainings_own_are_refused(kept: dict[str, Any], tmp_path: Path) -> None:
    network = Network(Linear(1, 1))
    state = start(network, network.initialize(), SGD(0.1))
    with pytest.raises(ConfigurationError, match="is taken by the training itself"):
        save_checkpoint(tmp_path / "file", network, state, optimizer=SGD(0.1), loss=MSE(), **kept)
    assert list(tmp_path.iterdir()) == []


def test_a_training_state_can_be_pickled() -> None:
    network = Network(Linear(1, 1))
    state = start(network, network.initialize(), SGD(0.1))
    again = pickle.loads(pickle.dumps(state))
    np.testing.assert_array_equal(again.params, state.params)
    assert again.layers == state.layers
