"""What the kernels do not have is said in a sentence, and what cannot be is refused before they
read it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    BatchNorm,
    CrossEntropy,
    Embedding,
    Linear,
    Network,
    ReLU,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import DataError, DtypeError, ShapeError
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import Plan
from clearprop.engine.optimizers import Optimizer
from tests.compiled.both_engines import Task

X = np.linspace(-1, 1, 24).reshape(8, 3)
Y = np.linspace(0, 1, 16).reshape(8, 2)
IDS = np.arange(8) % 2
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
        (Sequential(Embedding(5, 2), Tanh()), np.arange(8), "takes"),
        (Sequential(Linear(3, 2), Softmax(-2)), X, "another axis"),
        (Sequential(Linear(3, 2)), X.reshape(8, 1, 3), "(N, features)"),
        (Sequential(Tanh(), Tanh()), Y, "nothing to compile"),
    ],
)
def test_layers(layer: Any, x: Array, words: str) -> None:
    task = Task(Network(layer), MSE(), SGD(0.1), x, Y)
    assert words.replace("takes", "(N, features)") in refused(task)


def test_ids_are_no_measurements() -> None:
    ids = np.arange(8).reshape(8, 1)
    found = refused(Task(Network(Sequential(Embedding(9, 2), Tanh())), MSE(), SGD(0.1), ids, Y))
    assert "Embedding, whose input is ids" in found


def test_losses_and_optimizers_of_ones_own() -> None:
    assert "OwnLoss is a loss" in refused(Task(NETWORK, OwnLoss(), SGD(0.1), X, Y))
    own: Optimizer = OwnOptimizer(0.1)
    assert "OwnOptimizer is an optimizer" in refused(Task(NETWORK, MSE(), own, X, Y))


@pytest.mark.parametrize(("batch_size", "plans"), [(1, False), (7, False), (4, True), (None, True)])
def test_a_batch_of_one_has_no_variance(batch_size: int | None, plans: bool) -> None:
    network = Network(Sequential(Linear(3, 2), BatchNorm(2)))
    task = Task(network, MSE(), SGD(0.1), X, Y, batch_size=batch_size)
    assert isinstance(task.plan("float64"), Plan) == plans


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
    assert isinstance(Task(NETWORK, CrossEntropy(), SGD(0.1), X, ids).plan("float64"), Plan)


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
