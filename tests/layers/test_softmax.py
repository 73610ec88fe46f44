"""Softmax and LogSoftmax: worked by hand, their axis, their extremes, their refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearprop import Context, Layer, Linear, LogSoftmax, Network, Sequential, Softmax
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from tests.gradient_checks import present

LOGITS = np.log([[1.0, 2, 5]])


def run(layer: Layer, x: Array, dy: Array) -> tuple[Array, Array]:
    y, cache, state = layer.forward({}, x, Context())
    assert cache._fields == ("y",)
    assert not state
    dx, gradients = layer.backward({}, cache, dy)
    assert not gradients
    return y, present(dx)


def test_softmax_by_hand() -> None:
    # eˣ = 1, 2, 5, so S = 8 and y = 1/8, 2/8, 5/8. dy = 8, 0, 0: Σ dy y = 1,
    # dx = y (dy − 1) = 7/8, −2/8, −5/8
    y, dx = run(Softmax(), LOGITS, np.array([[8.0, 0, 0]]))
    np.testing.assert_allclose(y, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[7 / 8, -2 / 8, -5 / 8]], rtol=1e-15)


def test_log_softmax_by_hand() -> None:
    # y = ln of the same shares. dy = 2, 0, 1: Σ dy = 3, dx = dy − 3p = 2 − 3/8, −6/8, 1 − 15/8
    y, dx = run(LogSoftmax(), LOGITS, np.array([[2.0, 0, 1]]))
    np.testing.assert_allclose(np.exp(y), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[13 / 8, -6 / 8, -7 / 8]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_out_nothing_overflows_and_a_logarithm_keeps_its_digits(dtype: str) -> None:
    x = np.array([[1e3, -1e3, 999]], dtype)
    dy = np.ones((1, 3), dtype)
    for layer in (Softmax(), LogSoftmax()):
        y, dx = run(layer, x, dy)
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()
    # ln(e⁰ + e⁻²⁰⁰⁰ + e⁻¹) = ln(1 + 1/e); the share of −1000 is 0 and its logarithm −2000 − that.
    total = np.log1p(np.exp(-1))
    y, _ = run(LogSoftmax(), x, dy)
    np.testing.assert_allclose(y, [[-total, -2000 - total, -1 - total]], rtol=1e-6)


@given(x=arrays(np.float64, (3, 4), elements=st.floats(-1e300, 1e300)))
def test_shares_sum_to_1_and_their_gradient_to_0(x: Array) -> None:
    y, dx = run(Softmax(), x, np.arange(12.0).reshape(3, 4))
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-14)
    logarithms, _ = run(LogSoftmax(), x, np.ones_like(x))
    assert (logarithms <= 0).all()


def test_what_is_masked_with_minus_infinity_has_no_share() -> None:
    x = np.array([[0.0, -np.inf, 0]])
    y, dx = run(Softmax(), x, np.array([[1.0, 5, 3]]))
    np.testing.assert_array_equal(y, [[0.5, 0, 0.5]])
    np.testing.assert_array_equal(dx, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_the_axis_is_counted_from_the_end(kind: Any) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 2))
    y, dx = run(kind(axis=-2), x, x)
    turned, turned_dx = run(kind(), x.swapaxes(1, 2), x.swapaxes(1, 2))
    # Sums along another axis are taken in another order.
    np.testing.assert_allclose(y, turned.swapaxes(1, 2), rtol=1e-14)
    np.testing.assert_allclose(dx, turned_dx.swapaxes(1, 2), rtol=1e-13, atol=1e-15)
    assert kind(axis=np.int64(-2)) == kind(-2)


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
@pytest.mark.parametrize("axis", [0, 1, -1.0, None, True, "1"])
def test_an_axis_that_cannot_be_is_refused(kind: Any, axis: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{kind.__name__}'s axis is counted from the end"):
        kind(axis)


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_an_axis_between_behind_a_linear_layer(kind: Any) -> None:
    # Sequences (N, T, 2): what Linear puts out has an axis -2, that of the places.
    network = Network(Sequential(Linear(2, 2, bias=False), kind(-2)))
    params, x = np.array([1.0, 0, 0, 1]), np.random.default_rng(2).normal(size=(4, 3, 2))
    alone = Network(kind(-2)).predict(np.empty(0), x)
    np.testing.assert_array_equal(network.predict(params, x), alone)


def test_an_axis_that_is_not_there_or_is_the_samples_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"^Softmax: Softmax works along the axis -2, .*\(4, 3\)"):
        Network(Softmax(-2)).forward(np.empty(0), np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"LogSoftmax works along the axis -1, .*\(4,\)"):
        Network(LogSoftmax()).forward(np.empty(0), np.ones(4))
    behind = Network(Sequential(Linear(2, 3), Softmax(-2)))
    with pytest.raises(ShapeError, match=r"^layers\[1\]: .* axis -2, .* the input is \(4, 3\)"):
        behind.forward(behind.initialize(), np.ones((4, 2)))
    with pytest.raises(DtypeError, match="Softmax takes measurements"):
        Network(Softmax()).forward(np.empty(0), np.ones((4, 3), int))
