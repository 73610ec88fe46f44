"""Mistakes where the heads of an attention are cut apart and put side by side."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.attention_parts import AttentionPart
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Wire
from clearprop.checking.verdict.mistakes import MistakeKind


def of_heads(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Heads that were moved beside the features are cut apart as if they had stood there, and the
    other way round: of q, k and v, of some of them, and of what they found."""
    key, values = MistakeKind.HEADS_ORDER, {"where": part.called}
    shares = {
        role: _reordered(found, [*_moved_before(found, number)])
        for role, number in part.operands.items()
    }
    for count in range(len(shares), 0, -1):
        for roles in combinations(shares, count):
            chosen = {n: made for role in roles for n, made in shares[role].items()}
            if chosen:
                yield TapeSlip(key, values, chosen)
    behind = _reordered(found, [*_moved_behind(found, part.mixed.number)])
    if behind:
        yield TapeSlip(key, values, behind)
        before = {n: made for one in shares.values() for n, made in one.items()}
        if before:
            yield TapeSlip(key, values, {**before, **behind})


def _moved_before(found: TapePass, number: int) -> Iterator[Wire]:
    wire = found.tape.wires[number]
    while wire.operation is not None and wire.operation.family is not Family.PRODUCT:
        ways = [one for one in wire.sources if found.value(one).size >= wire.value.size]
        if wire.operation.family is Family.MOVEMENT and len(wire.sources) == 1:
            yield wire
        if len(ways) != 1:
            return
        wire = found.tape.wires[ways[0]]


def _moved_behind(found: TapePass, number: int) -> Iterator[Wire]:
    while True:
        takers = [found.tape.wires[n] for n in found.tape.takers[number]]
        moved = [
            wire
            for wire in takers
            if wire.operation is not None and wire.operation.family is Family.MOVEMENT
        ]
        if len(moved) != 1:
            return
        yield moved[0]
        number = moved[0].number


def _reordered(found: TapePass, wires: Sequence[Wire]) -> dict[int, Share]:
    """What a row of movements gives back to whoever reshapes where axes have to be moved, or moves
    axes where it is only reshaped; nothing where the two are the same."""
    for made in (_reshaped, _axes_moved):
        shares = {n: one for wire in wires for n, one in made(found, wire).items()}
        if shares:
            return shares
    return {}


def _reshaped(found: TapePass, wire: Wire) -> dict[int, Share]:
    """Of a wire whose heads were moved, or put side by side, ∂C/∂(it) reshaped."""
    if len(wire.sources) > 1:
        return _cut_apart(found, wire)
    (source,) = wire.sources
    own, value = found.value(source), wire.value
    same = sorted(own.shape) == sorted(value.shape) and own.shape != value.shape
    # A matrix that is turned round has no head moved.
    if not same or own.ndim < 3 or np.array_equal(own.swapaxes(-1, -2), value):
        return {}
    return {wire.number: lambda dy, _: {source: dy.reshape(own.shape)}}


def _axes_moved(found: TapePass, wire: Wire) -> dict[int, Share]:
    """Of a wire that was only reshaped, ∂C/∂(it) with positions and heads exchanged."""
    if len(wire.sources) > 1:
        return {}
    (source,) = wire.sources
    own, value = found.value(source), wire.value
    if not np.array_equal(own.ravel(), value.ravel()):
        return {}
    if value.ndim == own.ndim + 1 > 2:
        return {wire.number: lambda dy, _: {source: dy.swapaxes(-2, -3).reshape(own.shape)}}
    if own.ndim == value.ndim + 1 > 2:
        turned = own.swapaxes(-2, -3).shape
        return {wire.number: lambda dy, _: {source: dy.reshape(turned).swapaxes(-2, -3)}}
    return {}


def _cut_apart(found: TapePass, wire: Wire) -> dict[int, Share]:
    """Of heads that were put side by side: as if they had stood below one another."""
    shapes = {found.value(one).shape for one in wire.sources}
    if len(shapes) != 1 or len({*wire.sources}) != len(wire.sources):
        return {}
    (shape,) = shapes
    if wire.value.size != len(wire.sources) * int(np.prod(shape)):
        return {}

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        pieces = dy.reshape(len(wire.sources), *shape)
        return dict(zip(wire.sources, pieces, strict=True))

    return {wire.number: share}
