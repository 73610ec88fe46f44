"""Joins of a network's graph, which make one wire of several: the sum and the concatenation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Index, Shape, shape_text
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.layer import OpenImage, OpenShape, with_features


@dataclass(frozen=True, eq=False)
class Join(ABC):
    """Several wires made into one, entry by entry: every entry of a term goes to one entry of the
    output, with the factor 1."""

    path: str
    sources: tuple[str, ...]

    @abstractmethod
    def value(self, terms: Sequence[Any], concatenate: Callable[..., Any] = np.concatenate) -> Any:
        """The output for its terms, arrays of NumPy's or of another library with its own
        `concatenate(terms, axis)`. Raises ShapeError where they do not fit."""

    @abstractmethod
    def shares(self, dy: Array, terms: Sequence[Array]) -> tuple[Array, ...]:
        """∂C/∂(every term) from ∂C/∂output."""

    @abstractmethod
    def lands(self, term: int, index: Index, shapes: Sequence[Shape]) -> Index:
        """Where the entry `index` of one sample of term number `term` goes in the output; `shapes`
        are those of one sample of every term."""

    @abstractmethod
    def output_shape(self, shapes: Sequence[Shape | None]) -> Shape | None:
        """The shape of one sample of the output, where it is known. Raises ShapeError."""

    def images_after(self, before: Sequence[OpenImage | None]) -> OpenImage | None:
        """What is known of images whose size is not, as `Layer.images_after`; by default nothing.
        Raises ShapeError."""
        return None


@dataclass(frozen=True, eq=False)
class Sum(Join):
    """y = Σ terms, all of one shape; `refusal` is the key of the sentence where they are not."""

    refusal: str = "sum_shapes"

    def value(self, terms: Sequence[Any], concatenate: Callable[..., Any] = np.concatenate) -> Any:
        first, *others = terms
        y = first
        for other in others:
            if other.shape != first.shape:
                # Broadcasting (N, 1) with (N, 3) would hide it.
                raise self._refused(first.shape, other.shape)
            y = y + other
        return y

    def shares(self, dy: Array, terms: Sequence[Array]) -> tuple[Array, ...]:
        return (dy,) * len(terms)

    def lands(self, term: int, index: Index, shapes: Sequence[Shape]) -> Index:
        return index

    def output_shape(self, shapes: Sequence[Shape | None]) -> Shape | None:
        known = [shape for shape in shapes if shape is not None]
        for shape in known:
            if shape != known[0]:
                raise self._refused(("N", *known[0]), ("N", *shape))
        return known[0] if known else None

    def images_after(self, before: Sequence[OpenImage | None]) -> OpenImage | None:
        known = [one for one in before if one is not None]
        for other in known:
            if (other.channels, other.axes) != (known[0].channels, known[0].axes):
                raise ShapeError(self.refusal, input=known[0].text, output=other.text)
        return known[0] if known else None

    def _refused(self, one: tuple[int | str, ...], other: tuple[int | str, ...]) -> ShapeError:
        return ShapeError(self.refusal, input=shape_text(one), output=shape_text(other))


@dataclass(frozen=True, eq=False)
class Concatenation(Join):
    """All terms one after another along an axis, which is counted from the end: −1 are the
    features, −2 of sequences the times, −3 of images the channels."""

    axis: int = -1

    def value(self, terms: Sequence[Any], concatenate: Callable[..., Any] = np.concatenate) -> Any:
        for term in terms:
            # The first axis is the samples'.
            if term.ndim <= -self.axis or self._others(term.shape) != self._others(terms[0].shape):
                raise self._refused(terms[0].shape, term.shape)
        return concatenate(list(terms), self.axis)

    def shares(self, dy: Array, terms: Sequence[Array]) -> tuple[Array, ...]:
        ends = np.cumsum([term.shape[self.axis] for term in terms])
        return tuple(np.split(dy, ends[:-1], axis=self.axis))

    def lands(self, term: int, index: Index, shapes: Sequence[Shape]) -> Index:
        place = len(index) + self.axis
        before = sum(shape[self.axis] for shape in shapes[:term])
        return (*index[:place], before + index[place], *index[place + 1 :])

    def output_shape(self, shapes: Sequence[Shape | None]) -> Shape | None:
        known = [shape for shape in shapes if shape is not None]
        for shape in known:
            is_open = isinstance(shape, OpenShape) or isinstance(known[0], OpenShape)
            if is_open and self.axis < -1:
                # Of what stands before the features nothing is known.
                if shape[-1] != known[0][-1]:
                    raise self._refused(("N", *known[0]), ("N", *shape))
                continue
            if len(shape) < -self.axis or self._others(shape) != self._others(known[0]):
                raise self._refused(("N", *known[0]), ("N", *shape))
        if len(known) < len(shapes):
            return None
        if self.axis == -1:
            return with_features(known[0], sum(shape[-1] for shape in known))
        if any(isinstance(shape, OpenShape) for shape in known):
            return OpenShape((known[0][-1],))
        place = len(known[0]) + self.axis
        total = sum(shape[place] for shape in known)
        return (*known[0][:place], total, *known[0][place + 1 :])

    def images_after(self, before: Sequence[OpenImage | None]) -> OpenImage | None:
        known = [one for one in before if one is not None]
        if len(known) < len(before) or any(1 + one.axes != -self.axis for one in known):
            return None
        return known[0]._replace(channels=sum(one.channels for one in known))

    def _others(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape without the axis."""
        return shape[: self.axis] + (shape[self.axis + 1 :] if self.axis < -1 else ())

    def _refused(self, x: tuple[int | str, ...], y: tuple[int | str, ...]) -> ShapeError:
        key = "concatenation_shapes" if self.axis == -1 else "concatenation_axis_shapes"
        return ShapeError(key, first=shape_text(x), other=shape_text(y), axis=self.axis)
