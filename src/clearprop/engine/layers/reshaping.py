"""Flatten and Pad: the same numbers in another shape.

Flatten      (N, a, b, …) to (N, a·b·…), row by row, as C and NumPy lay them
Pad          a border of one number around every image: (N, …, S) to (N, …, low + S + high)

Forward      Flatten   y[n, (i,j,…)] = x[n,i,j,…]
             Pad       y[…, low + t] = x[…, t], and `value` in the border

Backward     Every number of x is one number of y and no other, ∂y/∂x is 1 there:

             Flatten   ∂C/∂x[n,i,j,…] = dy[n, (i,j,…)]        dy in x's shape
             Pad       ∂C/∂x[…,t] = dy[…, low + t]            dy without the border, on which no x
                                                              has an influence

Cached       Flatten: the shape of x. Pad: nothing.

Source: the definition.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import require_numbers
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenShape,
    Tree,
    refuse_integers,
)


class FlattenCache(NamedTuple):
    """`shape`: that of x."""

    shape: Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Every sample's numbers as one row: (N, C, H, W) to (N, C · H · W)."""

    stackable: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        # Of a shape whose other axes are not known the product is not either.
        if input_shape is None or isinstance(input_shape, OpenShape):
            return None
        return (math.prod(input_shape),)

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

    Raises ConfigurationError for settings that cannot be; forward raises ShapeError for samples
    with fewer axes.
    """

    padding: tuple[int, ...]
    value: float = 0.0

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = self.padding
        sides = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
        whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sides)
        if len(sides) not in (2, 4, 6) or not whole or min(sides) < 0:
            raise ConfigurationError("pad_sides", value=given)
        object.__setattr__(self, "padding", tuple(map(int, sides)))
        require_numbers(self, "value")

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """(in front, behind) of every axis that has a border, in the order of the axes."""
        return tuple(zip(self.padding[::2], self.padding[1::2], strict=True))[::-1]

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        self._require(len(input_shape), ("N", *input_shape), "Pad")
        inner = zip(input_shape[-len(self.sides) :], self.sides, strict=True)
        return (
            *input_shape[: -len(self.sides)],
            *(low + size + high for size, (low, high) in inner),
        )

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        axes = x.ndim - (1 if context.networks is None else 2)
        self._require(axes, x.shape, context.path or "Pad")
        refuse_integers(self, x, context)
        width = ((0, 0),) * (x.ndim - len(self.sides)) + self.sides
        return np.pad(x, width, constant_values=self.value), (), EMPTY

    def backward(self, params: Tree, cache: tuple[()], dy: Array) -> Backward:
        sizes = dy.shape[-len(self.sides) :]
        inner = (slice(low, n - high) for n, (low, high) in zip(sizes, self.sides, strict=True))
        cuts: Any = (..., *inner)
        return dy[cuts], EMPTY

    def _require(self, axes: int, came: tuple[int | str, ...], path: str) -> None:
        if axes < len(self.sides):
            raise ShapeError("pad_input", path=path, axes=len(self.sides), came=shape_text(came))
