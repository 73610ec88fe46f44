"""GELU, SiLU, Softplus, Mish: worked by hand, their extremes, their refusals."""

import math
import subprocess
import sys
from math import cosh, erfc, log, pi, sqrt, tanh
from typing import Any

import numpy as np
import pytest

from clearprop import GELU, Activation, Context, Mish, SiLU, Softplus
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, MissingDependencyError
from clearprop.engine.layers.activations import ActivationCache
from clearprop.engine.layers.smooth_activations import _ndtr
from clearprop.engine.layers.special import log_one_plus, logistic
from tests.gradient_checks import present

ALL: list[Activation] = [GELU(), GELU("tanh"), SiLU(), Softplus(), Softplus(2.5, 1e4), Mish()]


def run(layer: Activation, z: list[float], da: list[float]) -> tuple[Array, Array]:
    """The activation and ∂C/∂z of one sample."""
    a, cache, _ = layer.forward({}, np.array([z], float), Context())
    return a[0], present(layer.backward({}, cache, np.array([da], float))[0])[0]


def test_gelu_by_hand() -> None:
    # Φ(0) = ½: a = 0 and f' = ½. From a table, Φ(1) = 0.8413447461 and φ(1) = 0.2419707245:
    # f(1) = 0.8413447461, f'(1) = 1.0833154706; f(−1) = −0.1586552539, f'(−1) = −0.0833154706.
    a, dz = run(GELU(), [0, 1, -1], [2, 1, 1])
    np.testing.assert_allclose(a, [0, 0.8413447461, -0.1586552539], rtol=1e-9)
    np.testing.assert_allclose(dz, [1, 1.0833154706, -0.0833154706], rtol=1e-9)


def test_gelu_with_tanh_by_hand() -> None:
    # u = √(2/π)(z + 0.044715 z³), f = ½ z (1 + tanh u), f' = ½ (1 + tanh u) + ½ z u'/cosh² u.
    # At z = 1: u = 0.7978845608 · 1.044715, u' = 0.7978845608 · 1.134145.
    factor = sqrt(2 / pi)
    u, du = factor * 1.044715, factor * 1.134145
    a, dz = run(GELU("tanh"), [0, 1], [2, 1])
    np.testing.assert_allclose(a, [0, 0.5 * (1 + tanh(u))], rtol=1e-15)
    slope = 0.5 * (1 + tanh(u)) + 0.5 * du / cosh(u) ** 2
    np.testing.assert_allclose(dz, [1, slope], rtol=1e-14)


def test_the_two_forms_of_gelu_differ_as_the_docstring_says() -> None:
    z = np.linspace(-6, 6, 10_001)
    gap = np.abs(GELU().value(z) - GELU("tanh").value(z)).max()
    assert 4e-4 < gap < 5e-4


def test_silu_by_hand() -> None:
    # σ(ln 3) = ¾ and σ' = 3/16: a = ¾ ln 3, f' = ¾ + 3/16 ln 3. At −ln 3: σ = ¼, the same σ'.
    a, dz = run(SiLU(), [0, log(3), -log(3)], [4, 1, 1])
    np.testing.assert_allclose(a, [0, 0.75 * log(3), -0.25 * log(3)], rtol=1e-15)
    np.testing.assert_allclose(dz, [2, 0.75 + 3 / 16 * log(3), 0.25 - 3 / 16 * log(3)], rtol=1e-14)


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_one_number_without_an_axis_is_as_good_as_a_row_of_them(layer: Activation) -> None:
    alone, row = np.asarray(0.5), np.array([0.5])
    a = np.asarray(layer.value(alone))
    assert float(a) == layer.value(row)[0]
    slope = layer.derivative(row, layer.value(row))
    np.testing.assert_allclose(layer.derivative(alone, a), slope[0], rtol=1e-15)


@pytest.mark.parametrize("layer", [GELU(), GELU("tanh"), SiLU()], ids=repr)
def test_what_forward_keeps_gives_the_derivative(layer: Activation) -> None:
    z = np.array([-3.0, 0, 0.5, 60])
    a, part = layer.value_and_part(z)
    np.testing.assert_array_equal(a, layer.value(z))
    assert part is not None
    np.testing.assert_array_equal(a, z * part)
    for kept in (part, None):
        slope = layer.derivative_from(ActivationCache(z, a, kept))
        np.testing.assert_array_equal(slope, layer.derivative(z, a))


def test_softplus_by_hand() -> None:
    # ln(1 + e⁰) = ln 2 with slope ½, ln(1 + 3) = ln 4 with slope ¾. With β = 2 at ½ ln 3: ln(4)/2.
    a, dz = run(Softplus(), [0, log(3)], [2, 4])
    np.testing.assert_allclose(a, [log(2), log(4)], rtol=1e-15)
    np.testing.assert_allclose(dz, [1, 3], rtol=1e-15)
    a, dz = run(Softplus(beta=2), [log(3) / 2], [4])
    np.testing.assert_allclose(a, [log(4) / 2], rtol=1e-15)
    np.testing.assert_allclose(dz, [3], rtol=1e-15)


