"""Mistakes in one line of a loop over time, made in every round: a use that gives nothing back,
another number in a product, another signal, the weight as it is where its transpose belongs.

Unlike what `loop_slips` knows of states and gates, they ask nothing of the cell: any line of it may
be the one that is wrong. A state that the loop was given, as h₀, is met in the first round like
every other, and its gradient tells of the mistake too.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.gate_slips import is_by_weight
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.along_tape.time_loops import TimeLoop
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Wire
from clearprop.checking.verdict.mistakes import MistakeKind

PRODUCTS = ("multiply",)


def of_every_round(found: TapePass) -> Iterator[TapeSlip]:
    """Of every loop over time one line wrong at every time."""
    for loop in found.parts.loops:
        yield from _of_lines(found, loop)


def _of_lines(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    lines = [role for role in range(loop.period) if loop.wire(role, 1).number in found.tape.used]
    for role in lines:
        yield from _of_weights(found, loop, role)
    for role in lines:
        yield from _of_uses(found, loop, role)
    yield from _of_all_products(found, loop)
    for role in lines:
        yield from _of_cuts(found, loop, role)
    for role in lines:
        yield from _of_numbers(found, loop, role, lines)
    for role in lines:
        yield from _of_signals(found, loop, role)


def meeting(found: TapePass, wire: Wire, place: int, value: Array) -> Share:
    """The product's share of the other operand, had the one at `place` this value."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given, values = found.tape.shares(wire, dy), found.tape.values(wire)
        values[place] = value
        other = wire.operands[1 - place]
        wrong = found.tape.share(wire, dy, 1 - place, values)
        return given if wrong is None or not isinstance(other, int) else {**given, other: wrong}

    return share


def _rounds(loop: TimeLoop, role: int) -> Iterator[Wire]:
    return (loop.wire(role, time) for time in range(loop.count))


def _called(found: TapePass, loop: TimeLoop, number: int) -> str:
    """A part by its name; what is no part is somewhere in the loop."""
    name = found.parts.called(number)
    return name if "(" in name else loop.called


def _is_product(wire: Wire) -> bool:
    operation = wire.operation
    return operation is not None and (
        operation.name in PRODUCTS or operation.family is Family.PRODUCT
    )


def _in_all(
    loop: TimeLoop, role: int, place: int, made: Callable[[Wire, int], Share]
) -> dict[int, Share]:
    """A share for every round in which something comes back to what stands at that place."""
    return {
        wire.number: made(wire, source)
        for wire in _rounds(loop, role)
        for source in [wire.operands[place]]
        if isinstance(source, int)
    }


def _of_weights(found: TapePass, loop: TimeLoop, role: int) -> Iterator[TapeSlip]:
    """A square weight as it is on the way back."""
    wire = loop.wire(role, 1)
    if wire.operation is None or wire.operation.family is not Family.PRODUCT:
        return
    if len(wire.operands) != 2:
        return
    for place, source in enumerate(wire.operands):
        leaf = found.parts.leaf_of(source) if isinstance(source, int) else None
        if leaf is None or leaf in found.parts.data:
            continue
        weight = found.tape.values(wire)[place]
        if any(one.operands[place] != source for one in _rounds(loop, role)):
            continue
        if weight.ndim != 2 or weight.shape[0] != weight.shape[1]:
            continue

        def made(one: Wire, _: int, place: int = place, turned: Array = weight.T) -> Share:
            return meeting(found, one, place, turned)

        shares = _in_all(loop, role, 1 - place, made)
        values = {"where": found.parts.called(wire.number)}
        yield TapeSlip(MistakeKind.WEIGHT_NOT_TRANSPOSED, values, shares)


def _of_uses(found: TapePass, loop: TimeLoop, role: int) -> Iterator[TapeSlip]:
    """One use of what is used several times gives nothing back."""
    wire = loop.wire(role, 1)
    for place, source in enumerate(wire.operands):
        if not isinstance(source, int) or wire.value.dtype.kind != "f":
            continue
        if len({*found.tape.takers.get(source, ())}) < 2 or found.parts.leaf_of(source):
            continue
        values = {"where": _called(found, loop, source)}
        shares = _in_all(loop, role, place, partial(_silent, found))
        yield TapeSlip(MistakeKind.PATH_FORGOTTEN, values, shares)


