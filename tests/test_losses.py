"""MSE: worked by hand, against its own gradient, in parts, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import MSE
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from clearprop.checking.witnesses.finite_differences import central_differences


def pair(samples: int = 4, outputs: int = 3, seed: int = 0) -> tuple[Array, Array]:
    y, t = np.random.default_rng(seed).normal(size=(2, samples, outputs))
    return y, t


def test_by_hand() -> None:
    # y = [[1, 2], [3, 4]], t = [[0, 2], [5, 1]]: y − t = [[1, 0], [−2, 3]]
    # L = (1 + 0 + 4 + 9)/4 = 3.5, over N·D = 4 entries; ∂L/∂y = 2(y − t)/4 = [[½, 0], [−1, 1½]]
    y, t = np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 2], [5, 1]])
    result = MSE().evaluate(y, t)
    assert (result.total, result.weight, result.value) == (14, 4, 3.5)
    np.testing.assert_array_equal(result.gradient, [[0.5, 0], [-1, 1.5]])


@given(samples=st.integers(1, 5), outputs=st.integers(1, 4))
def test_the_gradient_is_that_of_the_value(samples: int, outputs: int) -> None:
    y, t = pair(samples, outputs)

    def value(point: Array) -> float:
        return float(MSE().evaluate(point.reshape(y.shape), t).value)

    witness = central_differences(value, y.ravel()).gradient
    np.testing.assert_allclose(MSE().evaluate(y, t).gradient.ravel(), witness, rtol=1e-8, atol=1e-9)


def test_the_value_is_the_sum_of_the_samples_costs() -> None:
    y, t = pair()
    costs = [((y[n] - t[n]) ** 2).sum() / y.size for n in range(len(y))]
    assert MSE().evaluate(y, t).value == pytest.approx(sum(costs), rel=1e-15)


@pytest.mark.parametrize("cuts", [[3], [1, 2], [1, 5]])
def test_parts_of_a_batch_add_up_to_the_whole(cuts: list[int]) -> None:
    # With the weight of the whole as divisor, gradients of unequal parts are added, not averaged.
    y, t = pair(samples=7)
    whole = MSE().evaluate(y, t)
    parts = [
        MSE().evaluate(a, b, divisor=whole.weight)
        for a, b in zip(np.split(y, cuts), np.split(t, cuts), strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate([p.gradient for p in parts]), whole.gradient)
    assert sum(p.weight for p in parts) == whole.weight
    assert sum(p.total for p in parts) == pytest.approx(whole.total, rel=1e-15)


def test_the_divisor_divides_the_gradient_and_nothing_else() -> None:
    y, t = pair()
    plain, halved = MSE().evaluate(y, t), MSE().evaluate(y, t, divisor=2 * y.size)
    assert halved.value == plain.value
    np.testing.assert_allclose(halved.gradient, plain.gradient / 2, rtol=1e-15)


@pytest.mark.parametrize("shared", [True, False])
def test_stacked_is_each_alone(shared: bool) -> None:
    y, t = np.random.default_rng(0).normal(size=(2, 3, 5, 2))
    target = t[0] if shared else t
    result = MSE().evaluate(y, target, stacked=True)
    assert result.total.shape == result.value.shape == (3,)
    for k in range(3):
        alone = MSE().evaluate(y[k], target if shared else target[k])
        assert result.weight == alone.weight
        # The sum of one network's squares may be taken in another order.
        assert result.value[k] == pytest.approx(alone.value, rel=1e-15)
        np.testing.assert_array_equal(result.gradient[k], alone.gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", ["same", "int64", "uint8"])
def test_the_dtype_is_the_outputs(dtype: str, target: str) -> None:
    # A float32 array minus an integer one would be float64, and backward would refuse it.
    y = np.array([[1.5], [2.5]], dtype)
    t = np.array([[1], [4]], dtype if target == "same" else target)
    result = MSE().evaluate(y, t)
    assert result.total.dtype == result.gradient.dtype == dtype
    np.testing.assert_array_equal(result.gradient, [[0.5], [-1.5]])


def test_nothing_that_was_handed_over_is_edited() -> None:
    y, t = pair()
    before = y.copy(), t.copy()
    MSE().evaluate(y, t)
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(t, before[1])


@pytest.mark.parametrize(
    ("output", "target", "stacked", "sentence"),
    [
        ((4, 1), (4,), False, r"\(4,\) where the output is \(4, 1\); .*target.reshape\(-1, 1\)"),
        ((4,), (4, 1), False, r"target is \(4, 1\) and the output is \(4,\)"),
        ((4, 1), (1,), False, r"must have the same shape"),
        ((4, 1), (), False, r"must have the same shape"),
        ((4, 2), (4, 1), False, r"must have the same shape"),
        ((4, 2), (2,), False, r"must have the same shape"),
        ((3, 4, 2), (4, 2), False, r"must have the same shape"),
        ((3, 4, 1), (4,), True, r"target.reshape\(-1, 1\)"),
        ((3, 4, 2), (1, 4, 2), True, r"must have the same shape"),
        ((0, 2), (0, 2), False, r"no samples: output is \(0, 2\)"),
        ((3, 0, 2), (0, 2), True, r"no samples"),
    ],
)
def test_shapes_are_never_broadcast(output: Any, target: Any, stacked: bool, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        MSE().evaluate(np.zeros(output), np.zeros(target), stacked=stacked)


def test_a_target_of_another_precision_is_refused() -> None:
    y, t = pair()
    with pytest.raises(DtypeError, match=r"^target is float64 and the parameters are float32"):
        MSE().evaluate(y.astype("float32"), t)


@pytest.mark.parametrize("divisor", [0, -1.0, float("nan")])
def test_a_divisor_is_positive(divisor: float) -> None:
    with pytest.raises(ConfigurationError, match="divisor must be a positive number"):
        MSE().evaluate(*pair(), divisor=divisor)
