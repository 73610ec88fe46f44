"""Everything of the catalogues can be written, and everything written is said in both languages."""

import numpy as np
import pytest

from clearprop import Embedding, Identity, Layer, Linear, Network, Sequential, Tanh
from clearprop.base import messages
from clearprop.base.errors import ClearpropError, ContractError
from clearprop.engine.combinators import Residual
from clearprop.engine.layers.activations import Activation
from clearprop.engine.losses import MSE
from clearprop.engine.optimizers import SGD, Clipped
from clearprop.engine.schedules import Schedule
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSSES, OPTIMIZERS
from clearprop.reading.programs import Recipe, write_program
from clearprop.reading.programs.passes import passes_of
from tests.own_combinators import Added
from tests.programs.cases import small


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_everything_written_has_its_sentence(language: str) -> None:
    known = messages.table(language, "programs")
    layers: list[type] = [*LAYER_ROWS, Residual]
    for kind in layers:
        assert known[f"forward.{kind.__name__}"]
        assert known[f"backward.{kind.__name__}"]
    assert {f"loss.{name}" for name in LOSSES} <= set(known)
    assert {f"update.{name}" for name in OPTIMIZERS if name != "Clipped"} <= set(known)


class Cube(Tanh):
    """A layer of a user's own, though of a class of the catalogue."""


class OwnLoss(MSE):
    """A loss of a user's own."""


class OwnRule(SGD):
    """An optimizer of a user's own."""


class OwnSchedule(Schedule):
    """A schedule of a user's own."""

    def rate(self, step: int) -> float:
        return 0.1


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (Recipe(Network(Sequential(Linear(1, 1), Cube()))), "Cube is a layer of your own"),
        (Recipe(small().network, loss=OwnLoss()), "OwnLoss is a loss of your own"),
        (Recipe(small().network, optimizer=OwnRule(0.1)), "OwnRule is an optimizer of your own"),
        (
            Recipe(small().network, optimizer=Clipped(OwnRule(0.1), norm=1)),
            "OwnRule is an optimizer of your own",
        ),
        (
            Recipe(small().network, optimizer=SGD(OwnSchedule())),
            "OwnSchedule is a schedule of your own",
        ),
        (Recipe(Network(Tanh())), "no parameters, so there is nothing to train"),
        (Recipe(small().network, loss=MSE(reduction="none")), "none"),
        (Recipe(small().network, epochs=0), "epochs"),
        (Recipe(small().network, batch_size=0), "batch_size"),
        (Recipe(small().network, batch_size=101), "101"),
        (Recipe(small().network, small().network.initialize([0, 1])), "2 networks as one"),
        (Recipe(small().network, dtype="float16"), "float16"),
        (Recipe(small().network, seed=-1), "seed"),
    ],
)
def test_what_cannot_be_written_is_refused(recipe: Recipe, sentence: str) -> None:
    with pytest.raises(ClearpropError, match=sentence) as caught:
        write_program(recipe)
    assert caught.value.message("zh-TW") != caught.value.message("en")


def test_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(ClearpropError, match="tlh"):
        write_program(small(), language="tlh")


def test_an_activation_of_ones_own_is_refused_by_its_name() -> None:
    class Square(Activation):
        def value(self, z):  # type: ignore[no-untyped-def]
            return z * z

        def derivative(self, z, a):  # type: ignore[no-untyped-def]
            return 2 * z

    with pytest.raises(ClearpropError, match=r"Square is a layer of your own.*Known are Linear"):
        write_program(Recipe(Network(Sequential(Linear(1, 1), Square()))))


@pytest.mark.parametrize("layer", [Residual(Embedding(4, 3)), Added(Embedding(4, 3), Identity())])
def test_ids_that_are_added_to_something_are_refused_by_the_place(layer: Layer) -> None:
    network = Network(Sequential(layer, Linear(3, 1)))
    with pytest.raises(ContractError, match=r"layers\[0\]\.(branch|left)"):
        passes_of(network, np.array([0, 1]))
