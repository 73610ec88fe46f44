"""The witness itself: right on functions whose derivative is known, and honest at kinks."""

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, ReLU, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.base.errors import DtypeError
from clearprop.checking.witnesses.finite_differences import central_differences, network_differences


def test_a_polynomial_by_hand() -> None:
    # f = x² + 3xy + y³ at (2, −1): ∂f/∂x = 2x + 3y = 1, ∂f/∂y = 3x + 3y² = 9
    def f(p: Array) -> float:
        return float(p[0] ** 2 + 3 * p[0] * p[1] + p[1] ** 3)

    found = central_differences(f, np.array([2.0, -1]))
    np.testing.assert_allclose(found.gradient, [1, 9], rtol=0, atol=1e-9)
    assert not found.flipped.any()


def test_the_step_is_the_cube_root_of_epsilon_times_the_entrys_size() -> None:
    # ∛2⁻⁵² = 6.0554544523933395e-06
    steps = central_differences(lambda p: float(p.sum()), np.array([0.0, 0.5, -1000])).steps
    np.testing.assert_allclose(steps, 6.0554544523933395e-06 * np.array([1, 1, 1000]), rtol=1e-15)


def test_the_distance_is_the_one_that_was_moved() -> None:
    # Near 1e9 a step of 6e3 is rounded; a linear function's slope must come out all the same.
    found = central_differences(lambda p: float(3 * p[0]), np.array([1e9 + 0.3]))
    np.testing.assert_allclose(found.gradient, [3], rtol=1e-12)


def test_the_point_is_not_edited_and_every_call_gets_an_array_of_its_own() -> None:
    point = np.array([1.0, 2])
    point.setflags(write=False)
    seen: list[Array] = []

    def spoil(p: Array) -> float:
        value = float(p.sum())
        seen.append(p.copy())
        p[:] = np.nan
        return value

    np.testing.assert_allclose(central_differences(spoil, point).gradient, [1, 1], rtol=1e-9)
    assert len(seen) == 4
    # One entry moves at a time.
    assert all(np.count_nonzero(p != point) == 1 for p in seen)


def test_a_flipped_mask_is_noted_where_it_flips() -> None:
    # z = w·1 + b with w = 1e-6 and b = 0: the kink is within the step of w and of b, and the
    # weight behind the ReLU cannot move it.
    network = Network(Sequential(Linear(1, 1), ReLU(), Linear(1, 1)))
    params = np.array([1e-6, 0, 2.0, 0])
    found = network_differences(network, params, np.ones((1, 1)), np.zeros((1, 1)), MSE())
    np.testing.assert_array_equal(found.flipped, [True, True, False, False])


def test_a_smooth_network_flips_nothing_and_agrees() -> None:
    network = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 2)))
    params = network.initialize(seed=1)
    x, t = np.random.default_rng(0).normal(size=(2, 6, 2))
    found = network_differences(network, params, x, t, MSE())
    forward = network.forward(params, x)
    backward = network.backward(forward, MSE().evaluate(forward.output, t).gradient)
    assert not found.flipped.any()
    np.testing.assert_allclose(backward.gradient, found.gradient, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64"])
def test_only_float64_is_offered(dtype: str) -> None:
    with pytest.raises(DtypeError, match=f"taken in float64, and the point is {dtype}"):
        central_differences(lambda p: float(p.sum().real), np.zeros(2, dtype))
