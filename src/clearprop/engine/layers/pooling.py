"""Pooling: one number for every place of a window, channel by channel.

MaxPool1d, MaxPool2d     the largest number under the window
AvgPool1d, AvgPool2d     their mean
GlobalAverage            the mean of the whole image: (N, C, *S) to (N, C)

Forward      MaxPool         y[n,c,p] = max_i x̄[n, c, s p + d i]         x̄: x in its border
             AvgPool         y[n,c,p] = (1/m) Σ_i x̄[n, c, s p + i]
             GlobalAverage   y[n,c] = (1/m) Σ_t x[n,c,t]

             The border of MaxPool is −∞, which is never the largest; that of AvgPool 0, and m is
             the number of entries of the window, or only of those that lie on the image
             (`count_border=False`).

Backward     A maximum is its largest entry, whatever the others are: ∂y/∂x is 1 there and 0 at the
             others, and a number that is the largest under several places collects from all:

             MaxPool         ∂C/∂x[n,c,t] = Σ over the places p where t is the largest, of dy[n,c,p]
             AvgPool         ∂C/∂x[n,c,t] = Σ over the places p that cover t, of dy[n,c,p] / m
             GlobalAverage   ∂C/∂x[n,c,t] = dy[n,c] / m

             Where several are the largest there is no derivative and a convention decides: the
             first of them, row by row, gets all of dy, as in PyTorch. (Half to each of two is
             another subgradient; all of it to both is none.)

Cached       MaxPool: x in its border, and y, which tell together which entry was the largest. The
             others need the size of the images alone.

Source: Zhou and Chellappa, "Computation of optical flow using a neural network", 1988; LeCun and
others, 1998, as for convolution; for GlobalAverage Lin, Chen and Yan, "Network in network", 2014.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import settle_flag
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Tree, refuse_integers
from clearprop.engine.layers.windows import (
    Window,
    require_image_before,
    require_images,
    require_places,
    samples_first,
    samples_last,
    settle_sides,
    sides_of,
)


class MaxPoolCache(NamedTuple):
    """What tells where the largest numbers are.

    bordered  the images in their border: (C, *S, N), beside K networks (K, C, …)
    y         the largest number at every place: (C, *places, N)
    size      that of the images
    """

    bordered: Array
    y: Array
    size: Shape


class AveragePoolCache(NamedTuple):
    """`size`: that of the images."""

    size: Shape


@dataclass(frozen=True)
class _Pool(Layer):
    """What all windows share; how many axes an image has is the class's."""

    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] = 0

    stackable: ClassVar[bool] = True
    images: ClassVar[bool] = True

    @property
    @abstractmethod
    def axes(self) -> int:
        """How many axes an image has beside its channels."""

    def __post_init__(self) -> None:
        settle_sides(self, "kernel", self.axes, 1)
        if self.stride is not None:
            settle_sides(self, "stride", self.axes, 1)
        settle_sides(self, "padding", self.axes, 0)
        kernel, padding = sides_of(self.kernel, self.axes), sides_of(self.padding, self.axes)
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            # A window could lie on the border alone.
            raise ConfigurationError(
                "pool_padding",
                layer=type(self).__name__,
                padding=self.padding,
                kernel=self.kernel,
            )

    @property
    def window(self) -> Window:
        """The window as it is moved over an image."""
        kernel = sides_of(self.kernel, self.axes)
        stride = kernel if self.stride is None else sides_of(self.stride, self.axes)
        padding = tuple((p, p) for p in sides_of(self.padding, self.axes))
        return Window(kernel, stride, (1,) * self.axes, padding)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        require_image_before(self, input_shape, self.axes)
        return (input_shape[0], *require_places(self, self.window, input_shape[1:]))

    def _taken(self, x: Array, context: Context) -> tuple[int, Shape, Shape]:
        """1 of K networks, else 0; the size of the images; and how many places they have."""
        require_images(self, x, self.axes, None, context)
        refuse_integers(self, x, context)
        lead = int(context.networks is not None)
        size = x.shape[lead + 2 :]
        return lead, size, require_places(self, self.window, size)


