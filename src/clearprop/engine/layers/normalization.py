"""Normalization: every number less a mean, over a deviation, then scaled and shifted.

BatchNorm    over the samples, for each feature by itself      x (N, D), any (N, ..., D): over all
                                                               axes but the features
LayerNorm    over the features, for each sample by itself      x (N, D), (N, T, D), any (..., D)
RMSNorm      as LayerNorm, without the mean and the shift

Forward      μ = mean of x, v = mean of (x − μ)²               of n numbers each; no 1/(n−1)
             r = 1/√(v + ε),  x̂ = (x − μ) r
             y = γ x̂ + β                                        γ (1, D) is `weight`, β is `bias`

             RMSNorm: r = 1/√(mean of x² + ε), x̂ = x r, y = γ x̂

Backward     ∂C/∂γ = Σ dy x̂, ∂C/∂β = Σ dy over all but the features, and g = dy γ goes on to x̂.

             x reaches x̂ on three ways: directly, through μ, and through r.
             r is a function of v:        ∂r/∂v = −½ (v + ε)^(−3/2) = −½ r³
             v does not change with μ:    ∂v/∂μ = −2 · mean of (x − μ) = 0
             so, of the n numbers that share μ and v:

             directly     ∂C/∂xᵢ ∋ r gᵢ
             through μ    ∂μ/∂xᵢ = 1/n, ∂x̂ⱼ/∂μ = −r:     − r · (1/n) Σⱼ gⱼ
             through v    ∂v/∂xᵢ = (2/n)(xᵢ − μ), ∂C/∂v = Σⱼ gⱼ (xⱼ − μ) · (−½ r³):
                          − r³ (xᵢ − μ) · (1/n) Σⱼ gⱼ (xⱼ − μ) = − r x̂ᵢ · (1/n) Σⱼ gⱼ x̂ⱼ

             dx = r (g − mean of g − x̂ · mean of g x̂)         RMSNorm: without the mean of g

             BatchNorm in use takes μ and v from its running statistics, which are no functions of
             x: only the direct way is left, dx = r g.

State        Of BatchNorm, after every pass in training, with momentum m:
             running_mean ← (1 − m) running_mean + m μ
             running_var  ← (1 − m) running_var + m v n/(n − 1)
             num_batches  ← num_batches + 1
             As in PyTorch, v is the biased variance where it normalizes and the unbiased one where
             it is remembered, and m is the share of the new. momentum=None gives every pass the
             same share, m = 1/num_batches.

Cached       x̂ and r: everything above is made of them.

Sources: Ioffe and Szegedy, "Batch normalization", 2015; Ba, Kiros and Hinton, "Layer
normalization", 2016; Zhang and Sennrich, "Root mean square layer normalization", 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, mean_along, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import require_fractions, require_positive, require_sizes
from clearprop.engine.initializers import Constant, Zeros
from clearprop.engine.layers.features import gather, require_features_before, require_rows, spread
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    Parameter,
    Tree,
    refuse_integers,
    with_features,
)


class NormCache(NamedTuple):
    """What the derivatives are made of.

    x_hat     the normalized input x̂; of BatchNorm as one matrix of rows
    inverse   r = 1/√(v + ε)
    constant  whether μ and v were running statistics, through which nothing goes back
    """

    x_hat: Array
    inverse: Array
    constant: bool = False


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Every feature less its mean over the batch, over its deviation, scaled and shifted.

    epsilon             is added to the variance
    momentum            the share of the new in the running statistics; None averages all passes
    affine              False leaves γ and β out
    running_statistics  False keeps none: the batch's own are taken in use as well

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for a single
    sample where it takes the batch's statistics.
    """

    features: int
    epsilon: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    running_statistics: bool = True

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")
        require_positive(self, "epsilon")
        if self.momentum is not None:
            require_fractions(self, "momentum")

    def parameters(self) -> Mapping[str, Parameter]:
        return scale_and_shift(self.features, scale=self.affine, shift=self.affine)

    def state(self) -> Mapping[str, Array]:
        if not self.running_statistics:
            return {}
        return {
            "running_mean": np.zeros((1, self.features)),
            "running_var": np.ones((1, self.features)),
            "num_batches": np.zeros((), np.int64),
        }

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        require_features_before(self, input_shape, self.features)
        return with_features(input_shape, self.features)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features, context)
        refuse_integers(self, x, context)
        rows = x.reshape(*x.shape[: 0 if context.networks is None else 1], -1, self.features)
        y, cache, state = self.normalized(params, rows, x, context)
        return y.reshape(x.shape), cache, state

    def normalized(self, params: Tree, rows: Array, x: Array, context: Context) -> Forward:
        """Forward of x as one matrix of rows (numbers that share a mean, features)."""
        state = context.state
        if self.running_statistics and not context.training:
            mean, variance = _running(state, x)
            inverse = 1 / np.sqrt(variance + self.epsilon)
            cache = NormCache((rows - mean) * inverse, inverse, constant=True)
        else:
            if rows.shape[-2] < 2:
                raise self._refused("batch_norm_samples", x, context)
            mean, variance, cache = standardize(rows, -2, self.epsilon)
            if self.running_statistics:
                state = self._remember(state, mean, variance, rows.shape[-2])
        return _scaled(params, cache), cache, state

    def backward(self, params: Tree, cache: NormCache, dy: Array) -> Backward:
        dx, gradients = backward_through(params, cache, dy.reshape(cache.x_hat.shape), axis=-2)
        return dx.reshape(dy.shape), gradients

    def _remember(self, state: Tree, mean: Array, variance: Array, samples: int) -> Tree:
        # NumPy makes a number out of the sum of an array () and a number.
        num_batches = np.asarray(state["num_batches"] + 1)
        share: Any = self.momentum
        if share is None:
            share = (1 / num_batches[..., None, None]).astype(mean.dtype)
        old_mean, old_variance = _running(state, mean)
        unbiased = variance * (samples / (samples - 1))
        return {
            "running_mean": (1 - share) * old_mean + share * mean,
            "running_var": (1 - share) * old_variance + share * unbiased,
            "num_batches": num_batches,
        }

    def _refused(self, key: str, x: Array, context: Context) -> ShapeError:
        path = context.path or type(self).__name__
        return ShapeError(key, path=path, layer=type(self).__name__, came=shape_text(x.shape))


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Every sample's features less their mean, over their deviation, scaled and shifted.

    epsilon  is added to the variance
    affine   False leaves γ and β out
    bias     False leaves β out

    Raises ConfigurationError for settings that cannot be.
    """

    features: int
    epsilon: float = 1e-5
    affine: bool = True
    bias: bool = True

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")
        require_positive(self, "epsilon")

    def parameters(self) -> Mapping[str, Parameter]:
        return scale_and_shift(self.features, scale=self.affine, shift=self.affine and self.bias)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        require_features_before(self, input_shape, self.features)
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features, context)
        refuse_integers(self, x, context)
        _, _, cache = standardize(x, -1, self.epsilon)
        return _scaled(params, cache), cache, EMPTY

    def backward(self, params: Tree, cache: NormCache, dy: Array) -> Backward:
        return backward_through(params, cache, dy, axis=-1)


@dataclass(frozen=True)
class RMSNorm(Layer):
    """Every sample's features over their root mean square, scaled.

    epsilon  is added to the mean square; None is the machine epsilon of the dtype
    affine   False leaves γ out

    Raises ConfigurationError for settings that cannot be.
    """

    features: int
    epsilon: float | None = None
    affine: bool = True

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")
        if self.epsilon is not None:
            require_positive(self, "epsilon")

    def parameters(self) -> Mapping[str, Parameter]:
        return scale_and_shift(self.features, scale=self.affine, shift=False)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        require_features_before(self, input_shape, self.features)
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_rows(self, x, self.features, context)
        refuse_integers(self, x, context)
        epsilon = np.finfo(x.dtype).eps if self.epsilon is None else self.epsilon
        inverse = 1 / np.sqrt(mean_along(x * x, -1) + epsilon)
        cache = NormCache(x * inverse, inverse)
        return _scaled(params, cache), cache, EMPTY

    def backward(self, params: Tree, cache: NormCache, dy: Array) -> Backward:
        g, gradients = _through_scale(params, cache, dy)
        x_hat, inverse, _ = cache
        dx = x_hat * mean_along(g * x_hat, -1)
        np.subtract(g, dx, out=dx)
        dx *= inverse
        return dx, gradients


def scale_and_shift(features: int, *, scale: bool, shift: bool) -> Mapping[str, Parameter]:
    """γ and β, where there are such."""
    # Every γ and β meets one number, so both fans are 1.
    weight = {"weight": Parameter((1, features), Constant(1.0), 1, 1)} if scale else {}
    bias = {"bias": Parameter((1, features), Zeros(), 1, 1)} if shift else {}
    return weight | bias


def _running(state: Tree, x: Array) -> tuple[Array, Array]:
    """The running mean and variance in x's dtype."""
    mean, variance = state["running_mean"], state["running_var"]
    return mean.astype(x.dtype, copy=False), variance.astype(x.dtype, copy=False)


