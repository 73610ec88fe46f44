"""Rectifiers: activations of two or three pieces, which meet at a kink.

Forward      a = f(z), entry by entry         z and a of any one shape

Backward     dz = f'(z) ⊙ da; the pieces' derivatives are

             LeakyReLU  f = z where z > 0, else s z              f' = 1,  s
             PReLU      the same with a learned s, one for all features or one for each
             ELU        f = z where z > 0, else α (eᶻ − 1)       f' = 1,  α eᶻ
             SELU       f = λ · ELU with its own α and λ         f' = λ,  λ α eᶻ
             Hardtanh   f = z held between low and high          f' = 1 inside, 0 outside

             PReLU's slope is a factor where z ≤ 0, ∂aₙⱼ/∂sⱼ = zₙⱼ there and 0 elsewhere, so
             ∂C/∂sⱼ = Σₙ daₙⱼ min(0, zₙⱼ); where all features share s, the sum goes over j as well.

             λ and α of SELU are the numbers for which a standard normal z gives an a of mean 0 and
             variance 1.

             At a kink a convention decides, PyTorch's: at 0 the lower piece counts (LeakyReLU's
             f'(0) = s, ELU's α, SELU's λα, and PReLU's s, whose own gradient is 0 there); at low
             and at high Hardtanh's f' is 0. ELU with α = 1 has no kink.

Cached       z and a. eᶻ is never taken of a positive z, where it could overflow.

Sources: Maas and others, "Rectifier nonlinearities", 2013 (leaky); He and others, "Delving deep
into rectifiers", 2015 (PReLU); Clevert and others, "Exponential linear units", 2016; Klambauer
and others, "Self-normalizing neural networks", 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import require_numbers, require_sizes
from clearprop.engine.initializers import Constant, Initializer
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.features import gather, require_features_before, require_rows, spread
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    Parameter,
    Tree,
    refuse_integers,
)
from clearprop.engine.layers.special import clip, slopes

# The solution of the two equations mean = 0 and variance = 1, to more digits than float64 has.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# PReLU's start in its paper and in PyTorch.
QUARTER = Constant(0.25)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """z where z > 0, `slope`·z at and below 0.

    Raises ConfigurationError unless slope is a finite number.
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        require_numbers(self, "slope")

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def value(self, z: Array) -> Array:
        return np.where(z.real > 0, z, self.slope * z)

    def derivative(self, z: Array, a: Array) -> Array:
        return slopes(z.real > 0, 1, self.slope, z)


@dataclass(frozen=True)
class ELU(Activation):
    """z where z > 0, α(eᶻ − 1) at and below 0.

    Raises ConfigurationError unless alpha is a finite number.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_numbers(self, "alpha")

    def kinks(self) -> tuple[float, ...]:
        return () if self.alpha == 1 else (0.0,)

    def value(self, z: Array) -> Array:
        return _elu(z, self.alpha)

    def derivative(self, z: Array, a: Array) -> Array:
        return _elu_slope(z, self.alpha)


@dataclass(frozen=True)
class SELU(Activation):
    """λ·z where z > 0, λα(eᶻ − 1) at and below 0, with the two numbers that keep a standard normal
    signal's mean and variance."""

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def value(self, z: Array) -> Array:
        return SELU_SCALE * _elu(z, SELU_ALPHA)

    def derivative(self, z: Array, a: Array) -> Array:
        return SELU_SCALE * _elu_slope(z, SELU_ALPHA)


@dataclass(frozen=True)
class Hardtanh(Activation):
    """z held between `low` and `high`.

    Raises ConfigurationError unless low < high, both finite.
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        require_numbers(self, "low", "high")
        if not self.low < self.high:
            raise ConfigurationError("hardtanh_bounds", low=self.low, high=self.high)

    def kinks(self) -> tuple[float, ...]:
        return (self.low, self.high)

    def value(self, z: Array) -> Array:
        return clip(z, self.low, self.high)

    def derivative(self, z: Array, a: Array) -> Array:
        inside: Array = (z.real > self.low) & (z.real < self.high)
        return inside


class PReLUCache(NamedTuple):
    """`z`: the pre-activation; its sign chooses the piece, and below 0 it is the factor of the
    slope's gradient."""

    z: Array


@dataclass(frozen=True)
class PReLU(Layer):
    """LeakyReLU with a learned slope, `weight` (1, features): one for each feature, or a single one
    for all with features=1.

    PyTorch counts features along the second axis; here they are the last one, as everywhere.
    Raises ConfigurationError unless features is a whole number >= 1.
    """

    features: int = 1
    initializer: Initializer = QUARTER

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def parameters(self) -> Mapping[str, Parameter]:
        # Every slope meets one number, so both fans are 1.
        return {"weight": Parameter((1, self.features), self.initializer, 1, 1)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if self.features > 1:
            require_features_before(self, input_shape, self.features)
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features if self.features > 1 else None, context)
        refuse_integers(self, x, context)
        y = np.where(x.real > 0, x, spread(params["weight"], x) * x)
        return y, PReLUCache(x), EMPTY

    def backward(self, params: Tree, cache: PReLUCache, dy: Array) -> Backward:
        z, weight = cache.z, params["weight"]
        gradient = gather(dy * np.where(z.real > 0, 0, z), weight)
        if self.features == 1:
            gradient = gradient.sum(axis=-1, keepdims=True)
        return dy * np.where(z.real > 0, 1, spread(weight, dy)), {"weight": gradient}


def _elu(z: Array, alpha: float) -> Array:
    return np.where(z.real > 0, z, alpha * np.expm1(_not_positive(z)))


def _elu_slope(z: Array, alpha: float) -> Array:
    return np.where(z.real > 0, 1, alpha * np.exp(_not_positive(z)))


def _not_positive(z: Array) -> Array:
    return np.where(z.real > 0, 0, z)
