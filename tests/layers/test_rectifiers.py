"""Rectifiers: worked by hand, their kinks, their extremes, their refusals."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    ELU,
    SELU,
    Activation,
    Constant,
    Context,
    Hardtanh,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    PReLU,
    ReLU,
    Sequential,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from clearprop.engine.layers.rectifiers import SELU_ALPHA, SELU_SCALE
from tests.gradient_checks import present


def run(layer: Layer, z: list[float], da: list[float], slope: Any = None) -> tuple[Array, Array]:
    """The activation and ∂C/∂z of one sample."""
    tree = {} if slope is None else {"weight": np.array([slope], float)}
    a, cache, state = layer.forward(tree, np.array([z], float), Context())
    assert not state
    return a[0], present(layer.backward(tree, cache, np.array([da], float))[0])[0]


def test_leaky_relu_by_hand() -> None:
    a, dz = run(LeakyReLU(0.25), [-2, 3, -8], [10, 20, -4])
    np.testing.assert_array_equal(a, [-0.5, 3, -2])
    np.testing.assert_array_equal(dz, [2.5, 20, -1])


def test_elu_by_hand() -> None:
    # α = 2: at −ln 2, a = 2(½ − 1) = −1 and f' = 2·½ = 1; at −ln 4, a = −3/2 and f' = ½.
    a, dz = run(ELU(2), [-np.log(2), -np.log(4), 3], [5, 6, 7])
    np.testing.assert_allclose(a, [-1, -1.5, 3], rtol=1e-15)
    np.testing.assert_allclose(dz, [5, 3, 7], rtol=1e-15)


def test_selu_by_hand() -> None:
    # At −ln 2, a = λα(½ − 1) = −λα/2 and f' = λα/2; above 0 both are those of λz.
    half = 1.0507009873554805 * 1.6732632423543772 / 2
    a, dz = run(SELU(), [-np.log(2), 2], [1, 3])
    np.testing.assert_allclose(a, [-half, 2 * 1.0507009873554805], rtol=1e-15)
    np.testing.assert_allclose(dz, [half, 3 * 1.0507009873554805], rtol=1e-15)


def test_selus_numbers_keep_the_mean_and_the_variance_of_a_normal_signal() -> None:
    # The trapezium rule is exact to rounding for a smooth function that ends in zeros; the kink at
    # 0 costs h² of it.
    z = np.linspace(-12, 12, 240_001)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    a = SELU().value(z)
    step = z[1] - z[0]
    assert np.sum(a * density) * step == pytest.approx(0, abs=1e-8)
    assert np.sum(a * a * density) * step == pytest.approx(1, abs=1e-8)
    assert pytest.approx((1.67326324, 1.05070099)) == (SELU_ALPHA, SELU_SCALE)


def test_hardtanh_by_hand() -> None:
    a, dz = run(Hardtanh(-1, 2), [-3, -0.5, 1.5, 4], [1, 2, 3, 4])
    np.testing.assert_array_equal(a, [-1, -0.5, 1.5, 2])
    np.testing.assert_array_equal(dz, [0, 2, 3, 0])


def test_prelu_with_one_slope_by_hand() -> None:
    # s = ½: z = [[−2, 4], [−6, 1]], a = [[−1, 4], [−3, 1]].
    # da = [[1, 1], [2, 1]]: ds = 1·(−2) + 2·(−6) = −14, dz = [[½, 1], [1, 1]]
    tree = {"weight": np.array([[0.5]])}
    a, cache, _ = PReLU().forward(tree, np.array([[-2.0, 4], [-6, 1]]), Context())
    assert cache._fields == ("z",)
    np.testing.assert_array_equal(a, [[-1, 4], [-3, 1]])
    dz, gradients = PReLU().backward(tree, cache, np.array([[1.0, 1], [2, 1]]))
    np.testing.assert_array_equal(gradients["weight"], [[-14]])
    np.testing.assert_array_equal(present(dz), [[0.5, 1], [1, 1]])


def test_prelu_with_a_slope_for_each_feature_by_hand() -> None:
    # s = ½, ¼: z = [[−2, −4], [6, −8]], a = [[−1, −1], [6, −2]].
    # da = [[1, 2], [3, 4]]: ds = [1·(−2), 2·(−4) + 4·(−8)] = [−2, −40], dz = [[½, ½], [3, 1]]
    tree = {"weight": np.array([[0.5, 0.25]])}
    a, cache, _ = PReLU(2).forward(tree, np.array([[-2.0, -4], [6, -8]]), Context())
    np.testing.assert_array_equal(a, [[-1, -1], [6, -2]])
    dz, gradients = PReLU(2).backward(tree, cache, np.array([[1.0, 2], [3, 4]]))
    np.testing.assert_array_equal(gradients["weight"], [[-2, -40]])
    np.testing.assert_array_equal(present(dz), [[0.5, 0.5], [3, 1]])


# layer, its learned slope, a kink, f' there
KINKS: list[tuple[Layer, Any, float, float]] = [
    (ReLU(), None, 0, 0),
    (LeakyReLU(), None, 0, 0.01),
    (LeakyReLU(0.3), None, 0, 0.3),
    (PReLU(), [0.25], 0, 0.25),
    (ELU(), None, 0, 1),
    (ELU(0.7), None, 0, 0.7),
    (SELU(), None, 0, SELU_SCALE * SELU_ALPHA),
    (Hardtanh(), None, -1, 0),
    (Hardtanh(), None, 1, 0),
    (Hardtanh(-0.5, 2), None, 2, 0),
]


@pytest.mark.parametrize(("layer", "slope", "kink", "expected"), KINKS)
def test_at_a_kink_the_convention_is_the_one_that_is_written(
    layer: Layer, slope: Any, kink: float, expected: float
) -> None:
    assert run(layer, [kink], [3], slope)[1] == pytest.approx(3 * expected, rel=1e-15)
    assert kink in layer.kinks() or layer == ELU()


@pytest.mark.parametrize(("layer", "slope", "kink", "expected"), KINKS)
def test_at_a_kink_the_convention_is_torchs(
    torch: Any, layer: Layer, slope: Any, kink: float, expected: float
) -> None:
    from clearprop.formats import torch_twin

    network = Network(layer)
    params = np.array(slope or [], float)
    twin = torch_twin.to_torch(network, params)
    z = torch.tensor([[kink]], dtype=torch.float64, requires_grad=True)
    twin(z).backward(torch.tensor([[3.0]], dtype=torch.float64))
    assert z.grad.item() == pytest.approx(3 * expected, rel=1e-15)
    for parameter in twin.parameters():
        assert parameter.grad is not None
        assert parameter.grad.item() == 0
        backward = network.backward(network.forward(params, np.zeros((1, 1))), np.ones((1, 1)))
        assert backward.gradient.item() == 0


def test_a_smooth_elu_has_no_kink() -> None:
    assert ELU().kinks() == ()
    assert Linear(1, 1).kinks() == ()


ALL: list[Activation] = [LeakyReLU(), ELU(), ELU(0.7), SELU(), Hardtanh(), Hardtanh(-2, 0.5)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_far_out_nothing_overflows_and_the_dtype_stays(layer: Activation, dtype: str) -> None:
    z = np.array([[-1e3, -100, 100, 1e3]], dtype)
    a = layer.value(z)
    slope = layer.derivative(z, a)
    assert a.dtype == dtype
    assert (z * slope).dtype == dtype
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("layer", [*ALL, PReLU()], ids=repr)
def test_nan_is_passed_on(layer: Layer) -> None:
    slope = [0.25] if isinstance(layer, PReLU) else None
    assert np.isnan(run(layer, [np.nan], [1], slope)[0][0])


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_the_complex_branches_agree_with_the_real_ones(layer: Activation) -> None:
    z = np.linspace(-5, 5, 101)
    value = layer.value(z.astype(complex))
    np.testing.assert_allclose(value.real, layer.value(z), rtol=1e-14)
    np.testing.assert_array_equal(value.imag, 0)


def test_prelu_starts_as_in_pytorch_unless_told_otherwise() -> None:
    np.testing.assert_array_equal(Network(PReLU(3)).initialize(), [0.25] * 3)
    np.testing.assert_array_equal(Network(PReLU(initializer=Constant(0.1))).initialize(), [0.1])


# Not typed: these are the mistakes that a type checker would have found.
SETTINGS: list[tuple[Any, tuple[Any, ...], str]] = [
    (LeakyReLU, (float("inf"),), "LeakyReLU's slope must be a finite number, and inf is not"),
    (LeakyReLU, ("0.1",), "LeakyReLU's slope must be a finite number"),
    (ELU, (None,), "ELU's alpha must be a finite number"),
    (Hardtanh, (1.0, 1.0), "Hardtanh needs low < high; it was given low=1.0 and high=1.0"),
    (Hardtanh, (True, 2.0), "Hardtanh's low must be a finite number"),
    (PReLU, (0,), "PReLU's features must be a whole number"),
]


@pytest.mark.parametrize(("kind", "settings", "sentence"), SETTINGS)
def test_settings_that_cannot_be_are_refused(
    kind: Any, settings: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        kind(*settings)


def test_a_number_of_another_kind_is_kept_as_pythons() -> None:
    layer = LeakyReLU(np.float32(0.5))  # type: ignore[arg-type]
    assert type(layer.slope) is float
    assert layer == LeakyReLU(0.5)


def test_an_input_that_prelu_cannot_take_is_refused() -> None:
    network = Network(PReLU(2))
    with pytest.raises(ShapeError, match=r"PReLU takes rows of 2 features, .* is \(4, 3\)"):
        network.forward(network.initialize(), np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"gives \(N, 3\)"):
        Sequential(Linear(1, 3), PReLU(2))
    assert Sequential(Linear(1, 3), PReLU()).output_shape((1,)) == (3,)
    one = Network(PReLU())
    with pytest.raises(ShapeError, match=r"PReLU takes rows of D features, .* is \(4,\)"):
        one.forward(one.initialize(), np.ones(4))
    with pytest.raises(DtypeError, match="PReLU takes measurements"):
        one.forward(one.initialize(), np.ones((4, 1), int))
