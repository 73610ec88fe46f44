"""Kinks: at one, every value between the two slopes is accepted and the verdict says where; beside
one, only the slope of that side; where several meet, nothing is said."""

from collections.abc import Callable

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, ReLU, Sequential, check
from clearprop.base.arrays import Array


def relu(slope_at_zero: float) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
    def backward(dy: Array, x: Array) -> Array:
        slope = np.where(x > 0, 1.0, np.where(x == 0, slope_at_zero, 0.0))
        return np.asarray(dy * slope.astype(x.dtype))

    return lambda x: np.maximum(x, 0), backward


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_every_convention_of_relu_at_0_is_accepted(slope: float, dtype: str) -> None:
    x = np.array([[0.0, 1.0], [-1.0, 0.0]], dtype)
    verdict = check(*relu(slope), x, dy=np.ones((2, 2), dtype))
    assert verdict.outcome == "right"
    one = verdict.array("x")
    assert one.kinks_met == 2
    assert {kink.index for kink in one.kinks} == {(0, 0), (1, 1)}
    for kink in one.kinks:
        assert kink.left == pytest.approx(0, abs=1e-6)
        assert kink.right == pytest.approx(1, abs=1e-6)
    assert "2 entries lie at a kink, the first [" in str(verdict)


@pytest.mark.parametrize("slope", [-0.1, 1.1, 2.0, -1.0])
def test_what_is_no_convention_is_wrong(slope: float) -> None:
    assert check(*relu(slope), np.zeros((2, 2)), dy=np.ones((2, 2))).outcome != "right"


@pytest.mark.parametrize("distance", [1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-2])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_relu_beside_its_kink(side: float, distance: float) -> None:
    x = np.array([side * distance, 2.0, -2.0])
    assert check(*relu(0.0), x).outcome == "right"


@pytest.mark.parametrize("distance", [1e-6, 1e-5, 1e-4, 1e-2])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_other_sides_slope_beside_a_kink_is_wrong(side: float, distance: float) -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (x < 0))

    assert check(lambda x: np.maximum(x, 0), backward, np.array([side * distance])).outcome != (
        "right"
    )


KINKED: dict[str, tuple[Callable[..., Array], Callable[..., Array], float]] = {
    "abs": (np.abs, np.sign, 0.0),
    "leaky": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, 1, 0.1).astype(x.dtype),
        0.0,
    ),
    "hardtanh": (lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1).astype(x.dtype), 1.0),
}


@pytest.mark.parametrize("name", list(KINKED))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("distance", [0.0, 1e-10, 1e-6, 1e-5, 1e-3])
def test_other_kinks_at_and_beside(name: str, dtype: str, distance: float) -> None:
    value, slope, kink = KINKED[name]
    x = np.array([kink + distance, kink - distance, 3.0, -3.0], dtype)
    verdict = check(value, lambda dy, x: dy * slope(x), x)
    assert verdict.outcome == "right"
    if distance == 0:
        assert verdict.array("x").kinks_met == 2


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_max_of_two_equal_numbers(share: float) -> None:
    a, b = np.array([1.0, 2.0]), np.array([1.0, 5.0])

    def backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
        first = np.where(a > b, 1.0, np.where(a == b, share, 0.0))
        return dy * first, dy * (1 - first)

    assert check(np.maximum, backward, a, b).outcome == "right"


def test_kinks_that_combine_are_undecided_with_advice() -> None:
    # x written as relu(x) − relu(−x): each has slope 0 at 0, and the whole has slope 1.
    def forward(x: Array) -> Array:
        return np.asarray(np.maximum(x, 0) - np.maximum(-x, 0))

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (x > 0) + dy * (x < 0))

    verdict = check(forward, backward, np.zeros(3))
    assert verdict.outcome == "undecided"
    assert verdict.array("x").reason == "kinks"
    assert "Move the point a little" in str(verdict)
    assert check(forward, backward, np.array([0.1, -0.1])).outcome == "right"


def test_a_mistake_at_a_point_of_kinks_is_still_wrong() -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(3 * dy * (x > 0) + 3 * dy * (x < 0))

    def forward(x: Array) -> Array:
        return np.asarray(np.maximum(x, 0) - np.maximum(-x, 0))

    assert check(forward, backward, np.zeros(3)).outcome == "wrong"


def test_a_network_whose_units_stand_at_the_kink() -> None:
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
    params = network.replace(network.initialize(0), {"layers[0].bias": np.zeros((1, 3))})
    x = np.array([[0.0, 0.0], [1.0, -2.0]])
    verdict = check(network, x=x, t=np.ones((2, 1)), params=params, loss=MSE())
    assert verdict.outcome == "right"
    assert verdict.array("layers[0].bias").kinks_met > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturated_functions_keep_few_digits_and_are_right(dtype: str) -> None:
    x = np.array([0.1, 3.0, 6.0, 9.0, -12.0, 20.0], dtype)
    assert check(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2), x).outcome == "right"


