"""The mean of the whole image, channel by channel: (N, C, *S) to (N, C).

Forward      y[n,c] = (1/m) Σ_t x[n,c,t]         m is how many numbers a channel has

Backward     ∂C/∂x[n,c,t] = dy[n,c] / m           every number has the same share of the mean

Cached       The size of the images.

K networks   Every array has a leading axis K: (K, N, C, *S) and (K, N, C).

Source: Lin, Chen and Yan, "Network in network", 2014.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import settle_flag
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenImage,
    Tree,
    known_shape,
    refuse_integers,
)
from clearprop.engine.layers.pooling import AveragePoolCache


@dataclass(frozen=True)
class GlobalAverage(Layer):
    """The mean of every channel: from sequences (N, C, L) or images (N, C, H, W) to (N, C).

    keep_axes  True leaves an axis of 1 for every one that is averaged: (N, C, 1, 1)

    Forward raises ShapeError for what has no such axes, and for images without numbers.
    """

    keep_axes: bool = False

    stackable: ClassVar[bool] = True
    images: ClassVar[bool] = True

    def __post_init__(self) -> None:
        settle_flag(self, "keep_axes")

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is None:
            return None
        self._require(("N", *input_shape), input_shape, "GlobalAverage")
        return input_shape[:1] + (1,) * (len(input_shape) - 1) * self.keep_axes

    def images_after(self, before: OpenImage | None) -> Shape | None:
        return None if before is None else (before.channels, *(1,) * before.axes * self.keep_axes)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead = int(context.networks is not None)
        self._require(x.shape, x.shape[lead + 1 :], context.path or "GlobalAverage")
        refuse_integers(self, x, context)
        size = x.shape[lead + 2 :]
        axes = tuple(range(lead + 2, x.ndim))
        return x.mean(axis=axes, keepdims=self.keep_axes), AveragePoolCache(size), EMPTY

    def backward(self, params: Tree, cache: AveragePoolCache, dy: Array) -> Backward:
        size = cache.size
        before = dy.shape[: dy.ndim - len(size)] if self.keep_axes else dy.shape
        share = dy.reshape(*before, *(1,) * len(size)) / dy.real.dtype.type(math.prod(size))
        return np.broadcast_to(share, (*before, *size)).copy(), EMPTY

    def _require(self, came: tuple[int | str, ...], sample: Shape, path: str) -> None:
        if len(sample) < 2 or not all(sample[1:]):
            raise ShapeError("global_average_input", path=path, came=shape_text(came))
