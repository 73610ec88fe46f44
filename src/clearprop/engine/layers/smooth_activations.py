"""Smooth activations: rectifiers without a kink.

Forward      a = f(z), entry by entry         z and a of any one shape

             GELU      f = z Φ(z)             Φ is the standard normal distribution function
                       tanh form: f = ½ z (1 + tanh u), u = √(2/π) (z + 0.044715 z³)
             SiLU      f = z σ(z)             also called swish
             Softplus  f = ln(1 + e^(βz)) / β, and z itself where βz > threshold
             Mish      f = z τ(z)             τ = tanh(ln(1 + eᶻ))

Backward     dz = f'(z) ⊙ da, by the product and the chain rule:

             GELU      f' = Φ(z) + z φ(z)                   Φ' = φ(z) = e^(−z²/2) / √(2π)
             its tanh form. ½ (1 + tanh u) = σ(2u), so f = z s with s = σ(2u):
                       f' = s + z · 2u' s (1 − s)           u' = √(2/π) (1 + 3 · 0.044715 z²)
             SiLU      f' = σ + z σ (1 − σ)                 σ' = σ (1 − σ)
             Softplus  f' = β e^(βz) / (1 + e^(βz)) / β = σ(βz), and 1 where βz > threshold

             Above the threshold Softplus's two pieces differ by e^(−threshold)/β: it jumps there,
             unnoticeably at PyTorch's 20, and at the threshold itself the lower piece counts.

             Mish      f' = τ + z τ'        τ' = (1 − τ²) σ(z), since (tanh s)' = 1 − tanh² s
                                            at s = ln(1 + eᶻ), and s' = eᶻ / (1 + eᶻ) = σ(z)
             With v = 1 + eᶻ = eˢ, tanh s = (eˢ − e⁻ˢ) / (eˢ + e⁻ˢ) = (v² − 1) / (v² + 1), so
             1 − τ² = 4 v² / (v² + 1)², which keeps its digits where τ is almost 1. Both fractions
             are taken with n = e^(−|z|), divided by e²ᶻ above 0:
                       z ≤ 0   v = 1 + n        τ = n (n + 2) / (n (n + 2) + 2)
                       z > 0   v = (1 + n) / n  τ = (1 + 2n) / (1 + 2n + 2n²)

Cached       z and a; of GELU and SiLU the share Φ(z), σ(2u) or σ(z) as well. Written so, nothing
             overflows: e is taken of numbers that are not positive, and z² and z³ of a z beyond
             ±40 are never needed, since Φ and σ have reached their limits long before.

Sources: Hendrycks and Gimpel, "Gaussian error linear units", 2016; Elfwing and others,
"Sigmoid-weighted linear units", 2017; Dugas and others, "Incorporating second-order functional
knowledge", 2001 (softplus); Misra, "Mish: a self regularized non-monotonic activation function",
2019.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.settings import require_numbers, require_positive, settle_choice
from clearprop.engine.layers.activations import Activation, ActivationCache
from clearprop.engine.layers.special import clip, log_one_plus, logistic

# e^(−40²/2) is 0 in float64, and Φ and σ(2u) are 0 or 1.
FAR = 40.0

TANH_FACTOR = math.sqrt(2 / math.pi)
TANH_CUBE = 0.044715

APPROXIMATIONS = ("none", "tanh")


class _Share(Activation):
    """z times a share of it that grows from 0 to 1 with z. Both passes need the share, and it takes
    most of their time, so that it is kept."""

    @abstractmethod
    def share(self, z: Array) -> Array:
        """The share that passes."""

    @abstractmethod
    def slope(self, z: Array, share: Array) -> Array:
        """f'(z) from z and its share, as a new array."""

    def value_and_part(self, z: Array) -> tuple[Array, Array | None]:
        share = self.share(z)
        return z * share, share

    def derivative_from(self, cache: ActivationCache) -> Array:
        z, _, share = cache
        return self.slope(z, self.share(z) if share is None else share)

    def value(self, z: Array) -> Array:
        return self.value_and_part(z)[0]

    def derivative(self, z: Array, a: Array) -> Array:
        return self.slope(z, self.share(z))


