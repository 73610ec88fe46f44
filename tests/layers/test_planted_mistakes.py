"""The tester tested: the checks of gradient_checks reject what they are there to reject."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, ReLU, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.engine.layers.activations import ActivationCache
from clearprop.engine.layers.layer import Backward, Tree
from tests.gradient_checks import assert_complex_step_agrees, assert_gradients_right

CHECKS = pytest.mark.parametrize("check", [assert_gradients_right, assert_complex_step_agrees])
Check = Callable[[Any, tuple[int, ...]], None]


@dataclass(frozen=True)
class WrongLinear(Linear):
    """A Linear layer whose backward has one of its three results spoiled."""

    spoiled: str = "weight"
    factor: float = 1.0
    entry: float = 0.0

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = super().backward(params, cache, dy)
        assert dx is not None
        results: dict[str, Array] = {"x": dx, **gradients}
        results[self.spoiled] = results[self.spoiled] * self.factor
        results[self.spoiled][0, -1] += self.entry
        return results.pop("x"), results


@dataclass(frozen=True)
class WrongTanh(Tanh):
    """tanh with 1 − z² for 1 − a²: right near 0 only."""

    def derivative(self, z: Array, a: Array) -> Array:
        return 1 - z * z


@dataclass(frozen=True)
class LeakyMask(ReLU):
    """A ReLU whose mask comes from the incoming gradient, not from z."""

    def backward(self, params: Tree, cache: ActivationCache, dy: Array) -> Backward:
        return dy * (dy > 0), {}


@dataclass(frozen=True)
class MeanBias(Linear):
    """A Linear layer that divides the bias gradient by N a second time."""

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = super().backward(params, cache, dy)
        return dx, gradients | {"bias": gradients["bias"] / len(dy)}


@dataclass(frozen=True)
class Transposed(Linear):
    """A square Linear layer that goes back through W in place of its transpose."""

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        _, gradients = super().backward(params, cache, dy)
        return dy @ params["weight"], gradients


@dataclass(frozen=True)
class ForgetsAFew(Linear):
    """A Linear layer that forgets the last sample."""

    kept: Mapping[str, int] = field(default_factory=lambda: {"samples": 3})

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = super().backward(params, cache, dy)
        kept = self.kept["samples"]
        return dx, gradients | {"weight": cache.x[:kept].T @ dy[:kept]}


@CHECKS
def test_the_right_layer_passes(check: Check) -> None:
    check(WrongLinear(3, 4), (3,))


@CHECKS
@pytest.mark.parametrize("spoiled", ["x", "weight", "bias"])
def test_an_error_of_a_thousandth_is_rejected(check: Check, spoiled: str) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(WrongLinear(3, 4, spoiled=spoiled, factor=1.001), (3,))


@CHECKS
@pytest.mark.parametrize("spoiled", ["x", "weight", "bias"])
def test_one_wrong_entry_is_rejected_and_counted(check: Check, spoiled: str) -> None:
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 28"):
        check(WrongLinear(3, 4, spoiled=spoiled, entry=1e-3), (3,))


@CHECKS
@pytest.mark.parametrize(
    "layer",
    [
        WrongTanh(),
        LeakyMask(),
        MeanBias(3, 3),
        Transposed(3, 3),
        ForgetsAFew(3, 3),
        Sequential(Linear(3, 2), WrongTanh(), Linear(2, 3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_mistakes_that_people_make_are_rejected(check: Check, layer: Any) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(layer, (3,))


def test_the_size_of_the_smallest_error_that_central_differences_see() -> None:
    # A millionth is seen, and a tenth of a billionth is lost in the differences' own error.
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_gradients_right(WrongLinear(3, 4, factor=1 + 1e-6), (3,))
    assert_gradients_right(WrongLinear(3, 4, factor=1 + 1e-10), (3,))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_complex_step_agrees(WrongLinear(3, 4, factor=1 + 1e-10), (3,))


def test_the_spoiled_layers_forward_is_right() -> None:
    # So that it is backward, and nothing else, that the checks above rejected.
    x = np.array([[1.0, 2.0, 3.0]])
    tree = {"weight": np.ones((3, 4)), "bias": np.zeros((1, 4))}
    right, _, _ = Linear(3, 4).forward(tree, x, None)  # type: ignore[arg-type]
    wrong, _, _ = WrongLinear(3, 4, factor=2).forward(tree, x, None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(wrong, right)
