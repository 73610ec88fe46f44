"""Adaptive pooling: so many places are asked for, and the image says which window that takes.

AdaptiveMaxPool1d, AdaptiveMaxPool2d     the largest number under it
AdaptiveAvgPool1d, AdaptiveAvgPool2d     the mean

Forward      Place p of P along an axis of S numbers is the window from ⌊p S / P⌋ to before
             ⌈(p + 1) S / P⌉, whose length is k_p:

             y[n,c,p] = max_t x[n, c, t]      or     (1/k_p) Σ_t x[n, c, t]      over that window

             Where P divides S all have the length S / P and do not overlap; in some other cases
             they have one length and one distance, as 3 and 2 for 2 places on 5 numbers; otherwise
             several lengths, as 3, 4 and 3 for 3 places on 8 numbers.

Backward     That of `pooling`: the signal goes to the first of the largest, or is shared out.
             A number t collects from every place whose window covers it:

             ∂C/∂x[n,c,t] = Σ_p [t is the first largest of p] ∂C/∂y[n,c,p]
             ∂C/∂x[n,c,t] = Σ_p [t in p] ∂C/∂y[n,c,p] / k_p

Cached       As `pooling` has it.

Source: the definition in PyTorch's documentation; SPP-net (He and others, 2014) for the idea.
"""

import functools
import itertools
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.engine.layers.pooling import LargestUnder, MeanUnder, Pool
from clearprop.engine.layers.windows import Window, settle_sides, sides_of

# How many places there are: one number, or one for every axis; None where an axis keeps its size.
Places: TypeAlias = int | tuple[int | None, ...] | None


class _Adaptive(Pool):
    """A window that the size of the image decides; `output_size` is how many places it has, None
    along an axis that keeps its size."""

    output_size: Places

    def __post_init__(self) -> None:
        given = self.output_size
        if given is None or (isinstance(given, tuple | list) and None in given):
            sides = [None] * self.axes if given is None else list(given)
            # What is left is checked as if every axis were told.
            object.__setattr__(self, "output_size", tuple(1 if n is None else n for n in sides))
            settle_sides(self, "output_size", self.axes, 1)
            told = sides_of(self.output_size, self.axes)  # type: ignore[arg-type]
            kept = tuple(None if n is None else t for n, t in zip(sides, told, strict=True))
            object.__setattr__(self, "output_size", None if {*kept} == {None} else kept)
            return
        settle_sides(self, "output_size", self.axes, 1)

    def wanted(self, size: Shape) -> Shape:
        """How many places there are along every axis of an image of this size."""
        sides = self.output_size
        sides = sides if isinstance(sides, tuple) else (sides,) * self.axes
        return tuple(max(1, own) if n is None else n for n, own in zip(sides, size, strict=True))

    def window_on(self, size: Shape) -> Window:
        wanted = self.wanted(size)
        kernel: list[int] = []
        stride: list[int] = []
        ranges = tuple(
            tuple((p * side // count, -(-(p + 1) * side // count)) for p in range(count))
            # Of an image without numbers there is no place, which `require_places` says.
            for count, side in zip(wanted, (max(1, one) for one in size), strict=True)
        )
        even = True
        for axis in ranges:
            starts = [start for start, _ in axis]
            lengths = {end - start for start, end in axis}
            apart = {after - start for start, after in itertools.pairwise(starts)}
            even = even and len(lengths) == 1 and len(apart) <= 1 and 0 not in apart
            kernel.append(max(lengths))
            # A single window is not moved.
            stride.append(max(apart or lengths))
        axes = self.axes
        window = Window(tuple(kernel), tuple(stride), (1,) * axes, ((0, 0),) * axes)
        return window if even else window._replace(stride=window.kernel, ranges=ranges)


class _AdaptiveMean(_Adaptive, MeanUnder):
    """The mean under such a window."""

    def counts(self, size: Shape, dtype: "np.dtype[Any]") -> Array:
        window = self.window_on(size)
        if not window.ranges:
            return super().counts(size, dtype)
        lengths = (np.array([end - start for start, end in axis]) for axis in window.ranges)
        counts = functools.reduce(np.multiply.outer, lengths)
        return np.asarray(counts, dtype)[..., None]


@dataclass(frozen=True)
class AdaptiveMaxPool1d(_Adaptive, LargestUnder):
    """The largest number at each of `output_size` places of sequences (N, C, L).

    Raises ConfigurationError unless that is a whole number >= 1; forward raises ShapeError for what
    is no such batch.
    """

    output_size: Places

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class AdaptiveMaxPool2d(_Adaptive, LargestUnder):
    """The largest number at each of `output_size` places, one number or (height, width), of images
    (N, C, H, W); None for an axis that keeps its size.

    Raises ConfigurationError unless these are whole numbers >= 1; forward raises ShapeError for
    what is no such batch.
    """

    output_size: Places

    @property
    def axes(self) -> int:
        return 2


@dataclass(frozen=True)
class AdaptiveAvgPool1d(_AdaptiveMean):
    """The mean at each of `output_size` places of sequences (N, C, L); raises what
    `AdaptiveMaxPool1d` raises."""

    output_size: Places

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class AdaptiveAvgPool2d(_AdaptiveMean):
    """The mean at each of `output_size` places, one number or (height, width), of images
    (N, C, H, W); raises what `AdaptiveMaxPool2d` raises."""

    output_size: Places

    @property
    def axes(self) -> int:
        return 2
