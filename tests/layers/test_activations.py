"""Activations: worked by hand, their conventions, their extremes, and one of a user's own."""

from dataclasses import dataclass
from math import e, exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearprop import Activation, Context, Identity, Linear, Network, ReLU, Sequential
from clearprop import Sigmoid as Logistic
from clearprop import Tanh as HyperbolicTangent
from clearprop.base.arrays import Array
from clearprop.base.errors import DtypeError
from tests.gradient_checks import assert_complex_step_agrees, assert_gradients_right, present

ALL = [ReLU(), HyperbolicTangent(), Logistic(), Identity()]
numbers = arrays(np.float64, 8, elements=st.floats(-1e300, 1e300))


def run(layer: Activation, z: list[float], da: list[float]) -> tuple[Array, Array]:
    """The activation and ∂C/∂z of one sample."""
    a, cache, state = layer.forward({}, np.array([z], float), Context())
    assert cache._fields == ("z", "a", "part")
    assert cache.part is None
    assert not state
    dz, gradients = layer.backward({}, cache, np.array([da], float))
    assert not gradients
    return a[0], present(dz)[0]


def test_relu_by_hand() -> None:
    # max(0, z) of −2, 3 and 0.5; da passes where z > 0, whatever its own sign.
    a, dz = run(ReLU(), [-2, 3, 0.5], [10, -20, 30])
    np.testing.assert_array_equal(a, [0, 3, 0.5])
    np.testing.assert_array_equal(dz, [0, -20, 30])


def test_tanh_by_hand() -> None:
    # tanh 0 = 0, so f'(0) = 1. tanh(½) = (e − 1)/(e + 1), since e^½/e^−½ = e; f' = 1 − tanh²
    # = ((e + 1)² − (e − 1)²)/(e + 1)² = 4e/(e + 1)². tanh is odd, its derivative even.
    a, dz = run(HyperbolicTangent(), [0, 0.5, -0.5], [2, 3, 3])
    half = (e - 1) / (e + 1)
    np.testing.assert_allclose(a, [0, half, -half], rtol=1e-15)
    np.testing.assert_allclose(dz, [2, 12 * e / (e + 1) ** 2, 12 * e / (e + 1) ** 2], rtol=1e-15)


def test_sigmoid_by_hand() -> None:
    # σ(0) = ½ and σ'(0) = ¼. σ(ln 3) = 1/(1 + ⅓) = ¾ and σ' = ¾·¼ = 3/16. σ(−ln 3) = ¼.
    a, dz = run(Logistic(), [0, np.log(3), -np.log(3)], [4, 16, -16])
    np.testing.assert_allclose(a, [0.5, 0.75, 0.25], rtol=1e-15)
    np.testing.assert_allclose(dz, [1, 3, -3], rtol=1e-15)


def test_identity_by_hand() -> None:
    a, dz = run(Identity(), [-1, 0, 7], [2, 3, 4])
    np.testing.assert_array_equal(a, [-1, 0, 7])
    np.testing.assert_array_equal(dz, [2, 3, 4])


def test_the_derivative_of_relu_at_0_is_0() -> None:
    for zero in (0.0, -0.0):
        _, dz = run(ReLU(), [zero], [5])
        assert dz[0] == 0
    # Beside the kink it is 0 and 1, however near.
    tiny = np.nextafter(0, 1)
    np.testing.assert_array_equal(run(ReLU(), [-tiny, tiny], [5, 5])[1], [0, 5])


def test_relu_passes_nan_on() -> None:
    # A diverged training must not look alive: max(0, NaN) is NaN, not 0.
    assert np.isnan(run(ReLU(), [np.nan], [1])[0][0])


@pytest.mark.parametrize(
    ("layer", "at_minus", "at_plus"),
    [(ReLU(), 0, 1e4), (HyperbolicTangent(), -1, 1), (Logistic(), 0, 1), (Identity(), -1e4, 1e4)],
)
def test_far_out_there_is_a_limit_and_no_overflow(
    layer: Activation, at_minus: float, at_plus: float
) -> None:
    # Overflow would be a warning, and a warning an error.
    a, dz = run(layer, [-1e4, 1e4], [1, 1])
    np.testing.assert_array_equal(a, [at_minus, at_plus])
    assert np.isfinite(dz).all()


def test_sigmoid_is_exact_where_the_naive_formula_loses_everything() -> None:
    # For z ≪ 0, σ(z) = eᶻ/(1 + eᶻ) ≈ eᶻ: 1 − σ(40) would be 0 in float64.
    a, _ = run(Logistic(), [-40, -700], [1, 1])
    np.testing.assert_allclose(a, [exp(-40), exp(-700)], rtol=1e-15)


@given(z=numbers)
def test_values_stay_in_their_ranges_for_every_number(z: Array) -> None:
    def value(layer: Activation) -> Array:
        return layer.value(z)

    assert (value(ReLU()) >= 0).all()
    assert (np.abs(value(HyperbolicTangent())) <= 1).all()
    assert ((value(Logistic()) >= 0) & (value(Logistic()) <= 1)).all()
    np.testing.assert_array_equal(value(Identity()), z)
    for layer in ALL:
        slope = np.asarray(layer.derivative(z, value(layer)), float)
        assert ((slope >= 0) & (slope <= 1)).all()


@given(z=arrays(np.float64, 8, elements=st.floats(-700, 700)))
def test_the_complex_branches_agree_with_the_real_ones(z: Array) -> None:
    for layer in ALL:
        value = layer.value(z.astype(complex))
        # exp is rounded in two ways, and an exponent of 700 magnifies it.
        np.testing.assert_allclose(value.real, layer.value(z), rtol=1e-13, atol=1e-300)
        np.testing.assert_array_equal(value.imag, 0)


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_integers_are_not_measurements(layer: Activation) -> None:
    # tanh of integers would be float64 beside float32 parameters.
    network = Network(Sequential(layer, Linear(2, 1)))
    with pytest.raises(DtypeError, match=r"layers\[0\]: \w+ takes measurements"):
        network.forward(network.initialize(dtype="float32"), np.ones((3, 2), np.int64))


@dataclass(frozen=True)
class Softplus(Activation):
    """ln(1 + eᶻ), the integral of σ: one of a user's own."""

    sharpness: float = 1.0

    def value(self, z: Array) -> Array:
        value: Array = np.log1p(np.exp(self.sharpness * z)) / self.sharpness
        return value

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = 1 / (1 + np.exp(-self.sharpness * z))
        return slope


@dataclass(frozen=True)
class Square(Activation):
    """z², whose derivative is not a function of a."""

    def value(self, z: Array) -> Array:
        return z * z

    def derivative(self, z: Array, a: Array) -> Array:
        return 2 * z


@pytest.mark.parametrize("own", [Softplus(), Softplus(3.0), Square()])
def test_an_activation_of_a_users_own_is_two_functions(own: Activation) -> None:
    for layer in (own, Sequential(Linear(4, 3), own, Linear(3, 4))):
        assert_gradients_right(layer, (4,))
        assert_complex_step_agrees(layer, (4,))
    network = Network(Sequential(Linear(1, 2), own))
    stacked = network.forward(network.initialize(range(3)), np.ones((5, 1)))
    assert stacked.output.shape == (3, 5, 2)