def standardize(x: Array, axis: int, epsilon: float) -> tuple[Array, Array, NormCache]:
    """μ, v, and x̂ with r. Not np.var: that of complex numbers takes their absolute value."""
    mean = mean_along(x, axis)
    x_hat = x - mean
    variance = mean_along(x_hat * x_hat, axis)
    inverse = 1 / np.sqrt(variance + epsilon)
    x_hat *= inverse
    return mean, variance, NormCache(x_hat, inverse)


def _scaled(params: Tree, cache: NormCache) -> Array:
    y = cache.x_hat
    if "weight" in params:
        y = y * spread(params["weight"], y)
    if "bias" in params:
        y += spread(params["bias"], y)
    return y


def _through_scale(params: Tree, cache: NormCache, dy: Array) -> tuple[Array, Mapping[str, Array]]:
    """∂C/∂x̂, which is g, and the gradients of γ and β."""
    if "weight" not in params:
        return dy, EMPTY
    gradients = {"weight": gather(dy * cache.x_hat, params["weight"])}
    if "bias" in params:
        gradients["bias"] = gather(dy, params["bias"])
    return dy * spread(params["weight"], dy), gradients


def backward_through(
    params: Tree, cache: NormCache, dy: Array, *, axis: int
) -> tuple[Array, Mapping[str, Array]]:
    """∂C/∂x where the numbers along `axis` share mean and deviation, and those of γ and β."""
    g, gradients = _through_scale(params, cache, dy)
    if cache.constant:
        return g * cache.inverse, gradients
    return through_statistics(cache, g, axis=axis), gradients


def through_statistics(cache: NormCache, g: Array, *, axis: int) -> Array:
    """∂C/∂x from g = ∂C/∂x̂, on all three ways."""
    x_hat, inverse, _ = cache
    dx = x_hat * mean_along(g * x_hat, axis)
    np.subtract(g, dx, out=dx)
    dx -= mean_along(g, axis)
    dx *= inverse
    return dx
