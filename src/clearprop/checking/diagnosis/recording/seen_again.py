"""Bare arrays whose numbers stood on wires: views that NumPy made without telling, and arrays that
a loop has filled, as `out[n, f, i, j] = …` fills one of `np.zeros`.

What such an array is made of is known by its memory, or by its numbers, of which no two are alike.
A single number may have been multiplied by Python's own arithmetic.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording import primitives
from clearprop.checking.diagnosis.recording.primitives import Family, Operation
from clearprop.checking.diagnosis.recording.recorder import Recorder, telling

# A sum that Python divided is looked for among so many wires; its factor is a whole number or half
# of one, up to some size and to the last digits.
LATELY, MANY, SAME = 12, 10_000, 1e-13
# A filled array is made of so many pieces at most.
PIECES = 10_000


def viewed(recorder: Recorder, bare: Array) -> tuple[Operation, list[int]] | None:
    """The operation that takes the view, and the wire whose memory it is of, of `as_strided` and
    its kin."""
    owner: Any = bare
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    held = recorder.owners.get(id(owner))
    if held is None or owner is bare or not owner.flags.c_contiguous:
        return None
    number, size = held[1], owner.itemsize
    value = recorder.wires[number].value
    if value.shape != owner.shape or not np.array_equal(value, owner):
        return None
    begin = (bare.ctypes.data - owner.ctypes.data) // size
    apart = [stride // size for stride in bare.strides]

    def view(of: Array) -> Array:
        line = np.ascontiguousarray(of).ravel()[begin:]
        strides = [one * line.itemsize for one in apart]
        return np.lib.stride_tricks.as_strided(line, bare.shape, strides, writeable=False)

    return primitives.movement("viewed", view, 1), [number]


def gathered(recorder: Recorder, bare: Array) -> tuple[Operation, list[int]] | None:
    """The operation that puts an array together of numbers on wires, and these wires; of equal
    numbers that is taken which nothing has used yet, the latest first. Zeros are of no wire."""
    if bare.size < 2 or not telling(bare):
        return None
    taken = {source for wire in recorder.wires for source in wire.sources}
    wires = [one for one in recorder.wires if one.value.dtype.kind == "f" and one.value.size]
    if not wires:
        return None
    values = np.concatenate([one.value.ravel() for one in wires])
    lengths = [one.value.size for one in wires]
    owner = np.repeat(np.arange(len(wires)), lengths)
    place = np.concatenate([np.arange(n) for n in lengths])
    is_free = np.array([one.number not in taken for one in wires])[owner]
    order = np.lexsort((owner, is_free, values))
    wanted = bare.ravel().astype(np.float64)
    filled = np.flatnonzero(wanted)
    at = np.searchsorted(values[order], wanted[filled], side="right") - 1
    found = order[np.maximum(at, 0)]
    if not np.array_equal(values[found], wanted[filled]):
        return None
    numbers = np.unique(owner[found])
    if len(numbers) > PIECES:
        return None
    pieces = [wires[number] for number in numbers]
    begins = np.cumsum([0, *(one.value.size for one in pieces)])
    source = np.full(wanted.size, begins[-1])
    source[filled] = begins[np.searchsorted(numbers, owner[found])] + place[found]
    return _put_together(source, begins, bare.shape), [one.number for one in pieces]


def _put_together(source: Array, begins: Array, shape: tuple[int, ...]) -> Operation:
    """Entry after entry from what stands at `source` of all operands behind one another, behind
    which a zero stands."""

    def apply(values: Sequence[Array]) -> Array:
        line = np.concatenate([*(one.ravel() for one in values), np.zeros(1)])
        return line[source].reshape(shape)

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array:
        begin, end = int(begins[which]), int(begins[which + 1])
        here = np.flatnonzero((source >= begin) & (source < end))
        found = np.zeros(end - begin)
        np.add.at(found, source[here] - begin, dy.ravel()[here])
        return found.reshape(values[which].shape)

    return Operation("gathered", Family.MOVEMENT, apply, back)


def taken_back(recorder: Recorder, bare: Array) -> int | Array:
    """A single number that Python's own arithmetic or `math` made of one on a wire."""
    value = float(bare.reshape(()))
    made = recorder.taken_back(value)
    if made is not None:
        number, operation = made
        return recorder.made(operation, [number], np.array(bare))
    for wire in reversed(recorder.wires[-LATELY:] if telling(bare) else ()):
        if wire.value.size == 1 and wire.value.dtype.kind == "f" and np.any(wire.value):
            factor = value / float(wire.value.reshape(()))
            if _is_simple(factor) or _is_simple(1 / factor):
                scaled = primitives.entrywise("multiply", np.multiply)
                shaped = np.asarray(value).reshape(wire.value.shape)
                return recorder.made(scaled, [wire.number, np.asarray(factor)], shaped)
    return np.array(bare)


def _is_simple(factor: float) -> bool:
    """Whether people multiply by it: a whole number, or half of one."""
    return bool(
        0.4 < abs(factor) < MANY and abs(2 * factor - round(2 * factor)) < SAME * abs(factor)
    )
