"""The witness at kinks: no layer's and no loss's kink is taken for a wrong gradient."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from clearprop import (
    ELU,
    MAE,
    MSE,
    SELU,
    Hardtanh,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Sequential,
    Softplus,
)
from clearprop.base.arrays import Array
from clearprop.engine.losses import Loss
from clearprop.engine.step import take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.reading.explanation import (
    GradientExplanation,
    HowMoved,
    Witness,
    explain_input,
    explain_weight,
)

# The step of the witness for a number of size 1: ∛ε.
H = float(np.cbrt(np.finfo(float).eps))
# A kink that is reached within h, and one that is reached within h/1000 as well.
NEAR, NEARER = H / 3, H / 3000


def explained(
    layer: Layer, kink: float, gap: float, loss: Loss | None = None
) -> GradientExplanation:
    """∂L/∂w of the first weight where z = w · 1 stands `gap` above a kink of the layer.

    z = w x with w = kink + gap, so moving w by more than −gap crosses the kink.
    """
    network = Network(Sequential(Linear(1, 1, bias=False), layer))
    start = network.initialize(0)
    params = network.replace(start, {"layers[0].weight": np.array([[kink + gap]])})
    x = np.ones((1, 1))
    target = np.full_like(network.predict(params, x), kink - 2.0)
    step = take_step(network, params, x, target, loss=loss)
    return explain_weight(step, "layers[0].weight[0,0]")


KINKED = [
    (layer, kink)
    for layer in (
        ReLU(),
        LeakyReLU(0.1),
        PReLU(),
        ELU(0.5),
        SELU(),
        Hardtanh(-0.5, 1.5),
        Softplus(beta=2.0, threshold=1.0),
        PiecewiseLinear(((-1.0, 0.5, 2.0),)),
    )
    for kink in layer.kinks()
]


@pytest.mark.parametrize(("layer", "kink"), KINKED, ids=repr)
@pytest.mark.parametrize("side", [1, -1])
def test_a_kink_nearby_is_kept_out_of_the_quotient(layer: Layer, kink: float, side: int) -> None:
    far = explained(layer, kink, side * 0.01).witness
    assert (far.outcome, far.method) == ("agrees", "central")
    near = explained(layer, kink, side * NEAR)
    assert (near.witness.outcome, near.witness.method) == ("agrees", "closer")
    assert near.witness.step < NEAR
    assert "so as not to cross a kink nearby" in near.words()
    assert "以免越過附近的折點" in near.words("zh-TW")
    # Nearer than rounding lets the step shrink: only the side without the kink is left.
    nearer = explained(layer, kink, side * NEARER).witness
    assert nearer.outcome == "agrees"
    assert nearer.method == ("right" if side > 0 else "left")


# A Softplus jumps at its threshold: a quotient from the right is no slope there.
CONTINUOUS = [(layer, kink) for layer, kink in KINKED if not isinstance(layer, Softplus)]


@pytest.mark.parametrize(("layer", "kink"), CONTINUOUS, ids=repr)
def test_on_a_kink_the_gradient_is_that_of_one_side(layer: Layer, kink: float) -> None:
    on = explained(layer, kink, 0.0)
    assert on.witness.outcome == "agrees"
    assert on.witness.method in ("left", "right")
    assert "a kink lies on the other side" in on.words()
    assert "-3 L(w) + 4 L(w + h) - L(w + 2h)" in on.latex()


def test_a_step_by_hand_on_a_kink() -> None:
    # z = w = 0, a = ReLU(0) = 0, t = −2. L = (a + 2)², so dL/dw is 0 on the left and 4 on the
    # right, where L(h) = (h + 2)². ReLU'(0) = 0, so the gradient is that of the left.
    witness = explained(ReLU(), 0.0, 0.0).witness
    assert witness.method == "left"
    assert witness.quotient == pytest.approx(0.0, abs=1e-9)
    assert (witness.below, witness.above) == (4.0, 4.0)


def test_the_kink_of_a_loss() -> None:
    # L = |w − t| with w − t = gap. Its slope is 1 right of t and −1 left of it.
    def witness(gap: float) -> Witness:
        network = Network(Linear(1, 1, bias=False))
        step = take_step(
            network, np.array([1.0 + gap]), np.ones((1, 1)), np.ones((1, 1)), loss=MAE()
        )
        return explain_weight(step, "weight[0,0]").witness

    assert (witness(NEAR).outcome, witness(NEAR).method) == ("agrees", "closer")
    assert witness(NEARER).method == "right"
    assert witness(NEARER).quotient == pytest.approx(1.0, abs=1e-6)
    assert witness(-NEARER).method == "left"
    assert witness(-NEARER).quotient == pytest.approx(-1.0, abs=1e-6)
    # At t itself the slope is taken as 0, which is that of neither side.
    assert witness(0.0).outcome == "undecided"


def test_kinks_on_both_sides_leave_it_undecided() -> None:
    # Two units, z = w and z = w with biases that put their kinks close on either side of w.
    network = Network(Sequential(Linear(1, 1, bias=False), Hardtanh(-1e-10, 1e-10)))
    step = take_step(network, np.zeros(1), np.ones((1, 1)), np.ones((1, 1)))
    found = explain_weight(step, "layers[0].weight[0,0]")
    assert (found.witness.outcome, found.witness.method) == ("undecided", "across")
    assert "across kinks on both sides" in found.words()
    assert "兩側都越過折點" in found.words("zh-TW")


@dataclass(frozen=True)
class WrongLeaky(LeakyReLU):
    """Its slope is 3 % too large."""

    def derivative(self, z: Array, a: Array) -> Array:
        return 1.03 * super().derivative(z, a)


@pytest.mark.parametrize("gap", [0.01, NEAR, NEARER, -NEARER])
def test_a_wrong_backward_is_found_next_to_a_kink_too(gap: float) -> None:
    assert explained(WrongLeaky(0.1), 0.0, gap).witness.outcome == "disagrees"


def test_a_feature_near_a_kink() -> None:
    network = Network(Sequential(Linear(1, 1, bias=False), ReLU()))
    step = take_step(network, np.ones(1), np.array([[NEAR]]), np.array([[-1.0]]), loss=MSE())
    witness = explain_input(step, "input[0]").witness
    assert (witness.outcome, witness.method) == ("agrees", "closer")


def test_the_data_has_the_method() -> None:
    found = explained(ReLU(), 0.0, NEAR)
    assert '"method": "closer"' in found.to_json()
    assert replace(found.witness, method=HowMoved.CENTRAL) != found.witness


def test_every_kink_of_the_catalogue_is_among_these() -> None:
    kinds: set[Any] = {type(layer) for layer, _ in KINKED}
    with_kinks = {
        kind for kind, examples in LAYER_EXAMPLES.items() if any(e.layer.kinks() for e in examples)
    }
    assert kinds == with_kinks
