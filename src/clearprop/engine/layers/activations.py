"""Activations: one function of one number, applied to every entry by itself.

Forward      a = f(z)                        z and a of any one shape

Backward     ∂C/∂zᵢ = f'(zᵢ) · ∂C/∂aᵢ        dz = f'(z) ⊙ da

Cached       z and a, both by reference. f' is a number by the time backward runs: it may be
             computed from whichever of the two is cheaper.

             ReLU      f = max(0, z)                    f' = 1 where z > 0, else 0
             Tanh      f = (eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)      f' = 1 − a²
             Sigmoid   f = 1 / (1 + e⁻ᶻ)                f' = a (1 − a)
             Identity  f = z                            f' = 1

At a kink there is no derivative and a convention decides: ReLU'(0) = 0, as in PyTorch.

An activation of one's own is a subclass of `Activation` with `value` and `derivative`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, zero_of
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenImage,
    Tree,
    refuse_integers,
)
from clearprop.engine.layers.special import logistic


class ActivationCache(NamedTuple):
    """`z`: the pre-activation, which f was applied to. `a`: the activation, f(z). `part`: what both
    f and f' are made of and what takes most of their time; None for most activations."""

    z: Array
    a: Array
    part: Array | None = None


class Activation(Layer):
    """An elementwise layer without parameters, made of two functions."""

    stackable: ClassVar[bool] = True

    @abstractmethod
    def value(self, z: Array) -> Array:
        """f(z), entry by entry, of z's shape and dtype."""

    @abstractmethod
    def derivative(self, z: Array, a: Array) -> Array:
        """f'(z), entry by entry, where a = f(z); a boolean mask may stand for 0 and 1."""

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        return before

    def value_and_part(self, z: Array) -> tuple[Array, Array | None]:
        """f(z), and a part of it that f' is made of too, where it is worth keeping."""
        return self.value(z), None

    def derivative_from(self, cache: ActivationCache) -> Array:
        """f'(z) from what forward kept."""
        return self.derivative(cache.z, cache.a)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        a, part = self.value_and_part(x)
        return a, ActivationCache(x, a, part), EMPTY

    def backward(self, params: Tree, cache: ActivationCache, dy: Array) -> Backward:
        return dy * self.derivative_from(cache), EMPTY


@dataclass(frozen=True)
class ReLU(Activation):
    """max(0, z). Its mask comes from z: 1 where z > 0, 0 at and below 0."""

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def value(self, z: Array) -> Array:
        if z.dtype.kind == "c":
            # The order of complex numbers is lexicographic; the complex step needs that of the
            # real parts.
            return np.where(z.real > 0, z, 0)
        return np.maximum(z, zero_of(z.dtype))

    def derivative(self, z: Array, a: Array) -> Array:
        real = z.real
        mask: Array = real > zero_of(real.dtype)
        return mask


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent."""

    def value(self, z: Array) -> Array:
        return np.tanh(z)

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = 1 - a * a
        return slope


@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function 1 / (1 + e⁻ᶻ), in a form that never overflows."""

    def value(self, z: Array) -> Array:
        return logistic(z)

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = a * (1 - a)
        return slope


@dataclass(frozen=True)
class Identity(Activation):
    """a = z: the activation of a linear output layer, written down."""

    def value(self, z: Array) -> Array:
        return z

    def derivative(self, z: Array, a: Array) -> Array:
        return np.ones_like(z)