def _of_all_products(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """Nothing comes back to a state through any product with weights that takes it, as through the
    gates; what comes back past them and through a reset gate does."""
    for state in loop.states:
        before = loop.wire(state, 0).number
        places = [
            (role, place)
            for role in range(loop.period)
            for place, operand in enumerate(loop.wire(role, 1).operands)
            if isinstance(operand, int) and operand == before
        ]
        products = [one for one in places if is_by_weight(found, loop.wire(one[0], 1))]
        if 1 < len(products) < len(places):
            shares = {
                number: share
                for role, place in products
                for number, share in _in_all(loop, role, place, partial(_silent, found)).items()
            }
            values = {"where": _called(found, loop, before)}
            yield TapeSlip(MistakeKind.PATH_FORGOTTEN, values, shares)


def _of_cuts(found: TapePass, loop: TimeLoop, role: int) -> Iterator[TapeSlip]:
    """What was put together of two parts is cut as if they stood the other way round."""
    wire = loop.wire(role, 1)
    if wire.operation is None or wire.operation.family is not Family.MOVEMENT:
        return
    shapes = [found.value(one).shape for one in wire.sources]
    every = [
        one
        for one in _rounds(loop, role)
        if len({*one.sources}) == 2 and [found.value(n).shape for n in one.sources] == shapes
    ]
    if wire not in every:
        return
    whole = wire.value.shape
    for axis in range(wire.value.ndim):
        if any(len(one) != len(whole) for one in shapes) or whole[axis] != sum(
            one[axis] for one in shapes
        ):
            continue
        shares = {one.number: _cut_elsewhere(found, one, axis) for one in every}
        where, other = (_called(found, loop, one) for one in wire.sources)
        yield TapeSlip(MistakeKind.WRONG_SIGNAL, {"where": where, "other": other}, shares)


def _cut_elsewhere(found: TapePass, wire: Wire, axis: int) -> Share:
    first, second = wire.sources
    at = found.value(second).shape[axis]

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        of_second, of_first = np.split(dy, [at], axis)
        return {first: of_first, second: of_second}

    return share


def _silent(found: TapePass, wire: Wire, source: int) -> Share:
    """It gives nothing back to that source."""
    return lambda dy, _: {n: one for n, one in found.tape.shares(wire, dy).items() if n != source}


def _of_numbers(found: TapePass, loop: TimeLoop, role: int, lines: list[int]) -> Iterator[TapeSlip]:
    """A product meets another number of the same round, or the state that the round was given."""
    wire = loop.wire(role, 1)
    if not _is_product(wire) or len(wire.operands) != 2:
        return
    for place, operand in enumerate(wire.operands):
        other = wire.operands[1 - place]
        if not isinstance(other, int):
            continue
        if isinstance(operand, int) and found.parts.leaf_of(operand):
            continue
        own = found.tape.values(wire)[place]
        for said, values in _numbers_at_hand(found, loop, own, lines):
            rounds = [*zip(_rounds(loop, role), values, strict=True)]
            # The rounds of a loop over layers may differ in what they take.
            if any(found.tape.values(one)[place].shape != value.shape for one, value in rounds):
                continue
            shares = {one.number: meeting(found, one, place, value) for one, value in rounds}
            where = {"where": _called(found, loop, wire.number), "other": said}
            yield TapeSlip(MistakeKind.WRONG_CACHE, where, shares)


def _numbers_at_hand(
    found: TapePass, loop: TimeLoop, own: Array, lines: list[int]
) -> Iterator[tuple[str, list[Array]]]:
    """What else of that shape a round has, by time, with what it is called; each number once."""
    seen = [own]
    for role in lines:
        each = [wire.value for wire in _rounds(loop, role)]
        first = loop.start(role)
        for values in (each, [each[0] if first is None else first, *each[:-1]]):
            if values is not each and role not in loop.states:
                continue
            at = values[1]
            if at.shape != own.shape or at.dtype.kind != "f" or values[0].shape != own.shape:
                continue
            if any(np.array_equal(at, one) for one in seen):
                continue
            seen.append(at)
            yield _called(found, loop, loop.wire(role, 1).number), values


def _of_signals(found: TapePass, loop: TimeLoop, role: int) -> Iterator[TapeSlip]:
    """A product hands on what came to another number of the round: to the state that a cell is
    squashed into, or to what the sum that it is part of is put through."""
    wire = loop.wire(role, 1)
    if not _is_product(wire) or len(wire.operands) != 2:
        return
    ends = {loop.role_of(one.out): one for one in found.parts.functions if one.out in loop}
    others = [*loop.states, *ends]
    for place, operand in enumerate(wire.operands):
        if not isinstance(operand, int) or found.parts.leaf_of(operand):
            continue
        for other in dict.fromkeys(others):
            there = loop.wire(other, 1)
            behind = other > role and there.value.shape == wire.value.shape
            if not behind or other == role:
                continue

            def made(one: Wire, source: int, other: int = other) -> Share:
                there = loop.wire(other, loop.time_of(one.number)).number

                def share(dy: Array, signals: Mapping[int, Array]) -> Mapping[int, Array]:
                    given = found.tape.shares(one, dy)
                    wrong = found.tape.shares(one, signals[there]).get(source)
                    return given if wrong is None else {**given, source: wrong}

                return share

            shares = _in_all(loop, role, place, made)
            is_product = wire.operation is not None and wire.operation.family is Family.PRODUCT
            key = MistakeKind.SLOPE_ON_THE_WAY if is_product else MistakeKind.WRONG_SIGNAL
            values = {"where": loop.called, "other": _called(found, loop, there.number)}
            yield TapeSlip(key, values, shares)
