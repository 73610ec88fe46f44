"""Pooling: one number for every place of a window, channel by channel.

MaxPool1d, MaxPool2d     the largest number under the window
AvgPool1d, AvgPool2d     their mean

Forward      MaxPool         y[n,c,p] = max_i x̄[n, c, s p + d i]         x̄: x in its border
             AvgPool         y[n,c,p] = (1/m) Σ_i x̄[n, c, s p + d i]

             The border of MaxPool is −∞, which is never the largest; that of AvgPool 0, and m is
             the number of entries of the window that lie on the image in its border, or only of
             those on the image itself (`count_border=False`). The two differ from the size of the
             window where it ends behind the border too (`ceil_mode`). A mean of no entry at all,
             as a dilated window's beside a small image, is 0.

Backward     A maximum is its largest entry, whatever the others are: ∂y/∂x is 1 there and 0 at the
             others, and a number that is the largest under several places collects from all:

             MaxPool         ∂C/∂x[n,c,t] = Σ over the places p where t is the largest, of dy[n,c,p]
             AvgPool         ∂C/∂x[n,c,t] = Σ over the places p that cover t, of dy[n,c,p] / m

             Where several are the largest there is no derivative and a convention decides: the
             first of them, row by row, gets all of dy, as in PyTorch. (Half to each of two is
             another subgradient; all of it to both is none.)

Cached       MaxPool: x in its border, and y, which tell together which entry was the largest. The
             means need the size of the images alone.

Source: Zhou and Chellappa, "Computation of optical flow using a neural network", 1988; LeCun and
others, 1998, as for convolution.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.base.errors import ConfigurationError
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
from clearprop.engine.layers.windows import (
    Padding,
    Window,
    borders_of,
    laid,
    require_image_before,
    require_images,
    require_open_images,
    require_places,
    samples_first,
    samples_last,
    settle_padding,
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


class Pool(Layer):
    """What all windows share; how many axes an image has is the class's, and so is the window."""

    stackable: ClassVar[bool] = True
    images: ClassVar[bool] = True

    @property
    @abstractmethod
    def axes(self) -> int:
        """How many axes an image has beside its channels."""

    @abstractmethod
    def window_on(self, size: Shape) -> Window:
        """The window as it is moved over an image of this size."""

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is None:
            return None
        require_image_before(self, input_shape, self.axes)
        size = input_shape[1:]
        return (input_shape[0], *require_places(self, self.window_on(size), size))

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        require_open_images(self, before, self.axes)
        return before

    def _taken(self, x: Array, context: Context) -> tuple[int, Shape, Window, Shape]:
        """1 of K networks, else 0; the size of the images, the window on them, and how many places
        it has."""
        require_images(self, x, self.axes, None, context)
        refuse_integers(self, x, context)
        lead = int(context.networks is not None)
        size = x.shape[lead + 2 :]
        window = self.window_on(size)
        return lead, size, window, require_places(self, window, size)


class _Moved(Pool):
    """A window of a size of its own."""

    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None
    padding: Padding
    dilation: int | tuple[int, ...]
    ceil_mode: bool

    def settle_window(self) -> None:
        """Check what says how the window is moved."""
        settle_sides(self, "kernel", self.axes, 1)
        if self.stride is not None:
            settle_sides(self, "stride", self.axes, 1)
        settle_sides(self, "dilation", self.axes, 1)
        settle_flag(self, "ceil_mode")
        settle_padding(self, self.axes)
        if isinstance(self.padding, str):
            if self.ceil_mode:
                # How many places there are is said already.
                raise ConfigurationError(
                    "pool_same_ceiling", layer=type(self).__name__, padding=self.padding
                )
            return
        span = self.window_on((1,) * self.axes).span
        if any(
            max(pair) >= s
            for pair, s in zip(borders_of(self.padding, self.axes), span, strict=True)
        ):
            # A window could lie on the border alone.
            raise ConfigurationError(
                "pool_padding",
                layer=type(self).__name__,
                padding=self.padding,
                span=" × ".join(map(str, span)),
            )

    def window_on(self, size: Shape) -> Window:
        kernel = sides_of(self.kernel, self.axes)
        stride = kernel if self.stride is None else sides_of(self.stride, self.axes)
        dilation = sides_of(self.dilation, self.axes)
        return laid(kernel, stride, dilation, self.padding, size, ceil_mode=self.ceil_mode)


