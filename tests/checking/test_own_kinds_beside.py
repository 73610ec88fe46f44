"""Layers and losses of one's own with what a training takes, with states and lengths beside x, and
beside a reference."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    Context,
    GRUCell,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
    Tanh,
    TimeStep,
    check,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError, UnknownNameError
from clearprop.checking.gallery import planted
from clearprop.checking.gallery.specimen import STRANGER
from clearprop.checking.request import answer
from clearprop.checking.subjects.own_kinds import layer_subject
from clearprop.checking.verdict import FindingKind
from clearprop.engine.layers.layer import Backward, Forward, Layer, Tree
from clearprop.engine.layers.recurrent_arrays import RecurrentCache
from tests.checking.mistaken_layers import ALONE, X, spoiled

EVERY_SEVENTH = list(planted.everything(range(1)))[::7]


@pytest.mark.thorough
def test_the_gallerys_are_named_by_check_itself() -> None:
    """A part of what is planted, as the whole check judges it."""
    told = []
    for one in EVERY_SEVENTH:
        verdict = answer(one.request())
        wrong = verdict.outcome == "wrong"
        keys = [{m.key, *(other.key for other in m.alternatives)} for m in verdict.mistakes]
        if one.mistake in ("", STRANGER):
            fits = not keys and wrong == bool(one.mistake)
        else:
            fits = wrong and all(one.mistake in each for each in keys)
            fits = fits and (bool(keys) or one.subject.startswith("residual block"))
        if not fits:
            told.append((one.subject, one.mistake, verdict.outcome, keys))
    assert len(EVERY_SEVENTH) > 60
    assert not told


class Tripled(Linear):
    """3·(x·W + b), with both passes right; its training has the way of every layer."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        y, cache, state = super().forward(params, x, context)
        return 3 * y, cache, state

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        return super().backward(params, cache, 3 * dy)


class TripledBesideTraining(Tripled):
    """The same with Linear's own way for a training, which forgets the 3."""

    backward_into = Linear.backward_into


def test_what_a_training_takes_is_checked_as_well() -> None:
    assert check(Tripled(4, 3), x=X, witnesses=ALONE).outcome == "right"
    verdict = check(TripledBesideTraining(4, 3), x=X, witnesses=ALONE)
    assert {one.outcome for one in verdict.arrays} == {"right"}
    assert verdict.outcome == "wrong"
    found = {one.values["name"]: one for one in verdict.findings}
    assert set(found) == {"weight", "bias"}
    assert {one.key for one in found.values()} == {FindingKind.TRAINING_DIFFERS}
    assert found["weight"].values["relative"] == "6.7e-01"
    network = Network(Sequential(Linear(4, 4), TripledBesideTraining(4, 3)))
    names = [one.values["name"] for one in check(network, x=X, witnesses=ALONE).findings]
    assert set(names) >= {"layers[1].weight", "layers[1].bias"}


def test_what_a_layer_raises_is_one_sentence() -> None:
    def refuse(dx: Array, g: Any, dy: Array) -> Backward:
        raise TypeError("no")

    for layer in (spoiled(Tanh(), refuse), Sequential(spoiled(Tanh(), refuse), Linear(4, 2))):
        with pytest.raises(ContractError, match=r"MyTanh.backward.* raised TypeError: no"):
            check(layer, x=X, witnesses=ALONE)


def test_a_signal_of_another_shape_is_said_of_the_layer_that_gave_it() -> None:
    flat = spoiled(Tanh(), lambda dx, g, dy: (dx.ravel(), g))
    verdict = check(flat, x=X, witnesses=ALONE)
    assert [one.key for one in verdict.findings] == ["shape"]
    with pytest.raises(
        ContractError, match=r"layers\[1\] \(MyTanh.backward\).*\(20,\) ≠ x \(5, 4\)"
    ):
        check(Network(Sequential(Linear(4, 4), flat)), x=X, witnesses=ALONE)


def test_gradients_of_another_dtype_are_a_finding_and_nothing_is_raised() -> None:
    layer = spoiled(Linear(4, 3), lambda dx, g, dy: (dx, {n: a.astype("f") for n, a in g.items()}))
    verdict = check(layer, x=X, witnesses=ALONE)
    assert verdict.outcome == "right"
    assert {one.key for one in verdict.findings} == {FindingKind.DTYPE}


LENGTHS = {"lengths": np.array([4, 1, 2, 3])}
TIMES = np.random.default_rng(7).normal(size=(4, 4, 3))


@pytest.mark.parametrize(
    ("layer", "x", "side_inputs"),
    [
        (RNN(3, 2, reverse=True), TIMES, LENGTHS),
        (LSTM(3, 2), TIMES, LENGTHS),
        (Sequential(GRU(3, 2), TimeStep()), TIMES, LENGTHS),
        (
            MultiheadAttention(3, 1),
            TIMES,
            {"attn_mask": ~np.tri(4, dtype=bool), "key_padding_mask": TIMES[..., 0] > 9},
        ),
    ],
)
def test_what_stands_beside_x_is_checked_with_it(
    layer: Layer, x: Array, side_inputs: dict[str, Array]
) -> None:
    verdict = check(layer, x, side_inputs=side_inputs)
    assert verdict.outcome == "right"
    assert {one.name for one in verdict.arrays} >= {"x"}


def test_a_cell_is_checked_at_the_states_that_it_is_given() -> None:
    x, hidden = np.zeros((2, 3)), np.full((2, 2), 0.5)
    given = Context(side_inputs={"hidden": hidden})
    subject = layer_subject(GRUCell(3, 2), x, None, None, given, 0)
    np.testing.assert_array_equal(subject.arrays["hidden"], hidden)
    assert check(GRUCell(3, 2), x, side_inputs={"hidden": hidden}).outcome == "right"


def test_a_backward_that_forgets_the_lengths_is_wrong_beside_them_alone() -> None:
    class Forgetful(RNN):
        def backward(self, params: Tree, cache: RecurrentCache, dy: Array) -> Backward:
            return super().backward(params, cache._replace(lengths=None), dy)

    assert check(Forgetful(3, 2), TIMES).outcome == "right"
    assert check(Forgetful(3, 2), TIMES, side_inputs=LENGTHS).outcome == "wrong"


def test_a_reference_has_the_same_beside_x() -> None:
    verdict = check(RNN(3, 2), TIMES, side_inputs=LENGTHS, against=RNN(3, 2))
    assert verdict.outcome == "right"
    assert [one.outcome for one in verdict.witnesses if one.name == "reference"] == ["agrees"]


def test_side_inputs_are_for_layers_and_networks() -> None:
    with pytest.raises(ConfigurationError, match="takes its masks and lengths among its arrays"):
        check(np.tanh, TIMES, side_inputs=LENGTHS)
    with pytest.raises(UnknownNameError, match="is called lengths"):
        check(GRU(3, 2), TIMES, side_inputs={"length": LENGTHS["lengths"]})
