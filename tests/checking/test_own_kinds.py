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
    MSE,
    Context,
    Embedding,
    LayerNorm,
    LeakyReLU,
    Linear,
    Loss,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    check,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.checking.subjects.own_kinds import compact
from clearprop.engine.initializers import Normal
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Backward, Forward, Layer, Parameter, Tree
from clearprop.engine.losses import LossResult
from tests.checking.mistaken_layers import ALONE, X, named, spoiled
from tests.own_combinators import Added, Concatenated

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
