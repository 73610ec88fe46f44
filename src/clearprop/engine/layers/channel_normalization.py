"""Normalization of images: every channel less a mean, over a deviation, then scaled and shifted.

ChannelBatchNorm   each channel by itself, over all samples and places
GroupNorm          each sample by itself, over all places and the channels of a group

x is (N, C) or (N, C, *S): channels stand behind the samples, as everywhere in images, where
BatchNorm and LayerNorm have their features last. γ and β, `weight` and `bias`, are (1, C).

Forward      μ = mean of x, v = mean of (x − μ)², r = 1/√(v + ε),  x̂ = (x − μ) r
             y = γ x̂ + β

Backward     ∂C/∂γ = Σ dy x̂, ∂C/∂β = Σ dy over samples and places, and g = dy γ goes on to x̂;
             through x̂, over the numbers that share μ and v (derived in `normalization.py`):

             dx = r (g − mean of g − x̂ · mean of g x̂)

             ChannelBatchNorm in use takes μ and v from its running statistics: dx = r g.

State        Of ChannelBatchNorm: as of BatchNorm, over n = N · places numbers for every channel.

Cached       x̂ and r: everything above is made of them.

Sources: Ioffe and Szegedy, "Batch normalization", 2015, section 3.2; Wu and He, "Group
normalization", 2018.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import require_positive, require_sizes, settle_flag
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenImage,
    Parameter,
    Tree,
    known_shape,
    refuse_integers,
)
from clearprop.engine.layers.normalization import (
    BatchNorm,
    NormCache,
    backward_through,
    scale_and_shift,
    standardize,
    through_statistics,
)
from clearprop.engine.layers.windows import require_open_images, samples_first, samples_last


@dataclass(frozen=True)
class ChannelBatchNorm(BatchNorm):
    """Every channel less its mean over the batch, over its deviation, scaled and shifted: PyTorch's
    BatchNorm1d of (N, C, L) and its BatchNorm2d.

    features            how many channels there are
    epsilon             is added to the variance
    momentum            the share of the new in the running statistics; None averages all passes
    affine              False leaves γ and β out
    running_statistics  False keeps none: the batch's own are taken in use as well

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for what has
    not these channels, and for a single number a channel where it takes the batch's statistics.
    """

    images: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is not None:
            _require_channels_before(self, input_shape, self.features)
        return input_shape

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        return _require_open_channels(self, before, self.features)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead = _require_channels(self, x, self.features, context)
        last = samples_last(x, lead)
        y, cache, state = self.normalized(params, _by_channel(last, lead), x, context)
        return samples_first(y.mT.reshape(last.shape), lead), cache, state

    def backward(self, params: Tree, cache: NormCache, dy: Array) -> Backward:
        lead = cache.x_hat.ndim - 2
        last = samples_last(dy, lead)
        dx, gradients = backward_through(params, cache, _by_channel(last, lead), axis=-2)
        return samples_first(dx.mT.reshape(last.shape), lead), gradients


def _by_channel(last: Array, lead: int) -> Array:
    """(C, *S, N) as one matrix of rows (places · N, C), which lies in memory channel by channel."""
    channels = last.shape[lead]
    numbers = int(np.prod(last.shape[lead + 1 :]))
    return last.reshape(*last.shape[:lead], channels, numbers).mT


@dataclass(frozen=True)
class GroupNorm(Layer):
    """The channels of a group less their mean, over their deviation, sample by sample, then every
    channel scaled and shifted. One group is the whole image, as many groups as channels are
    "instance normalization".

    groups    how many groups the channels fall into, one after another
    features  how many channels there are
    epsilon   is added to the variance
    affine    False leaves γ and β out
    bias      False leaves β out

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for what has
    not these channels.
    """

    groups: int
    features: int
    epsilon: float = 1e-5
    affine: bool = True
    bias: bool = True

    stackable: ClassVar[bool] = True
    images: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "groups", "features")
        require_positive(self, "epsilon")
        settle_flag(self, "affine")
        settle_flag(self, "bias")
        if self.features % self.groups:
            raise ConfigurationError(
                "norm_groups_divide", features=self.features, groups=self.groups
            )

    def parameters(self) -> Mapping[str, Parameter]:
        return scale_and_shift(self.features, scale=self.affine, shift=self.affine and self.bias)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is not None:
            _require_channels_before(self, input_shape, self.features)
        return input_shape

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        return _require_open_channels(self, before, self.features)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead = _require_channels(self, x, self.features, context)
        last = samples_last(x, lead)
        _, _, cache = standardize(self._by_group(last, lead), -2, self.epsilon)
        y = cache.x_hat.reshape(last.shape)
        if "weight" in params:
            y = y * _beside(params["weight"], y)
        if "bias" in params:
            y += _beside(params["bias"], y)
        return samples_first(y, lead), cache, EMPTY

    def backward(self, params: Tree, cache: NormCache, dy: Array) -> Backward:
        x_hat = cache.x_hat
        lead = x_hat.ndim - 3
        g = signal = samples_last(dy, lead)
        gradients = {}
        if "weight" in params:
            axes = tuple(range(lead + 1, signal.ndim))
            shape = params["weight"].shape
            own = signal * x_hat.reshape(signal.shape)
            gradients["weight"] = own.sum(axis=axes).reshape(shape)
            if "bias" in params:
                gradients["bias"] = signal.sum(axis=axes).reshape(shape)
            g = signal * _beside(params["weight"], signal)
        g = self._by_group(g, lead)
        dx = through_statistics(cache, g, axis=-2)
        return samples_first(dx.reshape(signal.shape), lead), gradients

    def _by_group(self, last: Array, lead: int) -> Array:
        """(C, *S, N) as (G, C/G · places, N)."""
        numbers = int(np.prod(last.shape[lead:-1])) // self.groups
        return last.reshape(*last.shape[:lead], self.groups, numbers, last.shape[-1])


def _beside(parameter: Array, last: Array) -> Array:
    """(1, C) shaped so that it meets (C, *S, N) channel by channel; likewise of K networks."""
    lead = parameter.shape[:-2]
    return parameter.reshape(*lead, parameter.shape[-1], *(1,) * (last.ndim - len(lead) - 1))


def _require_channels(layer: Layer, x: Array, channels: int, context: Context) -> int:
    """1 of K networks, else 0. Raises ShapeError for what has not these channels behind the
    samples, and DtypeError for ids."""
    lead = int(context.networks is not None)
    others = lead and x.shape[:1] != (context.networks,)
    if x.ndim < lead + 2 or others or x.shape[lead + 1] != channels:
        raise ShapeError(
            "channels_input",
            path=context.path or type(layer).__name__,
            layer=type(layer).__name__,
            channels=channels,
            came=shape_text(x.shape),
        )
    refuse_integers(layer, x, context)
    return lead


def _require_channels_before(layer: Layer, input_shape: Shape, channels: int) -> None:
    if input_shape[:1] != (channels,):
        raise ShapeError(
            "channels_chain",
            layer=type(layer).__name__,
            channels=channels,
            came=shape_text(("N", *input_shape)),
        )


def _require_open_channels(
    layer: Layer, before: OpenImage | None, channels: int
) -> OpenImage | None:
    if before is not None:
        require_open_images(layer, before, before.axes, channels)
    return before
