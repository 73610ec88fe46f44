"""Layers that stand between a table's numbers and the first Linear layer.

Forward      SoftClip         a = z / √(1 + (z/c)²)     z and a of any one shape; |a| < c = `limit`
             An outlier keeps its place in the order and loses its leverage; near 0 nothing changes.

             PiecewiseLinear  y = [x, h]                x (N, D); feature j has edges
                                                        e₀ < e₁ < ... < e_B, or none
                              hₙⱼᵦ = t min(max((xₙⱼ − e_{b−1}) / (e_b − e_{b−1}), 0), 1)
             Between two edges one of a feature's h grows from 0 to t, the `height`; those before it
             are t, those behind it 0. So a Linear layer behind it draws any function of x that is
             straight between the edges: no neuron has to find a bend by itself. Many of a feature's
             h are not 0 at once: a height below 1 keeps them from drowning the other features.

             FeatureScale     yₙⱼ = r wⱼ xₙⱼ            w (1, D), `rate` r
             It starts as r w = 1. An optimizer whose steps have a given size, such as Adam, moves
             the factor r w r times as fast as w: the network soon knows which columns matter.

Backward     SoftClip         by the quotient rule, with u = 1 + (z/c)²:
                              a' = u^(−½) − z · ½ u^(−3/2) · 2z/c² = u^(−3/2) (u − (z/c)²)
                              dz = u^(−3/2) ⊙ da

             PiecewiseLinear  xₙⱼ is in its own place of y, and in h where it is between the edges:
                              ∂C/∂xₙⱼ = ∂C/∂yₙⱼ
                                      + Σ_b [e_{b−1} ≤ xₙⱼ < e_b] t / (e_b − e_{b−1}) · ∂C/∂hₙⱼᵦ
             At an edge there is no derivative; what begins there counts, as on its right.

             FeatureScale     ∂C/∂wⱼ = r Σₙ xₙⱼ ∂C/∂yₙⱼ, ∂C/∂xₙⱼ = r wⱼ ∂C/∂yₙⱼ

Cached       SoftClip z and a; PiecewiseLinear and FeatureScale x.

K networks   w is (K, 1, D), x (K, N, D).

Sources: Holzmüller and others, "Better by default", 2024 (soft clipping, the scale); Gorishniy and
others, "On embeddings for numerical features in tabular deep learning", 2022 (piecewise linear).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, is_finite_number
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import require_positive, require_sizes
from clearprop.engine.initializers import Constant
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.features import (
    gather,
    require_features_before,
    require_rows,
    spread,
)
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    Parameter,
    Tree,
    refuse_integers,
)


@dataclass(frozen=True)
class SoftClip(Activation):
    """z / √(1 + (z/limit)²), which never leaves ±limit.

    Raises ConfigurationError unless limit is a finite number above 0.
    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        require_positive(self, "limit")

    def value(self, z: Array) -> Array:
        a: Array = z / self._root(z)
        return a

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = self._root(z) ** -3
        return slope

    def _root(self, z: Array) -> Array:
        """√(1 + (z/c)²)."""
        if z.dtype.kind == "c":
            root: Array = np.sqrt(1 + (z / self.limit) ** 2)
        else:
            # It does not overflow where the square would; it has no complex form.
            root = np.hypot(np.ones((), z.dtype), z / self.limit)
        return root


class PiecewiseLinearCache(NamedTuple):
    """`x`: the input, whose place between the edges decides which bin lets the signal through."""

    x: Array


@dataclass(frozen=True)
class PiecewiseLinear(Layer):
    """The features themselves, and behind them one number for every bin between two edges.

    edges   for each of the D features its edges in growing order; () for one without bins
    height  how far a bin's number grows, from 0

    Raises ConfigurationError unless every feature has none or at least two finite edges that grow,
    and the height is a finite number above 0.
    """

    edges: tuple[tuple[float, ...], ...]
    height: float = 1.0

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            edges = tuple(tuple(map(float, ours)) for ours in self.edges)
        except (TypeError, ValueError):
            edges = ()
        if not edges:
            raise ConfigurationError("edges_expected", came=repr(self.edges))
        for feature, ours in enumerate(edges):
            grows = all(low < high for low, high in pairwise(ours))
            if len(ours) == 1 or not grows or not all(map(is_finite_number, ours)):
                raise ConfigurationError("edges_grow", feature=feature, came=ours)
        object.__setattr__(self, "edges", edges)
        require_positive(self, "height")

    @cached_property
    def features(self) -> int:
        """How many features come in."""
        return len(self.edges)

    @cached_property
    def _source(self) -> Array:
        """The feature of every bin."""
        counts = [max(len(ours) - 1, 0) for ours in self.edges]
        source: Array = np.repeat(np.arange(len(counts)), counts)
        return source

    @cached_property
    def _low(self) -> Array:
        return np.array([low for ours in self.edges for low, _ in pairwise(ours)])

    @cached_property
    def _high(self) -> Array:
        return np.array([high for ours in self.edges for _, high in pairwise(ours)])

    @cached_property
    def _features_of_bins(self) -> Array:
        """1 where the bin (row) belongs to the feature (column)."""
        belongs: Array = self._source[:, None] == np.arange(self.features)
        return belongs.astype(np.float64)

    def kinks(self) -> tuple[float, ...]:
        return tuple(sorted({edge for ours in self.edges for edge in ours}))

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        require_features_before(self, input_shape, self.features)
        if input_shape is None:
            return None
        return (*input_shape[:-1], self.features + len(self._source))

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features, context)
        refuse_integers(self, x, context)
        dtype = x.real.dtype
        low, width = self._low.astype(dtype), (self._high - self._low).astype(dtype)
        share = (x[..., self._source] - low) / width
        real = share.real
        bins = np.where(real <= 0, dtype.type(0), np.where(real >= 1, dtype.type(1), share))
        return np.concatenate([x, self.height * bins], axis=-1), PiecewiseLinearCache(x), EMPTY

    def backward(self, params: Tree, cache: PiecewiseLinearCache, dy: Array) -> Backward:
        x = cache.x.real[..., self._source]
        low, high = self._low.astype(x.dtype), self._high.astype(x.dtype)
        inside = (x >= low) & (x < high)
        through = dy[..., self.features :] * inside * (self.height / (high - low))
        back = through @ self._features_of_bins.astype(x.dtype)
        return dy[..., : self.features] + back, EMPTY


class FeatureScaleCache(NamedTuple):
    """`x`: the input, the factor of the weight's gradient."""

    x: Array


@dataclass(frozen=True)
class FeatureScale(Layer):
    """Every feature times a learned factor, `rate` · `weight` (1, features), which starts as 1.

    Raises ConfigurationError unless features is a whole number >= 1 and rate a finite number
    above 0.
    """

    features: int
    rate: float = 1.0

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")
        require_positive(self, "rate")

    def parameters(self) -> Mapping[str, Parameter]:
        # Every weight meets one number, so both fans are 1.
        return {"weight": Parameter((1, self.features), Constant(1 / self.rate), 1, 1)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        require_features_before(self, input_shape, self.features)
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features, context)
        refuse_integers(self, x, context)
        return x * (self.rate * spread(params["weight"], x)), FeatureScaleCache(x), EMPTY

    def backward(self, params: Tree, cache: FeatureScaleCache, dy: Array) -> Backward:
        weight = params["weight"]
        gradient = self.rate * gather(dy * cache.x, weight)
        return dy * (self.rate * spread(weight, dy)), {"weight": gradient}
