"""Windows of several lengths along an axis, as adaptive pooling has them: made into even ones.

Place p takes the numbers from `ranges[p]` = (start, end) to before the end. Laid out one behind
another, every place with as many numbers as the longest window has, they are an image on which an
even window goes from place to place without overlap; what a shorter window lacks is filled in and
is no number of the image. On the way back every number collects from all its copies.

Images are (..., *S, N) as in `windows`.
"""

from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape

# Of every axis, from where to before where every place's window goes.
Ranges: TypeAlias = tuple[tuple[tuple[int, int], ...], ...]


def longest_of(ranges: Ranges) -> Shape:
    """How many numbers the longest window has along every axis."""
    return tuple(max(end - start for start, end in axis) for axis in ranges)


def spread_out(x: Array, ranges: Ranges, fill: float) -> Array:
    """The image with the numbers of every place one behind another."""
    for number, (axis, longest) in enumerate(zip(ranges, longest_of(ranges), strict=True)):
        along = x.ndim - 1 - len(ranges) + number
        index, there = taken_by(axis, longest)
        shape = [-1 if one == along else 1 for one in range(x.ndim)]
        taken = np.take(x, index.ravel(), axis=along)
        x = np.where(there.reshape(shape), taken, x.dtype.type(fill))
    return x


def collected(laid: Array, ranges: Ranges, size: Shape) -> Array:
    """The way back: every number of an image of this size is the sum over its copies."""
    for number, (axis, longest) in enumerate(zip(ranges, longest_of(ranges), strict=True)):
        along = laid.ndim - 1 - len(ranges) + number
        found = np.zeros((*laid.shape[:along], size[number], *laid.shape[along + 1 :]), laid.dtype)
        for place, (start, end) in enumerate(axis):
            first = place * longest
            before = (slice(None),) * along
            found[(*before, slice(start, end))] += laid[
                (*before, slice(first, first + end - start))
            ]
        laid = found
    return laid


def taken_by(axis: tuple[tuple[int, int], ...], longest: int) -> tuple[Array, Array]:
    """Which number every entry of the longest window takes at every place (P, k), a shorter window
    its last one again; and whether it has that entry."""
    starts, ends = np.array(axis).T[..., None]
    entries = np.arange(longest)
    return np.minimum(starts + entries, ends - 1), entries < ends - starts
