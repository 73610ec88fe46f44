"""Mistakes at attention: at the softmax of scores between positions, at the products around it, at
the scale before it, and where heads are put side by side."""

from collections.abc import Iterator, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import SoftmaxPart
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Signal, Wire
from clearprop.checking.verdict.mistakes import MistakeKind


def of_attention(found: TapePass) -> Iterator[TapeSlip]:
    """At every softmax whose shares go into a product with what is no parameter."""
    parts = [part for part in found.parts.shares if not part.is_log and _weighs(found, part)]
    for part in parts:
        yield from _of_rows(found, part)
        yield from _of_scale(found, part)
    if parts:
        yield from _of_products(found)
        yield from _of_heads(found)


def _weighs(found: TapePass, part: SoftmaxPart) -> bool:
    """Whether the shares are the weights of a mean: a product of two wires that no parameter is."""
    reached = {part.out}
    for wire in found.tape.order:
        if not reached & {*wire.sources}:
            continue
        if _is_product(found, wire):
            return True
        if wire.operation is not None and wire.operation.family is not Family.PRODUCT:
            reached.add(wire.number)
    return False


def _is_product(found: TapePass, wire: Wire) -> bool:
    if wire.operation is None or wire.operation.family is not Family.PRODUCT:
        return False
    leaves = [found.parts.leaf_of(source) for source in wire.sources]
    return len(wire.operands) == 2 and leaves == [None, None]


def _of_rows(found: TapePass, part: SoftmaxPart) -> Iterator[TapeSlip]:
    """The softmax's sum over the other axis, and shares of a softmax that nothing was masked of."""
    p, axis = part.p, part.axis
    where = {"where": f"Softmax({found.parts.called(part.source)})"}

    def slip(key: MistakeKind, made: Signal) -> TapeSlip:
        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            return {part.source: made(dy)}

        return TapeSlip(key, where, {part.out: share})

    other = p.ndim - 1 if axis == p.ndim - 2 else p.ndim - 2
    if p.ndim > 1:
        yield slip(
            MistakeKind.ATTENTION_COLUMNS,
            lambda dy: p * (dy - (dy * p).sum(other, keepdims=True)),
        )
    kept = p > 0
    if kept.all():
        return
    scores = found.value(part.source)
    whole = np.exp(scores - scores.max(axis, keepdims=True))
    whole = whole / whole.sum(axis, keepdims=True)
    for before in (np.ones_like(p), kept * 1.0):
        for after in (np.ones_like(p), kept * 1.0):

            def made(dy: Array, before: Array = before, after: Array = after) -> Array:
                masked = dy * before
                jacobian = masked - (masked * whole).sum(axis, keepdims=True)
                changed: Array = after * whole * jacobian
                return changed

            yield slip(MistakeKind.ATTENTION_MASK, made)

    def unmasked(dy: Array) -> Array:
        changed: Array = p * (dy - (dy * whole).sum(axis, keepdims=True))
        return changed

    yield slip(MistakeKind.ATTENTION_MASK, unmasked)


def _of_scale(found: TapePass, part: SoftmaxPart) -> Iterator[TapeSlip]:
    """The factor before the softmax left out on the way back, or taken twice."""
    tape = found.tape
    for wire in tape.order:
        if wire.number > part.source or part.source not in _behind(found, wire.number):
            continue
        operation = wire.operation
        if operation is None or operation.name not in ("multiply", "divide"):
            continue
        if len(wire.sources) != 1:
            continue
        (source,) = wire.sources
        factor = tape.shares(wire, np.ones(wire.value.shape)).get(source)
        if factor is None or factor.shape != wire.value.shape or np.ptp(factor) > 0:
            continue
        number = float(factor.flat[0])
        if number in (0.0, 1.0):
            continue
        values = {"where": found.parts.called(part.source), "factor": number}
        for key, power in (
            (MistakeKind.ATTENTION_SCALE_MISSING, 0),
            (MistakeKind.ATTENTION_SCALE_TWICE, 2),
        ):

            def share(
                dy: Array,
                _: Mapping[int, Array],
                source: int = source,
                scale: float = number**power,
            ) -> Mapping[int, Array]:
                return {source: dy * scale}

            yield TapeSlip(key, values, {wire.number: share})


def _behind(found: TapePass, number: int) -> frozenset[int]:
    """What is made of a wire, the wire itself too."""
    reached = {number}
    for wire in found.tape.order:
        if reached & {*wire.sources}:
            reached.add(wire.number)
    return frozenset(reached)


def _of_products(found: TapePass) -> Iterator[TapeSlip]:
    """Rows for columns: of a square matrix of scores or of their signals its transpose."""
    tape = found.tape
    for wire in tape.order:
        if not _is_product(found, wire):
            continue
        values = tape.values(wire)
        where = {"where": ", ".join(found.parts.called(source) for source in wire.sources)}
        for place in (0, 1):
            if _is_square(wire.value):
                yield TapeSlip(
                    MistakeKind.ATTENTION_ROWS, where, {wire.number: _share(found, wire, place)}
                )
            if _is_square(values[1 - place]):
                turned = list(values)
                turned[1 - place] = values[1 - place].swapaxes(-1, -2)
                yield TapeSlip(
                    MistakeKind.ATTENTION_ROWS,
                    where,
                    {wire.number: _share(found, wire, place, turned)},
                )


def _is_square(value: Array) -> bool:
    return value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1


def _share(found: TapePass, wire: Wire, place: int, values: list[Array] | None = None) -> Share:
    """The product's share of one operand, of a signal that is turned or of other values."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = found.tape.shares(wire, dy)
        signal = dy.swapaxes(-1, -2) if values is None else dy
        own = found.tape.values(wire) if values is None else values
        wrong = found.tape.share(wire, signal, place, own)
        return given if wrong is None else {**given, wire.sources[place]: wrong}

    return share


def _of_heads(found: TapePass) -> Iterator[TapeSlip]:
    """Heads that were moved beside the features are cut apart as if they had stood there."""
    for wire in found.tape.order:
        operation = wire.operation
        if operation is None or operation.family is not Family.MOVEMENT or len(wire.sources) != 1:
            continue
        (source,) = wire.sources
        shape = found.value(source).shape
        same = sorted(shape) == sorted(wire.value.shape)
        if len(shape) < 3 or not same or shape == wire.value.shape:
            continue

        def share(
            dy: Array, _: Mapping[int, Array], source: int = source, shape: tuple[int, ...] = shape
        ) -> Mapping[int, Array]:
            return {source: dy.reshape(shape)}

        where = {"where": found.parts.called(source)}
        yield TapeSlip(MistakeKind.HEADS_ORDER, where, {wire.number: share})
