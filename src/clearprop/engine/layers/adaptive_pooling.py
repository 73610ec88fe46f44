"""Adaptive pooling: so many places are asked for, and the image says which window that takes.

AdaptiveMaxPool1d, AdaptiveMaxPool2d     the largest number under it
AdaptiveAvgPool1d, AdaptiveAvgPool2d     the mean

Forward      Place p of P along an axis of S numbers is the window from ⌊p S / P⌋ to before
             ⌈(p + 1) S / P⌉. Where all of them have one length k and one distance s, this is

             y[n,c,p] = max_i x[n, c, s p + i]      or     (1/k) Σ_i x[n, c, s p + i]

             with  k = s = S / P  where P divides S; and with overlapping windows in some other
             cases, as k = 3, s = 2 for 2 places on 5 numbers. Windows of several lengths, as 3, 4
             and 3 for 3 places on 8 numbers, are refused.

Backward     That of `pooling` with this window: the signal goes to the largest, or is shared out.

Cached       As `pooling` has it.

Source: the definition in PyTorch's documentation; SPP-net (He and others, 2014) for the idea.
"""

import itertools
from dataclasses import dataclass

from clearprop.base.arrays import Shape
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.pooling import LargestUnder, MeanUnder, Pool
from clearprop.engine.layers.windows import Window, settle_sides, sides_of


class _Adaptive(Pool):
    """A window that the size of the image decides; `output_size` is how many places it has."""

    output_size: int | tuple[int, ...]

    def __post_init__(self) -> None:
        settle_sides(self, "output_size", self.axes, 1)

    def window_on(self, size: Shape) -> Window:
        wanted = sides_of(self.output_size, self.axes)
        kernel: list[int] = []
        stride: list[int] = []
        for count, side in zip(wanted, size, strict=True):
            starts = [p * side // count for p in range(count)]
            lengths = {-(-(p + 1) * side // count) - start for p, start in enumerate(starts)}
            apart = {after - start for start, after in itertools.pairwise(starts)}
            if len(lengths) != 1 or len(apart) > 1 or count > side:
                raise ShapeError(
                    "adaptive_windows",
                    layer=type(self).__name__,
                    output_size=" × ".join(map(str, wanted)),
                    size=" × ".join(map(str, size)),
                )
            kernel += lengths
            # A single window is not moved.
            stride += apart or lengths
        axes = self.axes
        return Window(tuple(kernel), tuple(stride), (1,) * axes, ((0, 0),) * axes)


@dataclass(frozen=True)
class AdaptiveMaxPool1d(_Adaptive, LargestUnder):
    """The largest number at each of `output_size` places of sequences (N, C, L).

    Raises ConfigurationError unless that is a whole number >= 1; forward raises ShapeError where no
    one window has so many places, as where they do not divide L, and for what is no such batch.
    """

    output_size: int | tuple[int, ...]

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class AdaptiveMaxPool2d(_Adaptive, LargestUnder):
    """The largest number at each of `output_size` places, one number or (height, width), of images
    (N, C, H, W).

    Raises ConfigurationError unless these are whole numbers >= 1; forward raises ShapeError where
    no one window has so many places, as where they do not divide H and W, and for what is no such
    batch.
    """

    output_size: int | tuple[int, ...]

    @property
    def axes(self) -> int:
        return 2


@dataclass(frozen=True)
class AdaptiveAvgPool1d(_Adaptive, MeanUnder):
    """The mean at each of `output_size` places of sequences (N, C, L); raises what
    `AdaptiveMaxPool1d` raises."""

    output_size: int | tuple[int, ...]

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class AdaptiveAvgPool2d(_Adaptive, MeanUnder):
    """The mean at each of `output_size` places, one number or (height, width), of images
    (N, C, H, W); raises what `AdaptiveMaxPool2d` raises."""

    output_size: int | tuple[int, ...]

    @property
    def axes(self) -> int:
        return 2
