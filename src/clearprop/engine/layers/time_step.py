"""One time of a sequence: what a network that gives one answer for a whole sequence goes on with.

Forward      y = x at the time k             x (N, T, D), y (N, D); k < 0 counts from the end

             With the side input `lengths` (N,) sample n ends at lengths[n]: k = −1 is its own last
             time, lengths[n] − 1.

Backward     ∂C/∂xₜ = dy where t = k, else 0: nothing else had an influence on y.

Cached       The times of every sample that were taken, and how many times there were.

K networks   x is (K, N, T, D), y (K, N, D).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, OpenShape, Tree
from clearprop.engine.layers.lengths import LENGTHS, lengths_of


class TimeStepCache(NamedTuple):
    """`taken`: the time of every sample (N,) that was taken; `times`: how many there were."""

    taken: Array
    times: int


@dataclass(frozen=True)
class TimeStep(Layer):
    """The features at one time of a sequence: (N, T, D) to (N, D).

    index  the time, from 0; −1 is the last one, with lengths each sample's own

    Raises ConfigurationError unless it is a whole number; forward, and whatever asks for the shape
    behind it, ShapeError for an x that is no sequence, and for one that has not got that time.
    """

    index: int = -1

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.index, bool) or not isinstance(self.index, int | np.integer):
            raise ConfigurationError("time_index", value=self.index)
        object.__setattr__(self, "index", int(self.index))

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None or isinstance(input_shape, OpenShape):
            return input_shape
        if len(input_shape) != 2:
            raise self._wrong_input(("N", *input_shape), "")
        times = input_shape[0]
        if not -times <= self.index < times:
            raise self._beyond("", 0, times)
        return input_shape[1:]

    def side_inputs(self) -> Collection[str]:
        return (LENGTHS,)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        if x.ndim != (3 if context.networks is None else 4):
            raise self._wrong_input(x.shape, context.path)
        lengths = lengths_of(self, x, context)
        samples, times = x.shape[-3:-1]
        ends = np.full(samples, times) if lengths is None else lengths
        taken = self.index + (ends if self.index < 0 else 0 * ends)
        beyond = (taken < 0) | (taken >= ends)
        if beyond.any() or not times:
            place = int(np.argmax(beyond)) if samples else 0
            raise self._beyond(context.path, place, int(ends[place]) if samples else times)
        return x[..., np.arange(samples), taken, :], TimeStepCache(taken, times), EMPTY

    def backward(self, params: Tree, cache: TimeStepCache, dy: Array) -> Backward:
        *lead, samples, features = dy.shape
        dx = np.zeros((*lead, samples, cache.times, features), dy.dtype)
        dx[..., np.arange(samples), cache.taken, :] = dy
        return dx, EMPTY

    def _beyond(self, path: str, sample: int, times: int) -> ShapeError:
        return ShapeError(
            "time_beyond",
            path=path or "TimeStep",
            index=self.index,
            sample=sample,
            times=times,
        )

    def _wrong_input(self, shape: tuple[int | str, ...], path: str) -> ShapeError:
        return ShapeError("time_step_input", path=path or "TimeStep", came=shape_text(shape))
