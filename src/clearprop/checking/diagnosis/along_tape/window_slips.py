"""Mistakes at convolutions and poolings on a tape, and where images are made flat."""

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.image_parts import ImagePart
from clearprop.checking.diagnosis.along_tape.tape_pass import (
    Gradients,
    TapePass,
    TapeSlip,
    named_wires,
)
from clearprop.checking.diagnosis.altered_pass import Alteration, AlteredStep
from clearprop.checking.diagnosis.chain_rule import slips
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share
from clearprop.checking.verdict.mistakes import MistakeKind


def of_images(found: TapePass) -> Iterator[TapeSlip]:
    """At every convolution and pooling, and at every image that is made flat."""
    for part in found.parts.images.values():
        if part.out in found.signals:
            yield from _of_image(found, part)
    yield from _of_borders(found)
    yield from _of_flat(found)


def _of_image(found: TapePass, part: ImagePart) -> Iterator[TapeSlip]:
    called = found.parts.called(part.out)
    step = _step(found, part, found.signals[part.out], called)
    for key, values, alteration in slips(step, None, None):
        if key is not MistakeKind.GRADIENT_STOPS:
            yield from _slip(found, part, step, key, {"where": called, **values}, alteration)
    if "weight" in step.gradients:
        yield from _of_other_inputs(found, part)


def _slip(
    found: TapePass,
    part: ImagePart,
    step: AlteredStep,
    key: MistakeKind,
    values: Mapping[str, object],
    alteration: Alteration,
) -> Iterator[TapeSlip]:
    wrong = part.written.back(alteration(step))
    shapes = [None if one is None else one.shape for one in wrong]
    if shapes == [found.value(n).shape for n in part.operands]:
        yield TapeSlip(key, values, {part.out: _share(found, part, alteration)})
        return
    # What has another shape goes nowhere further: it is returned as it is, or the code ends.
    other = [
        n for n, shape in zip(part.operands, shapes, strict=True) if shape != found.value(n).shape
    ]
    if all(found.tape.wires[n].leaf for n in other):

        def changed(gradients: Gradients) -> Gradients:
            now = _step(found, part, found.signals[part.out], "")
            given = dict(zip(part.operands, part.written.back(alteration(now)), strict=True))
            return {
                str(found.tape.wires[n].leaf): array
                for n, array in given.items()
                if n in other and array is not None
            }

        yield TapeSlip(key, values, leaves=changed)


def _step(found: TapePass, part: ImagePart, dy: Array, called: str) -> AlteredStep:
    return part.written.step([found.value(n) for n in part.operands], dy, called)


def _share(found: TapePass, part: ImagePart, alteration: Alteration) -> Share:
    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = part.written.back(alteration(_step(found, part, dy, "")))
        return {
            number: array
            for number, array in zip(part.operands, given, strict=True)
            if array is not None
        }

    return share


def _of_other_inputs(found: TapePass, part: ImagePart) -> Iterator[TapeSlip]:
    """∂C/∂w made with another array than the one that went in."""
    source, *rest = part.operands
    before = {one.source: one for one in found.parts.functions if one.out == source}
    for other in named_wires(found, found.value(source).shape, {source, part.out}):
        key, more = MistakeKind.WRONG_CACHE, {"other": found.parts.called(other.number)}
        if other.number in before:
            key, more = MistakeKind.WEIGHT_FROM_Z, {"before": found.parts.called(source)}

        def share(
            dy: Array, _: Mapping[int, Array], other: Array = other.value
        ) -> Mapping[int, Array]:
            right = found.tape.shares(found.tape.wires[part.out], dy)
            values = [other, *(found.value(n) for n in rest)]
            step = part.written.step(values, dy, "")
            weight = part.written.back((step.dx, step.gradients))[1]
            return right if weight is None else {**right, rest[0]: weight}

        yield TapeSlip(key, {"where": found.parts.called(part.out), **more}, {part.out: share})


def _of_borders(found: TapePass) -> Iterator[TapeSlip]:
    """A border that is taken off at another place, or not at all."""
    for wire in found.tape.order:
        if wire.operation is None or wire.operation.name != "pad" or wire.value.ndim < 2:
            continue
        (source,) = wire.sources
        size, leaf = found.value(source).shape, found.tape.wires[source].leaf
        where = {"where": found.parts.called(source)}
        for cuts in (tuple(map(slice, size)), tuple(slice(-n, None) for n in size)):

            def share(
                dy: Array,
                _: Mapping[int, Array],
                cuts: tuple[slice, ...] = cuts,
                source: int = source,
            ) -> Mapping[int, Array]:
                return {source: dy[cuts]}

            yield TapeSlip(MistakeKind.BORDER_KEPT, where, {wire.number: share})
        if leaf is not None and wire.number in found.signals:

            def whole(_: Gradients, leaf: str = leaf, number: int = wire.number) -> Gradients:
                return {leaf: found.signals[number]}

            yield TapeSlip(MistakeKind.BORDER_KEPT, where, leaves=whole)


def _of_flat(found: TapePass) -> Iterator[TapeSlip]:
    """Images that were made rows are read back with their axes in another order."""
    tape = found.tape
    for wire in tape.order:
        source = _image_before(found, wire.number)
        if source is None or wire.number not in found.signals:
            continue
        shape = found.value(source).shape
        where = {"where": found.parts.called(source)}
        orders = [(0, *one) for one in permutations(range(1, len(shape)))]
        orders.append(tuple(reversed(range(len(shape)))))
        for order in orders:
            lengths = [shape[axis] for axis in order]
            back = [order.index(axis) for axis in range(len(shape))]

            def share(
                dy: Array,
                _: Mapping[int, Array],
                lengths: list[int] = lengths,
                back: list[int] = back,
                source: int = source,
            ) -> Mapping[int, Array]:
                laid = dy.T if back[0] else dy
                return {source: laid.reshape(lengths).transpose(back)}

            yield TapeSlip(MistakeKind.RESHAPE_ORDER, where, {wire.number: share})


def _image_before(found: TapePass, number: int) -> int | None:
    """The wire of the images (N, ·, ·) or (N, ·, ·, ·) that a wire of rows (N, ·) has the numbers
    of, moved and read again; None where it is no such wire."""
    tape = found.tape
    wire, rows = tape.wires[number], found.value(number)
    if rows.ndim != 2:
        return None
    while wire.operation is not None and wire.operation.family is Family.MOVEMENT:
        if len(wire.sources) != 1 or found.value(wire.sources[0]).size != rows.size:
            break
        wire = tape.wires[wire.sources[0]]
    images = wire.value
    same = images.ndim > 2 and images.shape[0] == rows.shape[0]
    return wire.number if same and np.prod(images.shape[1:]) == rows.shape[1] else None