@dataclass(frozen=True)
class _MaxPool(_Pool):
    dilation: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_sides(self, "dilation", self.axes, 1)

    @property
    def window(self) -> Window:
        return super().window._replace(dilation=sides_of(self.dilation, self.axes))

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead, size, places = self._taken(x, context)
        bordered = self.window.with_border(samples_last(x, lead), -math.inf)
        parts = self.window.parts(bordered, places)
        y = next(parts)[1].copy()
        for _, under in parts:
            if y.dtype.kind == "c":
                # The order of complex numbers is lexicographic; that of the real parts is needed.
                np.copyto(y, under, where=under.real > y.real)
            else:
                np.maximum(y, under, out=y)
        return samples_first(y, lead), MaxPoolCache(bordered, y, size), EMPTY

    def backward(self, params: Tree, cache: MaxPoolCache, dy: Array) -> Backward:
        window, (bordered, y, size) = self.window, cache
        lead = dy.ndim - 2 - self.axes
        signal = samples_last(dy, lead)
        places = y.shape[lead + 1 : -1]
        dx = np.zeros(bordered.shape, dy.dtype)
        # Where the largest number has not been met yet: of several, the first gets the signal.
        free = np.ones(y.shape, np.bool_)
        entries = zip(window.parts(bordered, places), window.parts(dx, places), strict=True)
        for (_, under), (_, share) in entries:
            first = under == y
            first &= free
            free ^= first
            share += signal * first
        return samples_first(window.inside(dx, size), lead), EMPTY


@dataclass(frozen=True)
class _AvgPool(_Pool):
    count_border: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_flag(self, "count_border")

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead, size, places = self._taken(x, context)
        bordered = self.window.with_border(samples_last(x, lead))
        parts = self.window.parts(bordered, places)
        y = next(parts)[1].copy()
        for _, under in parts:
            y += under
        y /= self.counts(size, y.real.dtype)
        return samples_first(y, lead), AveragePoolCache(size), EMPTY

    def backward(self, params: Tree, cache: AveragePoolCache, dy: Array) -> Backward:
        window, lead = self.window, dy.ndim - 2 - self.axes
        share = samples_last(dy, lead) / self.counts(cache.size, dy.real.dtype)
        dx = np.zeros(
            (*share.shape[: lead + 1], *window.bordered(cache.size), share.shape[-1]), dy.dtype
        )
        for _, under in window.parts(dx, share.shape[lead + 1 : -1]):
            under += share
        return samples_first(window.inside(dx, cache.size), lead), EMPTY

    def counts(self, size: Shape, dtype: "np.dtype[Any]") -> Array:
        """M for every place, (*places, 1), or one number where it is the same for all."""
        window = self.window
        if self.count_border or not any(map(any, window.padding)):
            return np.asarray(window.entries, dtype)
        on_image = window.with_border(np.ones((*size, 1), dtype))
        parts = [under for _, under in window.parts(on_image, window.places(size))]
        counts: Array = np.sum(parts, axis=0)
        return counts


@dataclass(frozen=True)
class MaxPool1d(_MaxPool):
    """The largest number under a window that is moved along sequences (N, C, L).

    kernel    how many numbers the window has
    stride    from one place to the next; None is the kernel, so that no two places overlap
    padding   how many −∞ stand at both ends, at most half the kernel
    dilation  from one entry of the window to the next

    Where several are the largest, the first gets the gradient. Raises ConfigurationError for
    settings that cannot be; forward raises ShapeError for what is no batch of sequences, and where
    the window is larger than the sequence with its border.
    """

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class MaxPool2d(_MaxPool):
    """The largest number under a window that is moved over images (N, C, H, W).

    A setting that is one number holds for both axes; a pair is (height, width).

    kernel    how many numbers the window has along every axis
    stride    from one place to the next; None is the kernel, so that no two places overlap
    padding   how many −∞ stand at every edge, at most half the kernel
    dilation  from one entry of the window to the next

    Where several are the largest, the first, row by row, gets the gradient. Raises
    ConfigurationError for settings that cannot be; forward raises ShapeError for what is no batch
    of images, and where the window is larger than the image with its border.
    """

    @property
    def axes(self) -> int:
        return 2


@dataclass(frozen=True)
class AvgPool1d(_AvgPool):
    """The mean of the numbers under a window that is moved along sequences (N, C, L).

    kernel        how many numbers the window has
    stride        from one place to the next; None is the kernel, so that no two places overlap
    padding       how many zeros stand at both ends, at most half the kernel
    count_border  False divides by the number of entries on the sequence, without those zeros

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for what is no
    batch of sequences, and where the window is larger than the sequence with its border.
    """

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class AvgPool2d(_AvgPool):
    """The mean of the numbers under a window that is moved over images (N, C, H, W).

    A setting that is one number holds for both axes; a pair is (height, width).

    kernel        how many numbers the window has along every axis
    stride        from one place to the next; None is the kernel, so that no two places overlap
    padding       how many zeros stand at every edge, at most half the kernel
    count_border  False divides by the number of entries on the image, without those zeros

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for what is no
    batch of images, and where the window is larger than the image with its border.
    """

    @property
    def axes(self) -> int:
        return 2


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
        if input_shape is None:
            return None
        self._require(("N", *input_shape), input_shape, "GlobalAverage")
        return input_shape[:1] + (1,) * (len(input_shape) - 1) * self.keep_axes

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
