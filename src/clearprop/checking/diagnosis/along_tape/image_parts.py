"""Convolutions and poolings on a tape: however a person has written one, as loops over every place,
by patches and a product or by strides, it is one wire, known by its numbers.

A tape with loops over places has thousands of wires; with these parts closed it is short.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.image_recognition import convolution, pooling
from clearprop.checking.diagnosis.recording.primitives import Family, Operation
from clearprop.checking.diagnosis.recording.tape import Tape, Wire
from clearprop.checking.diagnosis.written_image import WrittenImage

# What is done more often than so, with arrays of one shape, is done in a loop.
ALIKE = 6


class ImagePart(NamedTuple):
    """A convolution or a pooling.

    out       its wire, and `operands` those of x, the weight and the bias
    leaves    the names of the weight and the bias
    """

    out: int
    operands: tuple[int, ...]
    leaves: tuple[str, ...]
    written: WrittenImage

    @property
    def kind(self) -> str:
        """The name of the layer of ours that it is."""
        return type(self.written.layer).__name__


def with_images(tape: Tape) -> tuple[Tape, Mapping[int, ImagePart]]:
    """The tape with every convolution and pooling closed, and these by their wires."""
    parts: dict[int, ImagePart] = {}
    tried: set[tuple[int, ...]] = set()
    while (found := next(_parts(tape, parts, tried), None)) is not None:
        tape = _closed(tape, found)
        parts[found.out] = found
    return tape, {number: one for number, one in parts.items() if number in tape.used}


def whole_image(arrays: Mapping[str, Array], output: Array) -> Tape | None:
    """The tape of a function that is a convolution or a pooling of its arrays; None of another."""
    wires = [Wire(i, array, None, (), name) for i, (name, array) in enumerate(arrays.items())]
    unknown = Operation(
        "unknown", Family.IMAGE, lambda values: output, lambda values, result, dy, which: None
    )
    last = Wire(len(wires), output, unknown, tuple(range(len(wires))))
    tape = Tape((*wires, last), last.number)
    found = next(_parts(tape, {}, set()), None)
    return None if found is None else tape


def _parts(
    tape: Tape, known: Mapping[int, ImagePart], tried: set[tuple[int, ...]]
) -> Iterator[ImagePart]:
    """The parts that are not closed yet, the last first. `tried` are the wires that were looked
    at together, to be looked at once."""
    wires = _candidates(tape)
    images = [wire for wire in wires if wire.value.ndim > 2]
    if not images and not any(wire.leaf and wire.value.ndim in (1, 2) for wire in wires):
        return
    for wire in reversed(wires):
        if wire.operation is None or wire.number in known or not wire.value.size:
            continue
        before = [one for one in wires if one.number < wire.number]
        yield from _convolutions(tape, wire, before, tried)
        yield from _poolings(tape, wire, before, tried)


def _candidates(tape: Tape) -> list[Wire]:
    """The wires that may be images, without those of a loop's body and masked ones."""

    def sort(wire: Wire) -> tuple[object, ...]:
        return (wire.operation.name if wire.operation else wire.leaf, wire.value.shape)

    count = Counter(sort(wire) for wire in tape.order)
    return [
        wire
        for wire in tape.order
        if wire.value.dtype.kind == "f"
        and 0 < wire.value.ndim <= 4
        and wire.value.size > 1
        and count[sort(wire)] <= ALIKE
        and np.isfinite(wire.value).all()
    ]


def _convolutions(
    tape: Tape, out: Wire, before: Sequence[Wire], tried: set[tuple[int, ...]]
) -> Iterator[ImagePart]:
    names = tape.names
    # What x lacks of the result's arrays: a weight, and a bias where there is one.
    lacking = [
        (x, names[out.number] - names[x.number])
        for x in before
        if names[x.number] < names[out.number]
    ]
    few = [(x, others) for x, others in lacking if len(others) <= 2]
    for weight in before:
        if weight.leaf is None or weight.leaf not in names[out.number]:
            continue
        for x, others in few:
            if weight.leaf not in others:
                continue
            more = others - {weight.leaf}
            bias = [tape.leaves[name] for name in more]
            together = (out.number, x.number, weight.number, *bias)
            if together in tried:
                continue
            tried.add(together)
            shift = tape.wires[bias[0]].value if bias else None
            written = convolution(x.value, weight.value, shift, out.value)
            if written is not None:
                operands = (x.number, weight.number, *bias)
                yield ImagePart(out.number, operands, (weight.leaf, *more), written)


def _poolings(
    tape: Tape, out: Wire, before: Sequence[Wire], tried: set[tuple[int, ...]]
) -> Iterator[ImagePart]:
    for x in before:
        together = (out.number, x.number)
        if tape.names[x.number] == tape.names[out.number] and together not in tried:
            tried.add(together)
            written = pooling(x.value, out.value)
            if written is not None:
                yield ImagePart(out.number, (x.number,), (), written)


def _closed(tape: Tape, part: ImagePart) -> Tape:
    """The tape with the part as one wire."""
    written = part.written

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array | None:
        step = written.step(values, np.asarray(dy), "")
        return written.back((step.dx, step.gradients))[which]

    operation = Operation(part.kind, Family.IMAGE, written.run, back)
    wires = list(tape.wires)
    wires[part.out] = replace(wires[part.out], operation=operation, operands=part.operands)
    return Tape(tuple(wires), tape.output)
