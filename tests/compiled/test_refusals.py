"""What the kernels do not have is said in a sentence, and what cannot be is refused before they
read it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    MSE,
    SGD,
    BatchNorm,
    Concatenate,
    Conv2d,
    CrossEntropy,
    Embedding,
    Flatten,
    GlobalAverage,
    Linear,
    Network,
    Pad,
    ReLU,
    Sequential,
    Softmax,
    Tanh,
    fit,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DataError, DtypeError, ShapeError
from clearprop.compiled.buffers import Buffers
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import TrainingPlan
from clearprop.engine.optimizers import Optimizer
from clearprop.teaching.showpieces.gpt_network import gpt
from tests.compiled.both_engines import Task

X = np.linspace(-1, 1, 24).reshape(8, 3)
Y = np.linspace(0, 1, 16).reshape(8, 2)
IDS = np.arange(8) % 2
SEQUENCES = np.zeros((8, 5, 3))
NETWORK = Network(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))


class OwnReLU(ReLU):
    """A layer of one's own, which may compute anything."""


class OwnLoss(MSE):
    """A loss of one's own."""


@dataclass(frozen=True)
class OwnOptimizer(SGD):
    """An optimizer of one's own."""


def refused(task: Task) -> str:
    found = task.plan("float64")
    assert isinstance(found, Refusal)
    # In both languages, with every field.
    assert found.message("zh-TW") != found.message("en")
    return found.message("en")


@pytest.mark.parametrize(
    ("layer", "x", "words"),
    [
        (Sequential(Linear(3, 2), OwnReLU()), X, "layers[1] is OwnReLU, a layer of your own"),
        (Sequential(Linear(3, 2), Softmax(-2)), X, "another axis"),
        (Sequential(Tanh(), Tanh()), Y, "nothing to compile"),
    ],
)
def test_layers(layer: Any, x: Array, words: str) -> None:
    task = Task(Network(layer), MSE(), SGD(0.1), x, Y)
    assert words in refused(task)


@pytest.mark.parametrize(
    ("network", "x", "words"),
    [
        (Network(Sequential(LSTM(3, 2, projection=1))), SEQUENCES, "LSTM with a projection"),
        (Network(Sequential(LSTM(3, 2, peepholes=True))), SEQUENCES, "LSTM with peepholes"),
        (Network(Sequential(GRU(3, 2, reset_after=False))), SEQUENCES, "GRU whose reset gate"),
        (
            gpt(9),
            np.zeros((4, 64), int),
            "is LearnedPositions, which the compiled kernels do not have",
        ),
    ],
    ids=["projection", "peepholes", "reset_after", "micro-GPT"],
)
def test_the_layer_is_named_before_its_input(network: Network, x: Array, words: str) -> None:
    assert words in refused(Task(network, MSE(), SGD(0.1), x, Y))


IMAGES = np.random.default_rng(3).normal(size=(8, 2, 3, 4))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Pad((1, 1, 0, 0, 0, 1)), Flatten()), "layers[1] is Pad around every axis of a sample"),
        (
            (Concatenate(Tanh(), ReLU(), axis=-2), Flatten()),
            "layers[1] puts wires side by side along axis -2, between the first and the last",
        ),
        ((OwnReLU(), Conv2d(2, 2, 3), Flatten()), "layers[1] is OwnReLU, a layer of your own"),
        ((Softmax(-3), Flatten()), "layers[1] is Softmax over another axis"),
    ],
)
def test_layers_of_images(layers: Any, words: str) -> None:
    network = Network(Sequential(Conv2d(2, 2, 1), *layers))
    assert words in refused(Task(network, MSE(), SGD(0.1), IMAGES, Y))