@dataclass(frozen=True)
class GELU(_Share):
    """z·Φ(z); `approximate="tanh"` takes the form with tanh, which differs by up to 5e-4.

    Raises ConfigurationError for an approximation other than "none" and "tanh"; the exact form is
    SciPy's, and raises MissingDependencyError where that is not installed.
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        settle_choice(self, "approximate", APPROXIMATIONS, error="choice_unknown")

    def share(self, z: Array) -> Array:
        return _normal_share(z) if self.approximate == "none" else _tanh_share(z)

    def slope(self, z: Array, share: Array) -> Array:
        near = clip(z, -FAR, FAR)
        slope: Array = np.asarray(near * near)
        if self.approximate == "none":
            # In one array: share + near φ(near).
            slope *= -0.5
            np.exp(slope, out=slope)
            slope *= near
            slope *= 1 / math.sqrt(2 * math.pi)
            slope += share
            return slope
        # In one array: share + share (1 − share) · near · 2 · TANH_FACTOR (1 + 3 TANH_CUBE near²).
        slope *= 6 * TANH_FACTOR * TANH_CUBE
        slope += 2 * TANH_FACTOR
        slope *= near
        slope *= 1 - share
        slope += 1
        slope *= share
        return slope


@dataclass(frozen=True)
class SiLU(_Share):
    """z·σ(z), also called swish."""

    def share(self, z: Array) -> Array:
        return logistic(z)

    def slope(self, z: Array, share: Array) -> Array:
        # In this order: σ is 0 where z(1 − σ) is large.
        slope: Array = 1 - share
        slope *= z
        slope += 1
        slope *= share
        return slope


@dataclass(frozen=True)
class Softplus(Activation):
    """ln(1 + e^(βz)) / β, and z itself where βz exceeds the threshold.

    Raises ConfigurationError unless beta is a finite number above 0 and threshold a finite one.
    """

    beta: float = 1.0
    threshold: float = 20.0

    def __post_init__(self) -> None:
        require_positive(self, "beta")
        require_numbers(self, "threshold")

    def kinks(self) -> tuple[float, ...]:
        return (self.threshold / self.beta,)

    def value(self, z: Array) -> Array:
        u = self.beta * z
        # ln(1 + eᵘ) = max(0, u) + ln(1 + e^(−|u|))
        small = np.exp(np.where(u.real > 0, -u, u))
        curve = (np.where(u.real > 0, u, 0) + log_one_plus(small)) / self.beta
        return np.where(u.real > self.threshold, z, curve)

    def derivative(self, z: Array, a: Array) -> Array:
        u = self.beta * z
        return np.where(u.real > self.threshold, 1, logistic(u))


@dataclass(frozen=True)
class Mish(Activation):
    """z·tanh(ln(1 + eᶻ))."""

    def value(self, z: Array) -> Array:
        value: Array = z * _bent_softplus(z)[0]
        return value

    def derivative(self, z: Array, a: Array) -> Array:
        bent, bend = _bent_softplus(z)
        # In this order: σ or 1 − τ² is 0 where z is large.
        slope: Array = bent + bend * logistic(z) * z
        return slope


def _bent_softplus(z: Array) -> tuple[Array, Array]:
    """τ = tanh(ln(1 + eᶻ)) and 1 − τ²."""
    above = z.real > 0
    n = np.exp(np.where(above, -z, z))
    over, under = 1 + 2 * n + 2 * n * n, n * (n + 2) + 2
    bent = np.where(above, (1 + 2 * n) / over, n * (n + 2) / under)
    root = 2 * (1 + n) * np.where(above, n / over, 1 / under)
    return bent, root * root


def _normal_share(z: Array) -> Array:
    """Φ(z), exact where 1 + erf would have lost every digit."""
    share: Array = _ndtr()(z)
    return share


@cache
def _ndtr() -> Callable[[Array], Array]:
    # The one function that NumPy does not have, and SciPy costs more to import than NumPy.
    require("scipy")
    from scipy.special import ndtr

    function: Callable[[Array], Array] = ndtr
    return function


def _tanh_share(z: Array) -> Array:
    """σ(2u): the tanh form of Φ."""
    near = clip(z, -FAR, FAR)
    # In one array: 2 · TANH_FACTOR (near + TANH_CUBE near³).
    inner = np.asarray(near * near)
    inner *= 2 * TANH_FACTOR * TANH_CUBE
    inner += 2 * TANH_FACTOR
    inner *= near
    return logistic(inner, out=inner)