def test_mish_by_hand() -> None:
    # At z = ln 3, v = 1 + e^z is 4: τ = (16 − 1)/(16 + 1) = 15/17, 1 − τ² = 64/289, σ = ¾, so
    # f' = 15/17 + ln 3 · 64/289 · ¾. At 0, v = 2: τ = 3/5 = f'. At −ln 3, v = 4/3: τ = 7/25,
    # 1 − τ² = 576/625, σ = ¼.
    a, dz = run(Mish(), [0, log(3), -log(3)], [5, 1, 1])
    np.testing.assert_allclose(a, [0, log(3) * 15 / 17, -log(3) * 7 / 25], rtol=1e-15)
    slopes = [3, 15 / 17 + log(3) * 48 / 289, 7 / 25 - log(3) * 144 / 625]
    np.testing.assert_allclose(dz, slopes, rtol=1e-14)


def test_mish_dips_where_the_paper_says() -> None:
    # Its one minimum: f(−1.1924) ≈ −0.3088.
    z = np.linspace(-5, 5, 100_001)
    a = Mish().value(z)
    assert z[a.argmin()] == pytest.approx(-1.1924, abs=1e-4)
    assert a.min() == pytest.approx(-0.30884, abs=1e-5)


def test_mish_keeps_its_digits_where_its_slope_is_almost_0_or_1() -> None:
    # f' → (1 + z) eᶻ below, and above 1 − f' → (2 − 4z) e^(−2z) with τ ≈ 1 − 2 e^(−2z).
    z = np.array([-40.0, -30.0])
    slope = Mish().derivative(z, Mish().value(z))
    np.testing.assert_allclose(slope, (1 + z) * np.exp(z), rtol=1e-11)
    assert Mish().derivative(np.array([12.0]), np.array([12.0]))[0] - 1 == pytest.approx(
        (4 * 12 - 2) * np.exp(-24), rel=1e-3
    )


def test_softplus_is_z_itself_above_the_threshold_and_the_curve_at_it() -> None:
    layer = Softplus(beta=2, threshold=1)
    assert layer.kinks() == (0.5,)
    a, dz = run(layer, [0.5, np.nextafter(0.5, 1), 3], [1, 1, 1])
    np.testing.assert_allclose(a, [log(1 + math.e) / 2, 0.5, 3], rtol=1e-15)
    np.testing.assert_allclose(dz, [math.e / (1 + math.e), 1, 1], rtol=1e-15)


def test_at_the_threshold_softplus_is_torchs(torch: Any) -> None:
    z = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    torch.nn.functional.softplus(z, 2, 1).backward()
    a, dz = run(Softplus(beta=2, threshold=1), [0.5], [1])
    assert dz[0] == pytest.approx(z.grad.item(), rel=1e-15)
    assert a[0] == pytest.approx(log(1 + math.e) / 2, rel=1e-15)


