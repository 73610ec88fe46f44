"""Starting weights: distributions to draw a parameter array from.

fan_in is the number of inputs that one unit sums over, fan_out the number of units that one input
feeds. For a Linear weight (in, out): fan_in = in, fan_out = out, and its bias has the same fans.

    Uniform(low, high)       U[low, high); U[0, 1) is the tutorial's
    FanInUniform             U(−1/√fan_in, 1/√fan_in), PyTorch's default for Linear, bias included
    XavierUniform            U(−b, b), b = √(6 / (fan_in + fan_out))       Glorot and Bengio, 2010
    XavierNormal             N(0, 2 / (fan_in + fan_out))                  (Xavier is Glorot)
    KaimingUniform           U(−b, b), b = √(6 / fan_in)                   He and others, 2015
    KaimingNormal            N(0, 2 / fan_in)                              (Kaiming is He)
    Normal(mean, deviation)  N(mean, deviation²); N(0, 1) is PyTorch's default for Embedding
    Constant(value)          all the same number; ones for the scale of a normalization
    Zeros                    all zero
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array, Shape, is_finite_number
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError


class Initializer(Configurable, ABC):
    """A distribution of starting weights."""

    @abstractmethod
    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        """An array of `shape` in float64; the caller casts it, so that float32 starts are the
        rounded float64 ones."""


@dataclass(frozen=True)
class Uniform(Initializer):
    """U[low, high). Raises ConfigurationError unless low < high, both finite."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        finite = is_finite_number(self.low) and is_finite_number(self.high)
        # Nothing is drawn from a range whose width is no number.
        if not (finite and self.low < self.high and math.isfinite(self.high - self.low)):
            raise ConfigurationError("uniform_bounds", low=self.low, high=self.high)
        for name in ("low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return generator.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class FanInUniform(Initializer):
    """U(−1/√fan_in, 1/√fan_in): what torch.nn.Linear draws weight and bias from."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return _symmetric(generator, shape, 1 / math.sqrt(fan_in))


@dataclass(frozen=True)
class XavierUniform(Initializer):
    """U(−b, b) with b = √(6 / (fan_in + fan_out)), also called Glorot uniform."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return _symmetric(generator, shape, math.sqrt(6 / (fan_in + fan_out)))


@dataclass(frozen=True)
class XavierNormal(Initializer):
    """N(0, 2 / (fan_in + fan_out)), also called Glorot normal."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return generator.normal(0.0, math.sqrt(2 / (fan_in + fan_out)), shape)


@dataclass(frozen=True)
class KaimingUniform(Initializer):
    """U(−b, b) with b = √(6 / fan_in), made for ReLU; also called He uniform."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return _symmetric(generator, shape, math.sqrt(6 / fan_in))


@dataclass(frozen=True)
class KaimingNormal(Initializer):
    """N(0, 2 / fan_in), made for ReLU; also called He normal."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return generator.normal(0.0, math.sqrt(2 / fan_in), shape)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(mean, deviation²). Raises ConfigurationError unless both are finite, deviation >= 0."""

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        finite = is_finite_number(self.mean) and is_finite_number(self.deviation)
        if not (finite and self.deviation >= 0):
            raise ConfigurationError("normal_invalid", mean=self.mean, deviation=self.deviation)
        for name in ("mean", "deviation"):
            object.__setattr__(self, name, float(getattr(self, name)))

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return generator.normal(self.mean, self.deviation, shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """Every entry `value`. Raises ConfigurationError unless it is a finite number."""

    value: float = 1.0

    def __post_init__(self) -> None:
        if not is_finite_number(self.value):
            raise ConfigurationError("constant_invalid", value=self.value)
        object.__setattr__(self, "value", float(self.value))

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero. Right for a bias; a weight array of zeros never breaks its symmetry."""

    def draw(
        self, generator: "np.random.Generator", shape: Shape, fan_in: int, fan_out: int
    ) -> Array:
        return np.zeros(shape)


def _symmetric(generator: "np.random.Generator", shape: Shape, bound: float) -> Array:
    return generator.uniform(-bound, bound, shape)