def test_a_point_where_the_function_ends_is_not_right() -> None:
    # The root has no slope at 0, and no value to its left.
    verdict = check(np.sqrt, lambda dy, x: dy / np.maximum(2 * np.sqrt(x), 1e-9), np.zeros(2))
    assert verdict.outcome != "right"


def test_beside_an_array_of_which_nothing_can_be_said_the_others_are_still_explained() -> None:
    # The first sample is 0, where five ReLU meet: nothing is known of x there. The other mistakes
    # are as plain as ever, and x is given none.
    def forward(x: Array, v: Array, b: Array, w: Array) -> Array:
        return np.asarray(np.maximum(x @ v + b, 0) @ w)

    def backward(dy: Array, x: Array, v: Array, b: Array, w: Array) -> tuple[Array, ...]:
        z = x @ v + b
        dz = dy @ w.T * (z > 0)
        return dz @ v.T, x.T @ dz, dz.sum(0), z.T @ dy

    generator = np.random.default_rng(0)
    x = generator.normal(size=(6, 3))
    x[0] = 0
    v, w = generator.normal(size=(3, 5)), generator.normal(size=(5, 2))
    verdict = check(forward, x, v, np.zeros(5), w, backward=backward)
    assert verdict.array("x").outcome == "undecided"
    assert [(one.key, one.arrays) for one in verdict.mistakes] == [("weight_from_z", ("w",))]


@pytest.mark.parametrize("planted", [0.0, 1.0])
def test_of_an_array_too_large_for_every_entry_many_lie_at_kinks(planted: float) -> None:
    # A random direction crosses a thousand kinks at once, and its slope is that of none of them:
    # beside the point it tells a right gradient from a wrong one.
    x = np.random.default_rng(0).normal(size=(70, 70))
    x[x > 1] = 0

    def backward(dy: Array, x: Array) -> Array:
        gradient = dy * (x > 0)
        gradient[41, 7] += planted
        return np.asarray(gradient)

    verdict = check(lambda x: np.maximum(x, 0), x, backward=backward, dy=np.ones((70, 70)))
    one = verdict.array("x")
    assert one.checked < one.size
    assert (verdict.outcome, one.reason) == (
        ("wrong", "direction") if planted else ("undecided", "kinks")
    )


def test_a_hinge_at_its_kink_with_the_0_before_it() -> None:
    s, y = np.array([0.5, 1.0, 2.0, -1.0]), np.array([1.0, 1.0, 1.0, -1.0])

    def backward(dy: Array, s: Array, y: Array) -> tuple[Array, Array]:
        active = y * s < 1
        return dy * np.where(active, -y, 0) / 4, dy * np.where(active, -s, 0) / 4

    verdict = check(lambda s, y: np.mean(np.maximum(0, 1 - y * s)), backward, s, y)
    assert verdict.outcome == "right"
    assert verdict.array("s").kinks_met == 2


def test_a_norm_at_0_has_a_kink_that_no_comparison_makes() -> None:
    verdict = check(lambda x: np.linalg.norm(x), lambda dy, x: 0 * x, np.zeros(2))
    assert (verdict.outcome, verdict.array("x").kinks_met) == ("right", 2)


# Beside a kink, nearer than differences see


def leaky(z: Array) -> Array:
    return np.where(z > 0, z, 0.01 * z)


@pytest.mark.parametrize("distance", [2e-12, 1e-11, 3e-9])
@pytest.mark.parametrize("size", [1.0, 50.0])
@pytest.mark.parametrize(("slope", "outcomes"), [(0.01, {"right"}), (1.0, {"wrong", "undecided"})])
def test_the_other_sides_slope_is_never_right_beside_a_kink(
    distance: float, size: float, slope: float, outcomes: set[str]
) -> None:
    # Beside numbers of this size, the distance is within what sums leave of rounding.
    x, w = np.array([[-distance, size]]), np.array([[1.0, 0.5], [0.25, 1.0]])

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        dz = dy @ w.T * np.where(x > 0, 1.0, np.where(np.abs(x) < 1e-3, slope, 0.01))
        return dz, leaky(x).T @ dy

    verdict = check(lambda x, w: leaky(x) @ w, backward, x, w)
    assert verdict.outcome in outcomes


def test_at_a_kink_every_slope_between_is_right_all_the_same() -> None:
    for slope in (0.01, 0.5, 1.0):
        verdict = check(
            leaky,
            lambda dy, x, s=slope: dy * np.where(x > 0, 1, np.where(x == 0, s, 0.01)),
            np.array([0.0, 1.0, -2.0]),
        )
        assert verdict.outcome == "right"