def test_far_below_0_a_value_keeps_its_digits() -> None:
    # Φ(−10) = erfc(10/√2)/2 is 7.6e-24, and 1 + erf would have left 0 of it.
    a, _ = run(GELU(), [-10], [1])
    np.testing.assert_allclose(a, [-10 * erfc(10 / sqrt(2)) / 2], rtol=1e-13)
    # ln(1 + e⁻⁵⁰) is e⁻⁵⁰, and σ(−50) is too.
    for layer, factor in ((Softplus(), 1), (SiLU(), -50)):
        np.testing.assert_allclose(run(layer, [-50], [1])[0], [factor * np.exp(-50)], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_far_out_there_is_a_limit_and_no_overflow(layer: Activation, dtype: str) -> None:
    z = np.array([[-1e3, 1e3, -1e9, 1e9]], dtype)
    if layer == Softplus(2.5, 1e4):
        z = z[:, :2]
    a = layer.value(z)
    slope = layer.derivative(z, a)
    assert a.dtype == slope.dtype == dtype
    # f → 0 and z, f' → 0 and 1.
    np.testing.assert_allclose(a, np.where(z.real > 0, z, 0), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slope, np.where(z.real > 0, 1, 0), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_nan_is_passed_on_in_both_directions(layer: Activation) -> None:
    a, dz = run(layer, [np.nan], [1])
    assert np.isnan(a[0])
    assert np.isnan(dz[0])


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_the_complex_branches_agree_with_the_real_ones(layer: Activation) -> None:
    z = np.linspace(-30, 30, 601)
    value = layer.value(z.astype(complex))
    np.testing.assert_allclose(value.real, layer.value(z), rtol=1e-13, atol=1e-300)
    np.testing.assert_array_equal(value.imag, 0)


# Not typed: these are the mistakes that a type checker would have found.
SETTINGS: list[tuple[Any, tuple[Any, ...], str]] = [
    (GELU, ("sigmoid",), "GELU's approximate must be one of none, tanh, and 'sigmoid' is not"),
    (GELU, (True,), "GELU's approximate must be one of none, tanh, and True is not"),
    (Softplus, (0,), "Softplus's beta must be a finite number above 0, and 0 is not"),
    (Softplus, (float("nan"),), "Softplus's beta must be a finite number above 0"),
    (Softplus, (1, None), "Softplus's threshold must be a finite number, and None is not"),
]


@pytest.mark.parametrize(("kind", "settings", "sentence"), SETTINGS)
def test_settings_that_cannot_be_are_refused(
    kind: Any, settings: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        kind(*settings)


@pytest.mark.parametrize(("dtype", "ulps"), [("float64", 4), ("float32", 5)])
def test_the_logistic_function_is_scipys_to_a_few_units(dtype: str, ulps: int) -> None:
    # Both take e⁻ᶻ, each from a library of its own; each is as near as 2.4 units to the truth in
    # float64, and NumPy's as 3.3 in float32.
    expit = pytest.importorskip("scipy.special").expit
    generator = np.random.default_rng(0)
    spread = [generator.normal(scale=scale, size=100_000) for scale in (1, 10, 100)]
    z = np.concatenate([*spread, [0, 30, -30, 700, 1e4, -1e4, np.inf, -np.inf]]).astype(dtype)
    ours, theirs = logistic(z), expit(z)
    assert ours.dtype == dtype
    normal = theirs >= np.finfo(dtype).tiny
    gap = np.abs(ours - theirs)
    assert (gap[normal] <= ulps * np.spacing(theirs[normal])).all()
    assert (gap[~normal] <= np.finfo(dtype).tiny).all()
    assert ours[-1] == 0
    assert ours[-2] == 1


def test_the_logistic_function_warns_of_nothing_and_keeps_nan() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(logistic(np.array([-1e4, 1e4, np.nan])), [0, 1, np.nan])
        assert logistic(np.array(0.0)) == 0.5
        np.testing.assert_array_equal(logistic(np.array([0, 0], "uint8")), [0.5, 0.5])
        assert logistic(np.zeros((0, 3), "float32")).dtype == np.float32


def test_the_logistic_function_of_complex_numbers() -> None:
    z = np.array([-800, -3, -1e-9, 0, 2, 800]) + 1e-30j
    share = logistic(z)
    np.testing.assert_allclose(share.real, logistic(z.real), rtol=1e-15)
    # The complex step: Im σ(z + ih) / h = σ'(z).
    slope = logistic(z.real) * logistic(-z.real)
    np.testing.assert_allclose(share.imag / 1e-30, slope, rtol=1e-13)


def test_ln_of_one_plus_a_complex_number_keeps_small_digits() -> None:
    reference = pytest.importorskip("scipy.special").log1p
    generator = np.random.default_rng(1)
    size = 10.0 ** generator.uniform(-300, 0, 1000)
    w = size * np.exp(1j * generator.uniform(-np.pi / 2, np.pi / 2, 1000))
    exact, ours = reference(w), log_one_plus(w)
    np.testing.assert_allclose(ours.real, exact.real, rtol=2e-15)
    np.testing.assert_allclose(ours.imag, exact.imag, rtol=2e-15)
    step = np.array([1e-9, 0.3, 1.0]) + 1e-40j
    np.testing.assert_allclose(log_one_plus(step).imag, 1e-40 / (1 + step.real), rtol=1e-15)
    np.testing.assert_array_equal(log_one_plus(np.array([0.0, 1e-20])), [0, 1e-20])


def test_exact_gelu_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    _ndtr.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"needs SciPy, .* 'clearprop\[scipy\]'$"):
        GELU().value(np.zeros(3))
    assert GELU("tanh").value(np.ones(1))[0] == pytest.approx(0.8412, abs=1e-4)


def test_a_backward_is_checked_and_its_mistake_named_without_scipy() -> None:
    # In a process of its own: what can be held against a backward is settled when it is loaded.
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('scipy', 'torch', 'jax')))\n"
        "import numpy as np\n"
        "from clearprop import check\n"
        "def forward(x): return np.tanh(x)\n"
        "def backward(dout, x): return dout * np.tanh(x)\n"
        "verdict = check(forward, np.linspace(-1, 1, 6).reshape(3, 2), backward=backward)\n"
        "print(verdict.outcome, [one.key for one in verdict.mistakes])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "wrong ['value_for_derivative']\n", done.stderr
