"""SGD: worked by hand, pure, and what it refuses."""

from typing import Any

import numpy as np
import pytest

from clearprop import SGD, OptimizerState
from clearprop.base.errors import ConfigurationError, ShapeError


def test_by_hand() -> None:
    # θ = (1, 2), ∇L = (4, −8), η = ¼: θ − η∇L = (1 − 1, 2 + 2) = (0, 4)
    # again with ∇L = (−4, 0): (1, 4)
    sgd = SGD(0.25)
    params, state = np.array([1.0, 2]), sgd.start(np.zeros(2))
    assert state == OptimizerState(0, {})
    params, state = sgd.step(params, state, np.array([4.0, -8]))
    np.testing.assert_array_equal(params, [0, 4])
    params, state = sgd.step(params, state, np.array([-4.0, 0]))
    np.testing.assert_array_equal(params, [1, 4])
    assert state.step == 2


def test_a_step_edits_nothing() -> None:
    params, gradient = np.array([1.0, 2]), np.array([4.0, -8])
    for array in (params, gradient):
        array.setflags(write=False)
    state = OptimizerState()
    after, _ = SGD(0.5).step(params, state, gradient)
    assert after.base is None
    assert after.flags.writeable
    np.testing.assert_array_equal(params, [1, 2])
    assert state.step == 0


def test_stacked_is_each_alone() -> None:
    params, gradient = np.random.default_rng(0).normal(size=(2, 3, 5))
    together, _ = SGD(0.1).step(params, OptimizerState(), gradient)
    for k in range(3):
        alone, _ = SGD(0.1).step(params[k], OptimizerState(), gradient[k])
        np.testing.assert_array_equal(together[k], alone)


@pytest.mark.parametrize("rate", [0.5, np.float64(0.5), np.float32(0.5), 1, np.int64(1)])
def test_float32_stays_float32_whatever_kind_of_number_the_rate_is(rate: Any) -> None:
    params = np.ones(2, "float32")
    assert SGD(rate).step(params, OptimizerState(), params)[0].dtype == np.float32
    assert type(SGD(rate).learning_rate) is float


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True])
def test_a_learning_rate_is_finite_and_above_0(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match="learning rate must be a finite number above 0"):
        SGD(rate)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2), ()])
def test_a_gradient_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"the parameters are \(2,\)"):
        SGD(0.1).step(np.zeros(2), OptimizerState(), np.zeros(shape))
