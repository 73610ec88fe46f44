"""A training that was interrupted after any step goes on as if it had not been."""

import json
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
    Adam,
    BatchNorm,
    Dropout,
    Linear,
    LossResult,
    Network,
    Optimizer,
    OptimizerState,
    ReLU,
    Schedule,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import DamagedFileError, FileError, UnknownNameError
from clearprop.formats import checked_file
from clearprop.formats import network_file as network_files
from clearprop.formats.checkpoints import load_checkpoint, save_checkpoint
from clearprop.formats.safetensors_layout import to_bytes
from clearprop.kinds.kind_tables import LOSS_EXAMPLES, OPTIMIZER_ROWS
from clearprop.kinds.row import LossExample
from clearprop.training import EpochEvent, StepEvent, TrainingState, fit, start, train
from tests.sweeps import first_of
from tests.training.running_mean import RunningMean

Samples = tuple[Array, Array]
PLAIN = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
WITH_STATE = Network(Sequential(RunningMean(2), Linear(2, 3), RunningMean(3), Linear(3, 1)))
NORMALIZED = Network(
    Sequential(Linear(2, 3), BatchNorm(3), Dropout(0.3), BatchNorm(3, momentum=None), Linear(3, 1))
)
TIED = Network(
    Sequential(Linear(2, 2), ReLU(), Linear(2, 2), Linear(2, 1)),
    tied={"layers[2].weight": "layers[0].weight"},
)


OPTIMIZER_CASES = [case for row in OPTIMIZER_ROWS.values() for case in row.examples]
LOSS_CASES = [case for cases in LOSS_EXAMPLES.values() for case in cases]


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


@pytest.mark.parametrize(
    "network",
    [PLAIN, WITH_STATE, NORMALIZED, TIED],
    ids=["plain", "state", "normalized", "tied"],
)
@pytest.mark.parametrize("seeds", [0, range(3)], ids=["alone", "stacked"])
@pytest.mark.parametrize("size", [None, 4], ids=["full batch", "batches of 4"])
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
        checkpoint = load_checkpoint(tmp_path / "at", kinds=[RunningMean])
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


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=str)
@pytest.mark.parametrize("seeds", [0, range(3)], ids=["alone", "stacked"])
@pytest.mark.parametrize("dtype", first_of(["float32", "float64"]))
def test_every_optimizer_resumes_bit_for_bit(
    tmp_path: Path, samples: Samples, optimizer: Optimizer, seeds: Any, dtype: str
) -> None:
    x, t = (array.astype(dtype) for array in samples)
    state = start(PLAIN, PLAIN.initialize(seeds, dtype=dtype), optimizer, seed=7)
    told: Any = {"optimizer": optimizer, "batch_size": 3}
    whole = list(train(PLAIN, state, x, t, epochs=2, **told))
    losses, _, last = numbers(whole)
    states = [event.state for event in whole if isinstance(event, StepEvent)]
    for done, at in enumerate(states[:-1], start=1):
        save_checkpoint(tmp_path / "at", PLAIN, at, loss=MSE(), **told)
        checkpoint = load_checkpoint(tmp_path / "at")
        assert checkpoint.optimizer == optimizer
        assert checkpoint.state.optimizer.step == done
        assert_same_tree(checkpoint.state.optimizer.slots, at.optimizer.slots)
        told["optimizer"] = checkpoint.optimizer
        rest = train(PLAIN, checkpoint.state, x, t, epochs=2, **told)
        rest_losses, _, rest_last = numbers(rest)
        np.testing.assert_array_equal(rest_losses, losses[done:])
        np.testing.assert_array_equal(rest_last.params, last.params)
        assert rest_last.params.dtype == dtype
        assert_same_tree(rest_last.optimizer.slots, last.optimizer.slots)


