"""Some of the times of a sequence: what asks and what is asked in one, or a part of its context.

Forward      y = x at the times start … stop − 1          x (N, T, D), y (N, stop − start, D)

             As in Python, a number below 0 counts from the end, and None leaves that end open.

Backward     ∂C/∂xₜ = ∂C/∂yₜ₋ₛₜₐᵣₜ at these times, else 0: nothing else had an influence on y.

Cached       Which times were taken, and how many there were.

K networks   x is (K, N, T, D), y (K, N, stop − start, D).
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, OpenShape, Tree


class TimeSliceCache(NamedTuple):
    """The times that were taken, from `start` to before `stop`, and how many `times` there were."""

    start: int
    stop: int
    times: int


@dataclass(frozen=True)
class TimeSlice(Layer):
    """The times of a sequence from `start` to before `stop`: (N, T, D) to (N, stop − start, D).

    Raises ConfigurationError unless both are whole numbers or None; forward raises ShapeError for
    an x that is no sequence, and for a sequence that has no such times.
    """

    start: int | None = None
    stop: int | None = None

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("start", "stop"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ConfigurationError("time_slice_ends", name=name, value=value)
            object.__setattr__(self, name, int(value))

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None or isinstance(input_shape, OpenShape):
            return input_shape
        start, stop, _ = self._taken(input_shape, "")
        return (stop - start, input_shape[1])

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        taken = self._taken(x.shape[1 if context.networks is None else 2 :], context.path)
        return x[..., taken.start : taken.stop, :].copy(), taken, EMPTY

    def backward(self, params: Tree, cache: TimeSliceCache, dy: Array) -> Backward:
        dx = np.zeros((*dy.shape[:-2], cache.times, dy.shape[-1]), dy.dtype)
        dx[..., cache.start : cache.stop, :] = dy
        return dx, EMPTY

    def _taken(self, shape: Shape, path: str) -> TimeSliceCache:
        """The times that are taken of a sample of this shape."""
        path = path or "TimeSlice"
        if len(shape) != 2:
            raise ShapeError("time_slice_input", path=path, came=shape_text(("N", *shape)))
        start, stop, _ = slice(self.start, self.stop).indices(shape[0])
        if stop <= start:
            raise ShapeError(
                "time_slice_empty", path=path, start=self.start, stop=self.stop, times=shape[0]
            )
        return TimeSliceCache(start, stop, shape[0])