def test_tied_kernels_that_see_other_channels() -> None:
    layers = Sequential(Conv2d(2, 4, 1), Conv2d(4, 4, 1, groups=2), GlobalAverage(), Linear(4, 2))
    network = Network(layers, {"layers[1].weight": "layers[0].weight"})
    words = "layers[1].weight is tied to layers[0].weight, which is used otherwise there"
    assert words in refused(Task(network, MSE(), SGD(0.1), IMAGES, Y))


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (IMAGES[:, 0], "N samples of so many channels"),
        (IMAGES.transpose(0, 2, 3, 1), "the channels behind the samples"),
        (IMAGES[..., :2], "does not fit an image"),
    ],
)
def test_images_that_do_not_fit_are_told_as_in_numpy(x: Array, words: str, engine: str) -> None:
    network = Network(Sequential(Conv2d(2, 3, 3), GlobalAverage(), Linear(3, 2)))
    with pytest.raises(ShapeError, match=words):
        fit(network, network.initialize(seed=0), x, Y, loss=MSE(), epochs=1, engine=engine)


def test_ids_are_those_of_the_data() -> None:
    inside = Network(Sequential(Linear(3, 3), Embedding(9, 8)))
    assert "is Embedding, whose ids" in refused(Task(inside, MSE(), SGD(0.1), X, X))
    network = Network(Sequential(Embedding(9, 8), Linear(8, 2)))
    target = np.zeros((8, 3, 2))
    assert "float32 or float64" in refused(Task(network, MSE(), SGD(0.1), X, target))


def test_losses_and_optimizers_of_ones_own() -> None:
    assert "OwnLoss is a loss" in refused(Task(NETWORK, OwnLoss(), SGD(0.1), X, Y))
    own: Optimizer = OwnOptimizer(0.1)
    assert "OwnOptimizer is an optimizer" in refused(Task(NETWORK, MSE(), own, X, Y))


@pytest.mark.parametrize(("batch_size", "plans"), [(1, False), (7, False), (4, True), (None, True)])
def test_a_batch_of_one_has_no_variance(batch_size: int | None, plans: bool) -> None:
    network = Network(Sequential(Linear(3, 2), BatchNorm(2)))
    task = Task(network, MSE(), SGD(0.1), X, Y, batch_size=batch_size)
    assert isinstance(task.plan("float64"), TrainingPlan) == plans


@pytest.mark.parametrize("x", [X.astype("float32"), X.astype(int), X.astype(complex)])
def test_other_dtypes_are_left_to_numpy(x: Array) -> None:
    assert "float32 or float64" in refused(Task(NETWORK, MSE(), SGD(0.1), x, Y))


@pytest.mark.parametrize(("x", "batch_size"), [(X[:0], None), (X, 0), (X, -1)])
def test_empty_batches(x: Array, batch_size: int | None) -> None:
    with pytest.raises(ConfigurationError):
        Task(NETWORK, MSE(), SGD(0.1), x, Y, batch_size=batch_size).plan("float64")


def test_ids_are_looked_at_again_where_they_are_copied() -> None:
    ids = IDS.copy()
    plan = Task(NETWORK, CrossEntropy(), SGD(0.1), X, ids).plan("float64")
    assert isinstance(plan, TrainingPlan)
    ids[3] = 7
    with pytest.raises(DataError):
        Buffers(plan, X, ids)
    ids[3] = 1
    buffers = Buffers(plan, X, ids)
    ids[3] = 7
    assert buffers.target[3] == 1


@pytest.mark.parametrize("wrong", [-1, 2, 2**40, -(2**63)])
def test_ids_out_of_range(wrong: int) -> None:
    ids = IDS.copy()
    ids[5] = wrong
    for batch_size in (None, 3):
        task = Task(NETWORK, CrossEntropy(), SGD(0.1), X, ids, batch_size=batch_size)
        with pytest.raises(DataError):
            task.plan("float64")


def test_ids_that_are_left_out_are_no_mistake() -> None:
    ids = IDS.copy()
    ids[5] = -100
    assert isinstance(Task(NETWORK, CrossEntropy(), SGD(0.1), X, ids).plan("float64"), TrainingPlan)


@pytest.mark.parametrize(
    ("target", "weights", "error"),
    [
        (Y[:, :1], None, ShapeError),
        (Y.astype("float32"), None, DtypeError),
        (Y, np.ones(7), ShapeError),
        (Y, -np.ones(8), DataError),
        (Y, np.full(8, np.nan), DataError),
    ],
)
def test_targets_and_weights_that_cannot_be(
    target: Array, weights: Array | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Task(NETWORK, MSE(), SGD(0.1), X, target, weights).plan("float64")