class LargestUnder(Pool):
    """The largest number under a window: both passes."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead, size, window, places = self._taken(x, context)
        bordered = window.with_border(samples_last(x, lead), -math.inf)
        parts = window.parts(bordered, places)
        y = next(parts)[1].copy()
        for _, under in parts:
            if y.dtype.kind == "c":
                # The order of complex numbers is lexicographic; that of the real parts is needed.
                np.copyto(y, under, where=under.real > y.real)
            else:
                np.maximum(y, under, out=y)
        return samples_first(y, lead), MaxPoolCache(bordered, y, size), EMPTY

    def backward(self, params: Tree, cache: MaxPoolCache, dy: Array) -> Backward:
        bordered, y, size = cache
        window = self.window_on(size)
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


class MeanUnder(Pool):
    """The mean of the numbers under a window: both passes."""

    # Whether a number of the border is one of those that the mean is of.
    count_border: bool = True

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        lead, size, window, places = self._taken(x, context)
        bordered = window.with_border(samples_last(x, lead))
        parts = window.parts(bordered, places)
        y = next(parts)[1].copy()
        for _, under in parts:
            y += under
        y /= self.counts(size, y.real.dtype)
        return samples_first(y, lead), AveragePoolCache(size), EMPTY

    def backward(self, params: Tree, cache: AveragePoolCache, dy: Array) -> Backward:
        window, lead = self.window_on(cache.size), dy.ndim - 2 - self.axes
        share = samples_last(dy, lead) / self.counts(cache.size, dy.real.dtype)
        dx = np.zeros(
            (*share.shape[: lead + 1], *window.bordered(cache.size), share.shape[-1]), dy.dtype
        )
        for _, under in window.parts(dx, share.shape[lead + 1 : -1]):
            under += share
        return samples_first(window.inside(dx, cache.size), lead), EMPTY

    def counts(self, size: Shape, dtype: "np.dtype[Any]") -> Array:
        """M for every place, (*places, 1), or one number where it is the same for all."""
        window = self.window_on(size)
        counted, rest = counted_part(window, size, self.count_border)
        if not any(map(any, rest)):
            return np.asarray(window.entries, dtype)
        ones = window._replace(padding=rest).with_border(np.ones((*counted, 1), dtype))
        parts = [under for _, under in window.parts(ones, window.places(size))]
        counts: Array = np.maximum(np.sum(parts, axis=0), dtype.type(1))
        return counts


def counted_part(
    window: Window, size: Shape, count_border: bool
) -> tuple[Shape, tuple[tuple[int, int], ...]]:
    """The size of what counts in a mean, the image with its border or without, and how many numbers
    that do not count stand in front of it and behind."""
    if not count_border:
        return size, window.padding
    beyond = window.beyond or (0,) * len(size)
    whole = window.bordered(size)
    counted = tuple(side - more for side, more in zip(whole, beyond, strict=True))
    return counted, tuple((0, more) for more in beyond)


@dataclass(frozen=True)
class _MaxPool(_Moved, LargestUnder):
    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: Padding = 0
    dilation: int | tuple[int, ...] = 1
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        self.settle_window()


@dataclass(frozen=True)
class _AvgPool(_Moved, MeanUnder):
    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: Padding = 0
    count_border: bool = True
    dilation: int | tuple[int, ...] = 1
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        settle_flag(self, "count_border")
        self.settle_window()


@dataclass(frozen=True)
class MaxPool1d(_MaxPool):
    """The largest number under a window that is moved along sequences (N, C, L).

    kernel    how many numbers the window has
    stride    from one place to the next; None is the kernel, so that no two places overlap
    padding   how many −∞ stand at both ends, or ((in front, behind),), fewer than the window
              spans; "same" or "same_lower" for ⌈L / stride⌉ places, as `Conv1d` has them
    dilation  from one entry of the window to the next
    ceil_mode True takes a last place too where the window ends behind the border

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
    padding   how many −∞ stand at every edge, or ((top, bottom), (left, right)), fewer than the
              window spans; "same" or "same_lower" for ⌈size / stride⌉ places, as `Conv2d` has them
    dilation  from one entry of the window to the next
    ceil_mode True takes a last place too where the window ends behind the border

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
    padding       how many zeros stand at both ends, or ((in front, behind),), fewer than the window
                  spans; "same" or "same_lower" for ⌈L / stride⌉ places, as `Conv1d` has them
    count_border  False divides by the number of entries on the sequence, without those zeros
    dilation      from one entry of the window to the next
    ceil_mode     True takes a last place too where the window ends behind the border

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
    padding       how many zeros stand at every edge, or ((top, bottom), (left, right)), fewer than
                  the window spans; "same" or "same_lower" for ⌈size / stride⌉ places
    count_border  False divides by the number of entries on the image, without those zeros
    dilation      from one entry of the window to the next
    ceil_mode     True takes a last place too where the window ends behind the border

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for what is no
    batch of images, and where the window is larger than the image with its border.
    """

    @property
    def axes(self) -> int:
        return 2
