"""An array that a person made empty and filled piece by piece with what was computed: its pieces
are known again, along one axis or entry by entry."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording import primitives
from clearprop.checking.diagnosis.recording.primitives import Operation
from clearprop.checking.diagnosis.recording.recorder import Recorder, telling

# More pieces than an array of an example has.
MOST = 10_000


def assembled(recorder: Recorder, value: Array) -> int | None:
    """The wire of an array whose pieces are on wires, or are constants; None where they are not."""
    if value.dtype.kind != "f" or not value.ndim or not telling(value):
        return None
    for axis in range(value.ndim):
        pieces = _pieces(recorder, value, axis)
        if pieces is not None:
            made = _joined(axis, value.ndim)
            return recorder.made(made, pieces, np.array(value))
    return None


def _pieces(recorder: Recorder, value: Array, axis: int) -> "list[int | Array] | None":
    """What stands after one another along an axis, where something of it is on a wire."""
    found: list[int | Array] = []
    at = 0
    while at < value.shape[axis]:
        number = _longest(recorder, value, axis, at)
        if number is None:
            row = value.take(at, axis=axis)
            if telling(row):
                number = _one(recorder, row)
                if number is None:
                    return None
        at += 1 if number is None else _length(recorder.wires[number].value, value.ndim, axis)
        found.append(np.array(row) if number is None else number)
    return found if any(isinstance(one, int) for one in found) else None


def _one(recorder: Recorder, row: Array) -> int | None:
    number = _as_it_is(recorder, row)
    return assembled(recorder, row) if number is None and row.ndim else number


def _longest(recorder: Recorder, value: Array, axis: int, at: int) -> int | None:
    """The wire of several rows from `at` on, the most of them."""
    for length in range(value.shape[axis] - at, 1, -1):
        rows = value.take(range(at, at + length), axis=axis)
        number = _as_it_is(recorder, rows)
        if number is not None:
            return number
    return None


def _as_it_is(recorder: Recorder, piece: Array) -> int | None:
    """The wire of a piece that was not turned round."""
    known = recorder.recalled(piece)
    if known is None or known[1] or recorder.wires[known[0]].value.shape != piece.shape:
        return None
    return known[0]


def _length(piece: Array, dimensions: int, axis: int) -> int:
    return piece.shape[axis] if piece.ndim == dimensions else 1


def _joined(axis: int, dimensions: int) -> Operation:
    def joined(*pieces: Any) -> Any:
        whole: Sequence[Array] = [
            one if one.ndim == dimensions else np.expand_dims(one, axis) for one in pieces
        ]
        return np.concatenate(whole, axis=axis)

    # As many operands as there are; `movement` numbers them all.
    return primitives.movement("assembled", joined, MOST)
