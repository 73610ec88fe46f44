"""Initializers: each one's formula, worked by hand, and its bounds and moments."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    Constant,
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Linear,
    Network,
    Normal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from clearprop.base.errors import ConfigurationError
from clearprop.kinds.kind_tables import INITIALIZERS

# fan_in 24, fan_out 30:
#   FanInUniform     b = 1/√24 = 0.20412414523
#   XavierUniform    b = √(6/54) = 1/3
#   XavierNormal     σ = √(2/54) = 0.19245008973
#   KaimingUniform   b = √(6/24) = ½
#   KaimingNormal    σ = √(2/24) = 0.28867513459
BOUNDS: list[tuple[Initializer, float, float]] = [
    (Uniform(), 0.0, 1.0),
    (Uniform(-3, 5), -3.0, 5.0),
    (FanInUniform(), -0.20412414523, 0.20412414523),
    (XavierUniform(), -1 / 3, 1 / 3),
    (KaimingUniform(), -0.5, 0.5),
]
DEVIATIONS: list[tuple[Initializer, float]] = [
    (XavierNormal(), 0.19245008973),
    (KaimingNormal(), 0.28867513459),
    (Normal(), 1.0),
    (Normal(0, 0.02), 0.02),
]
MANY = (200, 500)


def draw(initializer: Initializer, shape: tuple[int, ...] = MANY) -> Any:
    return initializer.draw(np.random.default_rng(0), shape, 24, 30)


@pytest.mark.parametrize(("initializer", "low", "high"), BOUNDS)
def test_a_uniform_start_fills_its_bounds(
    initializer: Initializer, low: float, high: float
) -> None:
    values = draw(initializer)
    width = high - low
    assert values.min() >= low
    assert values.max() <= high
    # The extremes of 100 000 draws lie within 1e-3 of the width of the bounds, all but surely.
    assert values.min() < low + 1e-3 * width
    assert values.max() > high - 1e-3 * width
    # U has mean (low + high)/2 and variance width²/12. Five standard errors of 100 000 draws.
    assert values.mean() == pytest.approx((low + high) / 2, abs=5 * width / math.sqrt(12e5))
    assert values.var() == pytest.approx(width**2 / 12, rel=0.015)


@pytest.mark.parametrize(("initializer", "deviation"), DEVIATIONS)
def test_a_normal_start_has_its_deviation(initializer: Initializer, deviation: float) -> None:
    values = draw(initializer)
    # Five standard errors: σ/√n for the mean, σ/√(2n) for the deviation.
    assert values.mean() == pytest.approx(0, abs=5 * deviation / math.sqrt(1e5))
    assert values.std() == pytest.approx(deviation, rel=5 / math.sqrt(2e5))
    # A normal distribution, not a uniform one: 4.55 % lie beyond two deviations.
    assert np.mean(np.abs(values) > 2 * deviation) == pytest.approx(0.0455, abs=0.004)


def test_zeros_and_constants() -> None:
    np.testing.assert_array_equal(draw(Zeros(), (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(draw(Constant(), (2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(draw(Constant(-2), (2, 3)), np.full((2, 3), -2.0))
    np.testing.assert_array_equal(draw(Normal(3, 0), (2, 3)), np.full((2, 3), 3.0))


@pytest.mark.parametrize("value", [float("nan"), None, "1", True])
def test_a_constant_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="A constant start must be a finite number"):
        Constant(value)


@pytest.mark.parametrize(("mean", "deviation"), [(0, -1), (float("inf"), 1), (0, None), ("0", 1)])
def test_a_normal_that_cannot_be_is_refused(mean: Any, deviation: Any) -> None:
    with pytest.raises(ConfigurationError, match="a finite mean and a finite deviation of at"):
        Normal(mean, deviation)


def test_u01_takes_the_generators_numbers_as_they_are() -> None:
    expected = np.random.default_rng(0).random((3, 4))
    np.testing.assert_array_equal(draw(Uniform(), (3, 4)), expected)


@given(
    fan_in=st.integers(1, 50),
    fan_out=st.integers(1, 50),
    name=st.sampled_from(sorted(INITIALIZERS)),
)
def test_every_start_has_the_shape_is_float64_and_repeats(
    fan_in: int, fan_out: int, name: str
) -> None:
    initializer = INITIALIZERS[name]()
    first, second = (
        initializer.draw(np.random.default_rng(3), (fan_in, fan_out), fan_in, fan_out)
        for _ in range(2)
    )
    assert first.shape == (fan_in, fan_out)
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, second)


def test_the_table_holds_every_initializer() -> None:
    assert set(INITIALIZERS.values()) == set(Initializer.__subclasses__())
    assert all(name == kind.__name__ for name, kind in INITIALIZERS.items())


@pytest.mark.parametrize(
    ("low", "high"),
    [(1, 1), (2, 1), (0, math.inf), (math.nan, 1), (-math.inf, 0), ("0", 1), (0, None)],
)
def test_bounds_that_cannot_be_are_refused(low: Any, high: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"low={low} and high={high}"):
        Uniform(low, high)


def test_bounds_of_numpys_become_pythons() -> None:
    # np.float32 is not JSON, and a saved network has its initializers in it.
    uniform = Uniform(np.float32(-0.5), np.int64(2))  # type: ignore[arg-type]
    assert uniform == Uniform(-0.5, 2.0)
    assert type(uniform.low) is type(uniform.high) is float


def test_a_bias_has_the_fans_of_its_weight() -> None:
    # PyTorch's default start: both within ±1/√fan_in = ±½.
    network = Network(Linear(4, 10_000))
    named = network.named(network.initialize())
    for array in named.values():
        assert 0.49 < np.abs(array).max() <= 0.5
