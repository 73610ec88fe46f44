"""A person's own layers, losses, networks and combinators: what `check` names in them.

Nothing that is checked vouches for itself: a layer with a wrong backward is known by what its
forward computes, alone, in a network, and in a branch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GELU,
    GRU,
    LSTM,
    MSE,
    RNN,
    Context,
    Embedding,
    GRUCell,
    LayerNorm,
    LeakyReLU,
    Linear,
    Loss,
    MultiheadAttention,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TimeStep,
    check,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ConfigurationError, ContractError, UnknownNameError
from clearprop.checking.gallery import planted
from clearprop.checking.gallery.specimen import STRANGER
from clearprop.checking.request import answer
from clearprop.checking.subjects.own_kinds import compact, layer_subject
from clearprop.checking.verdict import FindingKind, Verdict
from clearprop.engine.initializers import Normal
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Backward, Forward, Layer, Parameter, Tree
from clearprop.engine.layers.recurrent_arrays import RecurrentCache
from clearprop.engine.losses import LossResult
from tests.own_combinators import Added, Concatenated

X = np.random.default_rng(3).normal(size=(5, 4))
ALONE = ("finite-differences",)


def named(verdict: Verdict) -> list[str]:
    assert verdict.outcome == "wrong"
    return [one.key for one in verdict.mistakes]


def spoiled(layer: Layer, change: Any) -> Layer:
    """The layer, of a class of one's own whose backward returns `change(dx, gradients, dy)`."""
    kind = type(layer)

    def backward(self: Layer, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = kind.backward(self, params, cache, dy)
        found: Backward = change(dx, dict(gradients), dy)
        return found

    made: type[Layer] = type(f"My{kind.__name__}", (kind,), {"backward": backward})
    return made.from_settings(layer.settings())


CHANGES: dict[str, Any] = {
    "sign": lambda dx, g, dy: (-dx, {n: -a for n, a in g.items()}),
    "factor_two": lambda dx, g, dy: (dx, {**g, "weight": 2 * g["weight"]}),
    "mean_for_sum": lambda dx, g, dy: (dx, {n: a / len(dy) for n, a in g.items()}),
    "zeros": lambda dx, g, dy: (dx, {**g, "bias": 0 * g["bias"]}),
    "transposed": lambda dx, g, dy: (dx, {**g, "weight": g["weight"].T.copy()}),
    "unsummed": lambda dx, g, dy: (dx, {**g, "bias": dy}),
}


@pytest.mark.parametrize("mistake", CHANGES)
def test_a_linear_layer_of_ones_own(mistake: str) -> None:
    layer = spoiled(Linear(4, 4), CHANGES[mistake])
    verdict = check(layer, x=X)
    assert named(verdict) == [mistake]
    assert verdict.mistakes[0].alternatives == ()


@pytest.mark.parametrize("mistake", ["factor_two", "mean_for_sum", "zeros", "transposed"])
def test_the_same_in_a_network_and_in_a_branch(mistake: str) -> None:
    layer = spoiled(Linear(4, 4), CHANGES[mistake])
    other = Linear(4, 4)
    for inner in (layer, Residual(layer), Added(layer, other), Concatenated(other, layer)):
        width = 12 if isinstance(inner, Concatenated) else 4
        network = Network(Sequential(Linear(4, 4), Tanh(), inner, Linear(width, 2)))
        verdict = check(network, x=X, witnesses=ALONE)
        assert named(verdict) == [mistake]


@dataclass(frozen=True)
class Affine(Layer):
    """x·W + b, written from the start, with names of one's own; `mistake` is what is wrong."""

    mistake: str = ""

    def parameters(self) -> Mapping[str, Parameter]:
        return {"W": Parameter((4, 4), Normal(), 4, 4), "b": Parameter((4,), Normal(), 4, 4)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return x @ params["W"] + params["b"], x, EMPTY

    def backward(self, params: Tree, cache: Array, dy: Array) -> Backward:
        W = params["W"] if self.mistake == "weight_not_transposed" else params["W"].T
        rows = slice(1, None) if self.mistake == "sample_missing" else slice(None)
        db = dy.sum(0) / (len(dy) if self.mistake == "mean_for_sum" else 1)
        return dy @ W, {"W": cache[rows].T @ dy[rows], "b": db}


@pytest.mark.parametrize("mistake", ["weight_not_transposed", "sample_missing", "mean_for_sum"])
def test_a_layer_written_from_the_start(mistake: str) -> None:
    assert named(check(Affine(mistake), x=X)) == [mistake]
    network = Network(Sequential(Affine(), Tanh(), Residual(Affine(mistake)), Linear(4, 2)))
    verdict = check(network, x=X, t=np.ones((5, 2)), loss=MSE(), witnesses=ALONE)
    assert named(verdict) == [mistake]
    where = verdict.mistakes[0].values.get("where", "layers[2].branch (Affine)")
    assert where == "layers[2].branch (Affine)"


@pytest.mark.parametrize(
    ("layer", "key", "change"),
    [
        (Tanh(), "derivative_missing", lambda dx, g, dy: (dy.copy(), g)),
        (GELU(), "derivative_missing", lambda dx, g, dy: (dy.copy(), g)),
        (ReLU(), "mask_from_upstream", lambda dx, g, dy: (dy * (dy > 0), g)),
        (LeakyReLU(0.23), "derivative_missing", lambda dx, g, dy: (dy.copy(), g)),
    ],
)
def test_an_activation_in_a_branch_is_named_with_its_place(
    layer: Layer, key: str, change: Any
) -> None:
    mine = spoiled(layer, change)
    branch = Sequential(Linear(4, 4), mine)
    for inner, place in (
        (Added(branch, Linear(4, 4)), "left"),
        (Added(Linear(4, 4), branch), "right"),
        (Residual(branch), "branch"),
    ):
        verdict = check(Network(Sequential(Linear(4, 4), inner)), x=X, witnesses=ALONE)
        assert named(verdict) == [key]
        assert verdict.mistakes[0].alternatives == ()
        path = f"layers[1].{place}.layers[1]"
        assert verdict.mistakes[0].values["where"] == f"{path} ({type(mine).__name__})"


@pytest.mark.parametrize("factor", [-1.0, 2.0, 0.37])
def test_a_factor_in_what_one_of_two_ways_hands_on(factor: float) -> None:
    mine = spoiled(Tanh(), lambda dx, g, dy: (factor * dx, g))
    inner = Added(Sequential(Linear(4, 4), mine), Linear(4, 4))
    network = Network(Sequential(Linear(4, 4), Sigmoid(), inner, Linear(4, 3)))
    verdict = check(network, x=X, witnesses=ALONE)
    keys = set(named(verdict))
    # The branch's own parameters are a multiple of the right ones, and what is behind is not.
    assert "factor_handed_on" in keys
    (found,) = [one for one in verdict.mistakes if one.key == "factor_handed_on"]
    assert found.values["factor"] == pytest.approx(factor)
    assert found.values["where"] == "layers[2].left.layers[1] (MyTanh)"
    assert not found.alternatives


@pytest.mark.parametrize("inner", [Residual, lambda branch: Added(branch, Linear(4, 4))])
def test_of_two_places_that_the_numbers_do_not_tell_apart_ones_own_is_named(inner: Any) -> None:
    # Nothing stands between Tanh and the layer behind it, which hands on −dx.
    mine = spoiled(Linear(4, 4), lambda dx, g, dy: (-dx, g))
    layer = inner(Sequential(Tanh(), mine))
    network = Network(Sequential(Linear(4, 4), layer, Linear(4, 3)))
    (found,) = check(network, x=X, witnesses=ALONE).mistakes
    place = "branch" if isinstance(layer, Residual) else "left"
    assert found.key == "factor_handed_on"
    assert found.values["where"] == f"layers[1].{place}.layers[1] (MyLinear)"


def test_a_layer_of_a_function_that_nobody_knows_is_measured() -> None:
    class Cube(Activation):
        def value(self, z: Array) -> Array:
            return np.asarray(z**3)

        def derivative(self, z: Array, a: Array) -> Array:
            return np.asarray(3 * z**2)

    class Passed(Cube):
        def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
            return dy.copy(), {}

    assert check(Network(Sequential(Linear(4, 3), Cube(), Linear(3, 2))), x=X).outcome == "right"
    network = Network(Sequential(Linear(4, 3), Passed(), Linear(3, 2)))
    verdict = check(network, x=X, witnesses=ALONE)
    assert named(verdict) == ["derivative_missing"]
    # A mistake of ours beside a layer that only a person knows.
    wrong = spoiled(Softmax(), lambda dx, g, dy: (dy.copy(), g))
    network = Network(Sequential(Linear(4, 3), Cube(), wrong, Linear(3, 2)))
    assert named(check(network, x=X, witnesses=ALONE)) == ["derivative_missing"]


def test_what_is_checked_does_not_vouch_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a layer of the catalogue is named for what it computes and not for what it claims."""
    right = Linear.backward

    def doubled(self: Linear, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = right(self, params, cache, dy)
        return dx, {**gradients, "weight": 2 * gradients["weight"]}

    monkeypatch.setattr(Linear, "backward", doubled)
    assert named(check(Linear(4, 3), x=X, witnesses=ALONE)) == ["factor_two"]
    network = Network(Sequential(Linear(4, 4), Tanh(), Linear(4, 3)))
    assert named(check(network, x=X, witnesses=ALONE)) == ["factor_two"]


def test_a_layer_of_ones_own_beside_the_one_it_should_equal() -> None:
    mine = spoiled(LayerNorm(4), lambda dx, g, dy: (dx, {**g, "weight": 2 * g["weight"]}))
    verdict = check(mine, x=X, against=LayerNorm(4), witnesses=ALONE)
    assert named(verdict) == ["factor_two"]


class Squares(Loss):
    """The mean of squares, with `factor` in its gradient."""

    factor = 1.0

    def settings(self) -> dict[str, Any]:
        return {}

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        apart = output - target
        axes = tuple(range(1, output.ndim)) if stacked else None
        size = apart[0].size if stacked else apart.size
        return LossResult(np.sum(apart**2, axis=axes), size, self.factor * 2 * apart / size)


class Negated(Squares):
    factor = -1.0


class Halved(Squares):
    factor = 0.5


class Summed(Squares):
    factor = 15.0


@pytest.mark.parametrize(
    ("loss", "key"),
    [(Negated(), "sign"), (Halved(), "factor_half"), (Summed(), "summed_for_mean")],
)
def test_a_loss_of_ones_own_alone_and_behind_a_network(loss: Loss, key: str) -> None:
    y, t = X[:, :3], np.cos(X[:, :3])
    assert check(Squares(), x=y, t=t).outcome == "right"
    assert named(check(loss, x=y, t=t)) == [key]
    network = Network(Sequential(Linear(4, 4), Tanh(), Linear(4, 3)))
    assert check(network, x=X, t=t, loss=Squares(), witnesses=ALONE).outcome == "right"
    assert named(check(network, x=X, t=t, loss=loss, witnesses=ALONE)) == [key]


@pytest.mark.parametrize("inner", [Added, Concatenated])
def test_a_combinator_of_ones_own_is_right(inner: Any) -> None:
    layer = inner(Sequential(Linear(4, 4), Tanh()), Sequential(Linear(4, 4), ReLU()))
    verdict = check(layer, x=X)
    assert verdict.outcome == "right"
    assert verdict.name == f"{inner.__name__}(Sequential(Linear(4, 4), Tanh()), " + (
        "Sequential(Linear(4, 4), ReLU()))"
    )
    assert {one.name for one in verdict.arrays} == {
        "x",
        *(f"{side}.layers[0].{name}" for side in ("left", "right") for name in ("weight", "bias")),
    }


def test_parameters_tied_one_after_another_have_one_gradient() -> None:
    # The third is tied to the second, which is tied to the first.
    tied = {"layers[1].weight": "layers[0].weight", "layers[2].weight": "layers[1].weight"}
    network = Network(Sequential(*[Linear(4, 4, bias=False)] * 3), tied)
    assert network.graph.owners == dict.fromkeys(network.graph.slots, "layers[0].weight")
    verdict = check(network, x=X, witnesses=ALONE)
    assert (verdict.outcome, {one.name for one in verdict.arrays}) == (
        "right",
        {"x", "layers[0].weight"},
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ids_say_nothing_of_the_losses_dtype(dtype: str) -> None:
    network = Network(Sequential(Embedding(5, 3), Linear(3, 2), Tanh()))
    params = network.initialize(dtype=dtype)
    target = np.full((3, 2), 0.5, dtype)
    verdict = check(network, x=np.array([0, 4, 0]), params=params, loss=MSE(), t=target)
    assert verdict.outcome == "right"


def test_a_layer_is_called_by_what_it_is_made_of() -> None:
    layer = Sequential(Linear(2, 3), Residual(Sequential(Linear(3, 3), ReLU())), Linear(3, 1))
    assert compact(layer) == (
        "Sequential(Linear(2, 3), Residual(Sequential(Linear(3, 3), ReLU())), Linear(3, 1))"
    )
    assert compact(LeakyReLU(0.2)) == "LeakyReLU(slope=0.2)"


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