@pytest.mark.parametrize(
    "example", LOSS_CASES, ids=[f"{case.loss}-{case.target.__name__}" for case in LOSS_CASES]
)
@pytest.mark.parametrize("seeds", [0, range(3)], ids=["alone", "stacked"])
@pytest.mark.parametrize("own", first_of([False, True]), ids=["shared data", "own data"])
def test_every_loss_resumes_bit_for_bit(
    tmp_path: Path, example: LossExample, seeds: Any, own: bool
) -> None:
    if own and seeds == 0:
        return
    # A rate is above 0, as Sigmoid's values are.
    network = Network(Sequential(Linear(2, example.outputs), Sigmoid()))
    params = network.initialize(seeds, dtype="float32")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(7, 2)).astype("float32")
    targets = [example.target(generator, 7, example.outputs) for _ in range(3)]
    t = np.stack(targets) if own else targets[0]
    t = t.astype("float32") if t.dtype.kind == "f" else t
    # Weights of their own give every network another divisor of its mean.
    weight = generator.uniform(0.5, 2, (3, 7) if own else 7).astype("float32")
    told: Any = {"loss": example.loss, "batch_size": 3, "optimizer": Adam()}
    data: Any = {"x": x, "target": t, "sample_weight": weight, "epochs": 2}
    data["own"] = ["target", "sample_weight"] if own else []
    whole = list(train(network, start(network, params, Adam(), seed=7), **data, **told))
    losses, means, last = numbers(whole)
    for at in [event.state for event in whole if isinstance(event, StepEvent)][:-1]:
        save_checkpoint(tmp_path / "at", network, at, **told)
        checkpoint = load_checkpoint(tmp_path / "at")
        assert checkpoint.loss == example.loss
        assert np.shape(checkpoint.state.weight) == np.shape(at.weight)
        rest = train(checkpoint.network, checkpoint.state, **data, **told)
        rest_losses, rest_means, rest_last = numbers(rest)
        np.testing.assert_array_equal(rest_losses, losses[at.step :])
        np.testing.assert_array_equal(rest_means, means[len(means) - len(rest_means) :])
        assert {np.asarray(mean).dtype for mean in rest_means} == {np.asarray(means[0]).dtype}
        np.testing.assert_array_equal(rest_last.params, last.params)


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
    checkpoint = load_checkpoint(tmp_path / "at", kinds=[RunningMean])
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


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μv + g, θ ← θ − ηv: an optimizer that remembers, for these tests."""

    learning_rate: Schedule
    momentum: float = 0.9

    def start(self, params: Array) -> OptimizerState:
        return OptimizerState(0, {"velocity": np.zeros_like(params)})

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        velocity = self.momentum * state.slots["velocity"] + gradient
        new = OptimizerState(state.step + 1, {"velocity": velocity})
        return params - self.learning_rate.rate(state.step) * velocity, new


@dataclass(frozen=True)
class Halving(Schedule):
    """A schedule that only its author knows."""

    def rate(self, step: int) -> float:
        return 0.05 * 0.5**step


class Twice(MSE):
    """A loss that only its author knows."""

    def evaluate(self, *args: Any, **kwargs: Any) -> LossResult:
        result = super().evaluate(*args, **kwargs)
        return LossResult(2 * result.total, result.weight, 2 * result.gradient)


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
    assert isinstance(load_checkpoint(tmp_path / "at", kinds=[Own]).network.layer, Sequential)


def test_every_class_of_ones_own_is_handed_over(tmp_path: Path, samples: Samples) -> None:
    network = Network(Sequential(Linear(2, 1), Own()))
    momentum = Momentum(Halving())
    told: Any = {"optimizer": momentum, "loss": Twice(), "batch_size": 3}
    state = start(network, network.initialize(), momentum)
    whole = list(train(network, state, *samples, epochs=3, **told))
    half = numbers(whole[:4])[2]
    assert set(half.optimizer.slots) == {"velocity"}
    save_checkpoint(tmp_path / "at", network, half, **told)
    known: list[type[Configurable]] = [Own, Momentum, Halving, Twice]
    for missing in known:
        with pytest.raises(UnknownNameError, match=rf"'{missing.__name__}'.*kinds=\[...\]"):
            load_checkpoint(tmp_path / "at", kinds=[k for k in known if k is not missing])
    # An iterator serves as well as a list: it is gone through once.
    checkpoint = load_checkpoint(tmp_path / "at", kinds=iter(known))
    assert checkpoint.optimizer == momentum
    assert type(checkpoint.loss) is Twice
    told |= {"optimizer": checkpoint.optimizer, "loss": checkpoint.loss}
    rest = train(checkpoint.network, checkpoint.state, *samples, epochs=3, **told)
    np.testing.assert_array_equal(numbers(rest)[2].params, numbers(whole)[2].params)


def test_more_epochs_go_on_from_the_end(tmp_path: Path, samples: Samples) -> None:
    sgd = SGD(0.05)
    ended = fit(PLAIN, PLAIN.initialize(), *samples, optimizer=sgd, epochs=2, batch_size=3)
    save_checkpoint(tmp_path / "at", PLAIN, ended.state, optimizer=sgd, loss=MSE(), batch_size=3)
    checkpoint = load_checkpoint(tmp_path / "at")
    more = list(train(PLAIN, checkpoint.state, *samples, optimizer=sgd, epochs=4, batch_size=3))
    whole = fit(PLAIN, PLAIN.initialize(), *samples, optimizer=sgd, epochs=4, batch_size=3)
    np.testing.assert_array_equal(numbers(more)[2].params, whole.params)
    assert sum(isinstance(event, EpochEvent) for event in more) == 2


def test_a_training_state_can_be_pickled() -> None:
    network = Network(Linear(1, 1))
    state = start(network, network.initialize(), SGD(0.1))
    again = pickle.loads(pickle.dumps(state))
    np.testing.assert_array_equal(again.params, state.params)
    assert again.layers == state.layers


@pytest.mark.parametrize(
    "forged",
    [
        {"step": "3"},
        {"step": -1},
        {"step": True},
        {"seed": None},
        {"batch_size": [4]},
        {"optimizer": 7},
        {"optimizer": {"type": "MSE", "settings": {}}},
        {"loss": {"type": "MSE", "settings": {"colour": 1}}},
        {"weight": {}},
        "training",
        [1],
        7,
    ],
    ids=str,
)
def test_a_forged_training_with_a_right_checksum_is_one_sentence(
    forged: Any, tmp_path: Path
) -> None:
    network = Network(Linear(2, 1))
    path = tmp_path / "forged.safetensors"
    state = start(network, network.initialize(), SGD(0.1))
    save_checkpoint(path, network, state, optimizer=SGD(0.1), loss=MSE())
    with path.open("rb") as stream:
        metadata, arrays = checked_file._parse(stream, path, network_files.FORMAT)
    if isinstance(forged, dict):
        forged = {**json.loads(metadata["training"]), **forged}
    del metadata["sha256"]
    metadata["training"] = json.dumps(forged)
    metadata["sha256"] = checked_file._checksum(metadata, arrays)
    path.write_bytes(to_bytes(arrays, metadata))
    with pytest.raises((DamagedFileError, UnknownNameError)) as caught:
        load_checkpoint(path)
    assert "forged.safetensors' is damaged: " in str(caught.value) or forged["optimizer"]
    assert caught.value.message("zh-TW").endswith("。")
