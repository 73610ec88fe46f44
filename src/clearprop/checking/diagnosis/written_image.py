"""Convolution and pooling as people write them: layers of ours behind a person's layout.

The axes of an array are spelled as letters: N samples, C channels, H and W (or L) places; of a
weight O output and I input channels, and the kernel's axes. What a person's array lacks is an axis
of length 1 in ours. A border that our layer cannot have, as one of two widths, is laid around x
before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.diagnosis.altered_pass import Altered, AlteredStep
from clearprop.checking.diagnosis.window_shares import equal_shares
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.global_average import GlobalAverage
from clearprop.engine.layers.layer import Context
from clearprop.engine.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d

ImageLayer: TypeAlias = (
    Conv1d | Conv2d | MaxPool1d | MaxPool2d | AvgPool1d | AvgPool2d | GlobalAverage
)
# Numbers before and behind the image along every axis.
Border: TypeAlias = tuple[tuple[int, int], ...]
# What our layers call their parameters, in the order of a part's operands behind x.
PARAMETERS = ("weight", "bias")


def to_ours(array: Array, letters: str, ours: str) -> Array:
    """The array with its axes in the order of `ours`, those that it lacks of length 1."""
    present = [letter for letter in ours if letter in letters]
    moved = array.transpose([letters.index(letter) for letter in present])
    lengths = iter(moved.shape)
    return moved.reshape([next(lengths) if letter in letters else 1 for letter in ours])


def to_theirs(array: Array, letters: str, ours: str) -> Array:
    """The way back: without the axes that `letters` lacks, in its order; an array that has more
    than one number along them is left as it is."""
    if any(n > 1 for n, letter in zip(array.shape, ours, strict=True) if letter not in letters):
        return array
    kept = [letter for letter in ours if letter in letters]
    lengths = [n for n, letter in zip(array.shape, ours, strict=True) if letter in letters]
    return array.reshape(lengths).transpose([kept.index(letter) for letter in letters])


@dataclass(frozen=True, eq=False, kw_only=True)
class WrittenImage:
    """A layer of ours, and how a person's arrays are laid out.

    x, y, weight  the letters of their axes; of the weight none where there is none
    shapes        those of the person's arrays: x, and the weight and the bias where they are
    turned        whether the kernel is turned around before it is laid on, as in mathematics
    border        what is laid around x before; nothing where the layer has a border of its own
    """

    layer: ImageLayer
    x: str
    y: str
    shapes: tuple[Shape, ...]
    weight: str = ""
    turned: bool = False
    border: Border = ()

    @property
    def axes(self) -> str:
        """The letters of the places."""
        return "L" if "L" in self.x else "HW"

    def run(self, values: Sequence[Array]) -> Array:
        """Y of the person's x, weight and bias."""
        x, *params = values
        y, _, _ = self.layer.forward(self._params(params), self._input(x), Context())
        return to_theirs(y, self.y, self._images(y))

    def step(self, values: Sequence[Array], dy: Array, name: str) -> AlteredStep:
        """The layer in its place, with what its own backward gives."""
        x, params = self._input(values[0]), self._params(values[1:])
        layer = self.layer
        y, cache, _ = layer.forward(params, x, Context())

        def back(signal: Array) -> Altered:
            if isinstance(layer, MaxPool1d | MaxPool2d):
                return equal_shares(layer, x, y, signal), {}
            return layer.backward(params, cache, signal)

        ours = to_ours(np.asarray(dy, np.float64), self.y, self._images(y))
        dx, gradients = back(ours)
        return AlteredStep("", layer, params, x, y, ours, dx, gradients, back, name)

    def back(self, found: Altered) -> list[Array | None]:
        """∂C/∂x and the gradients of the parameters, as the person has them."""
        dx, gradients = found
        own = [
            self._parameter_back(name, gradients[name]) for name in PARAMETERS if name in gradients
        ]
        return [None if dx is None else self._input_back(dx), *own]

    def _images(self, y: Array) -> str:
        """The letters of what our layer puts out."""
        return "NC" + (self.axes if y.ndim > 2 else "")

    def _input(self, x: Array) -> Array:
        ours = to_ours(np.asarray(x, np.float64), self.x, "NC" + self.axes)
        if not self.border:
            return ours
        return np.pad(ours, ((0, 0), (0, 0), *self.border))

    def _input_back(self, dx: Array) -> Array:
        sizes = [self.shapes[0][self.x.index(letter)] for letter in self.axes]
        sides = list(zip(dx.shape[2:], sizes, self.border, strict=True)) if self.border else []
        if all(got == size + low + high for got, size, (low, high) in sides):
            cuts = tuple(slice(low, low + size) for _, size, (low, _) in sides)
            dx = dx[(slice(None), slice(None), *cuts)]
        return to_theirs(dx, self.x, "NC" + self.axes)

    def _params(self, values: Sequence[Array]) -> dict[str, Array]:
        found = {}
        if values:
            weight = to_ours(np.asarray(values[0], np.float64), self.weight, "OI" + self.axes)
            found["weight"] = np.ascontiguousarray(self._as_laid_on(weight))
        if len(values) > 1:
            found["bias"] = np.asarray(values[1], np.float64).reshape(1, -1)
        return found

    def _as_laid_on(self, weight: Array) -> Array:
        return np.flip(weight, tuple(range(2, weight.ndim))) if self.turned else weight

    def _parameter_back(self, name: str, gradient: Array) -> Array:
        if name == "weight":
            return to_theirs(self._as_laid_on(gradient), self.weight, "OI" + self.axes)
        shape = self.shapes[2]
        return gradient.reshape(shape) if gradient.size == int(np.prod(shape)) else gradient
