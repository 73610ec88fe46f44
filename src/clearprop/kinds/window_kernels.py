"""The kernels of layers of images: what they take at each of their places."""

import math
from functools import reduce
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.engine.layers.reshaping import CONSTANT, Pad, border_sources
from clearprop.engine.layers.uneven_windows import taken_by
from clearprop.engine.layers.windows import Window
from clearprop.kinds.kernels import BORDER, Kernel, NoKernel, Taps


def convolution_kernel(one: Any) -> Kernel:
    """That of Conv1d or Conv2d."""
    return Kernel(
        "CONVOLUTION",
        taps=lambda size: _taken(one.window_on(size), size),
        groups=one.groups,
    )


def largest_kernel(one: Any) -> Kernel:
    """That of a pool of largest numbers."""
    return Kernel("MAX_POOL", taps=lambda size: _taken(one.window_on(size), size))


def mean_kernel(one: Any) -> Kernel:
    """That of a pool of means, which divides by what counts at each place."""

    def taps(size: Shape) -> Taps:
        window = one.window_on(size)
        counts = one.counts(size, np.dtype(np.float64))
        each = np.broadcast_to(counts.reshape(-1), math.prod(window.places(size)))
        return _taken(window, size)._replace(numbers=tuple(each.tolist()))

    return Kernel("MEAN_POOL", taps=taps)


def global_mean_kernel(_: Any) -> Kernel:
    """That of GlobalAverage: one window, which is the image."""

    def taps(size: Shape) -> Taps:
        numbers = math.prod(size)
        return Taps(np.arange(numbers)[None], (float(numbers),))

    return Kernel("MEAN_POOL", taps=taps)


def pad_kernel(one: Pad) -> Kernel:
    """That of Pad: at each place one number, or the border's."""

    def taps(size: Shape) -> Taps | NoKernel:
        inside = len(size) - len(one.sides)
        if inside < 0:
            return NoKernel("whole_border")
        sides = ((0, 0),) * inside + one.sides
        each = [_padded(one.mode, *axis) for axis in zip(size, sides, strict=True)]
        return Taps(_together(each, size).reshape(-1, 1))

    return Kernel("PAD", (one.value,), taps=taps)


def _padded(mode: str, size: int, side: tuple[int, int]) -> Array:
    """The numbers along an axis, with their border."""
    if mode != CONSTANT:
        return border_sources(mode, size, side)
    return np.pad(np.arange(size), side, constant_values=BORDER)


def _taken(window: Window, size: Shape) -> Taps:
    """What lies under a window at its places."""
    places, axes = window.places(size), len(size)
    each = [_along(window, axis, *one) for axis, one in enumerate(zip(size, places, strict=True))]
    # (place, entry) of every axis: all places first, then all entries.
    order = (*range(0, 2 * axes, 2), *range(1, 2 * axes, 2))
    together = _together(each, size).transpose(order)
    return Taps(together.reshape(math.prod(places), window.entries))


def _along(window: Window, axis: int, side: int, count: int) -> Array:
    """The numbers along an axis (places, entries), BORDER where there is none."""
    if window.ranges:
        index, there = taken_by(window.ranges[axis], window.kernel[axis])
        return np.where(there, index, BORDER)
    place = window.stride[axis] * np.arange(count)
    at = place[:, None] + window.dilation[axis] * np.arange(window.kernel[axis])
    at = at - window.padding[axis][0]
    return np.where((at >= 0) & (at < side), at, BORDER)


def _together(each: list[Array], size: Shape) -> Array:
    """Numbers along every axis as numbers of the image, row by row; BORDER where one of them is.
    The axes of the first stand first."""

    def beside(before: Array, axis: tuple[int, Array]) -> Array:
        side, along = axis
        wide = before.reshape(*before.shape, *(1,) * along.ndim)
        return np.where((wide == BORDER) | (along == BORDER), BORDER, wide * side + along)

    return reduce(beside, zip(size, each, strict=True), np.zeros((), np.int64))
