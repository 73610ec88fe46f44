"""Flatten and Pad: the same numbers in another shape.

Flatten      (N, a, b, …) to (N, a·b·…), row by row, as C and NumPy lay them
Pad          a border around every image: (N, …, S) to (N, …, low + S + high)

Forward      Flatten   y[n, (i,j,…)] = x[n,i,j,…]
             Pad       y[…, low + t] = x[…, t], and in the border `value`, or numbers of the image:
                       y[…, low + t] = x[…, σ(t)] for every t from −low to S + high − 1, with

             replicate   σ(t) = min(max(t, 0), S − 1)     the number at the edge, again and again
             reflect     σ(t) = S − 1 − |S − 1 − |t||     as in a mirror on the edge's number, which
                                                          is not repeated: low and high < S
             circular    σ(t) = t mod S                   the other end: low and high <= S

             Along several axes one after another, so that a corner is a border's border.

Backward     Every number of x is one number of y, ∂y/∂x is 1 there:

             Flatten   ∂C/∂x[n,i,j,…] = dy[n, (i,j,…)]        dy in x's shape
             Pad       ∂C/∂x[…,t] = dy[…, low + t]            dy without the border, where that is
                                                              `value`: no x has an influence on it

             A border of the image's own numbers gives its signal back to those it was taken from,
             which collect from all their copies, the axes in the opposite order:

                       ∂C/∂x[…,t] = Σ over t′ with σ(t′) = t of dy[…, low + t′]

Cached       Flatten: the shape of x. Pad: nothing.

Source: the definition.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import require_numbers, settle_choice
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
from clearprop.engine.layers.windows import is_whole

CONSTANT = "constant"
MODES = (CONSTANT, "reflect", "replicate", "circular")


class FlattenCache(NamedTuple):
    """`shape`: that of x."""

    shape: Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Every sample's numbers as one row: (N, C, H, W) to (N, C · H · W)."""

    stackable: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        # Of a shape whose other axes are not known the product is not either.
        input_shape = known_shape(input_shape)
        return None if input_shape is None else (math.prod(input_shape),)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        samples = 1 if context.networks is None else 2
        row = math.prod(x.shape[samples:])
        return x.reshape(*x.shape[:samples], row), FlattenCache(x.shape), EMPTY

    def backward(self, params: Tree, cache: FlattenCache, dy: Array) -> Backward:
        return dy.reshape(cache.shape), EMPTY


@dataclass(frozen=True)
class Pad(Layer):
    """A border around the last axes of every sample.

    padding  how many numbers stand in front of and behind the last axis, then those of the one
             before it, as in PyTorch: (left, right, top, bottom) of images
    value    the number that stands there
    mode     "constant" for that number; or numbers of the image: "reflect" mirrors it on its edge,
             "replicate" repeats the number at the edge, "circular" goes on at the other end

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for samples
    with fewer axes, and for a border that is wider than what it takes its numbers from: "reflect"
    needs more numbers than the border has, "circular" as many, "replicate" one.
    """

    padding: tuple[int, ...]
    value: float = 0.0
    mode: str = CONSTANT

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = self.padding
        sides = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
        if len(sides) not in (2, 4, 6) or not all(map(is_whole, sides)) or min(sides) < 0:
            raise ConfigurationError("pad_sides", value=given)
        object.__setattr__(self, "padding", tuple(map(int, sides)))
        require_numbers(self, "value")
        settle_choice(self, "mode", MODES)
        if self.mode != CONSTANT and self.value:
            raise ConfigurationError("pad_value_unused", value=self.value, mode=self.mode)

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """(in front, behind) of every axis that has a border, in the order of the axes."""
        return tuple(zip(self.padding[::2], self.padding[1::2], strict=True))[::-1]

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is None:
            return None
        self._require(input_shape, ("N", *input_shape), "Pad")
        inner = zip(input_shape[-len(self.sides) :], self.sides, strict=True)
        return (
            *input_shape[: -len(self.sides)],
            *(low + size + high for size, (low, high) in inner),
        )

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        # Around the channels too it makes other images.
        return before if before is not None and len(self.sides) <= before.axes else None

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        samples = 1 if context.networks is None else 2
        self._require(x.shape[samples:], x.shape, context.path or "Pad")
        refuse_integers(self, x, context)
        if self.mode == CONSTANT:
            width = ((0, 0),) * (x.ndim - len(self.sides)) + self.sides
            return np.pad(x, width, constant_values=self.value), (), EMPTY
        y = x
        for axis, side in zip(range(-len(self.sides), 0), self.sides, strict=True):
            y = np.take(y, border_sources(self.mode, y.shape[axis], side), axis=axis)
        return y, (), EMPTY

    def backward(self, params: Tree, cache: tuple[()], dy: Array) -> Backward:
        # Along the last axis first, as it was put around last.
        for axis, (low, high) in zip(
            range(-1, -len(self.sides) - 1, -1), self.sides[::-1], strict=True
        ):
            size = dy.shape[axis] - low - high
            moved = np.moveaxis(dy, axis, 0)
            inner = moved[low : low + size]
            if self.mode != CONSTANT and (low or high):
                inner = inner.copy()
                sources = border_sources(self.mode, size, (low, high))
                for place in (*range(low), *range(low + size, len(sources))):
                    inner[sources[place]] += moved[place]
            dy = np.moveaxis(inner, 0, axis)
        return dy, EMPTY

    def _require(self, sample: Shape, came: tuple[int | str, ...], path: str) -> None:
        if len(sample) < len(self.sides):
            raise ShapeError("pad_input", path=path, axes=len(self.sides), came=shape_text(came))
        sizes = sample[-len(self.sides) :]
        for size, side in zip(sizes, self.sides, strict=True):
            most = {"reflect": size - 1, "circular": size, "replicate": max(side) * (size > 0)}
            if self.mode != CONSTANT and max(side) > most[self.mode]:
                raise ShapeError(
                    "pad_too_wide",
                    path=path,
                    mode=self.mode,
                    border=max(side),
                    most=most[self.mode],
                    size=size,
                    came=shape_text(came),
                )


def border_sources(mode: str, size: int, side: tuple[int, int]) -> Array:
    """From which of `size` numbers along an axis each one of those in its border is taken."""
    low, high = side
    t = np.arange(-low, size + high)
    if mode == "reflect":
        t = size - 1 - np.abs(size - 1 - np.abs(t))
    return t % size if mode == "circular" else np.clip(t, 0, size - 1)
