"""Mistakes in a backward pass through a loop over time, whatever the loop is part of: the same
thing left out, or put in the place of another, in every round."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.gate_slips import (
    is_by_weight,
    leads_to_weights,
    meets_weights,
    of_gates,
    through,
)
from clearprop.checking.diagnosis.along_tape.repeated_slips import in_all_at_once
from clearprop.checking.diagnosis.along_tape.round_slips import meeting
from clearprop.checking.diagnosis.along_tape.tape_pass import Gradients, TapePass, TapeSlip
from clearprop.checking.diagnosis.along_tape.time_loops import TimeLoop
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Signal, Wire
from clearprop.checking.verdict.mistakes import MistakeKind

Shares = dict[int, Share]


def of_loops(found: TapePass) -> Iterator[TapeSlip]:
    """At every loop over time; of several, as of two directions, in all at once too."""
    loops = found.parts.loops
    each = [[*_of_one(found, loop)] for loop in loops]
    yield from in_all_at_once(each)
    for own in each:
        yield from own
    if loops:
        yield from _of_directions(found)


def _of_one(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    yield from _of_carrying(found, loop)
    yield from _of_times(found, loop)
    yield from _of_states_after(found, loop)
    yield from of_gates(found, loop)
    yield from _of_lengths(found, loop)


# What goes from round to round


def _of_carrying(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """What comes back to a state from the round behind it left out, or without its gate."""
    where = {"where": loop.called}
    hidden = [role for role in loop.states if meets_weights(found, loop, role)]
    cells = [role for role in loop.states if role not in hidden]

    def takers(role: int, first: int | None) -> list[tuple[Wire, int]]:
        """The wires of every round that take the state of the round before, and its number."""
        return [
            (found.tape.wires[number], state)
            for time in range(loop.count)
            for state in [loop.before(role, time) if time else first]
            if state is not None
            for number in dict.fromkeys(found.tape.takers.get(state, ()))
            if loop.time_of(number) == time
        ]

    of_hidden = [one for role in hidden for one in takers(role, loop.early.get(role))]
    of_cells = [one for role in cells for one in takers(role, loop.early.get(role))]
    if of_hidden:
        yield TapeSlip(MistakeKind.TIME_STOPS, where, _silent(found, of_hidden))
    if of_cells:
        both = _silent(found, [*of_hidden, *of_cells])
        yield TapeSlip(MistakeKind.TIME_STOPS, where, both)
        yield TapeSlip(MistakeKind.CELL_FORGOTTEN, where, _silent(found, of_cells))
        # The first cell may be the function's own, with a gradient that lacks the gate too.
        from_start = [one for role in cells for one in takers(role, loop.starts.get(role))]
        for every in (of_cells, from_start):
            gated = [one for one in every if _is_product_of_two(one[0])]
            if gated:
                yield TapeSlip(MistakeKind.CELL_GATE_MISSING, where, _whole(found, gated))
    past = [one for one in of_hidden if not leads_to_weights(found, loop, one[0].number)]
    if past and len(past) < len(of_hidden) and not cells:
        yield TapeSlip(MistakeKind.STATE_KEPT_MISSING, where, _silent(found, past))
        for role in {loop.role_of(wire.number) for wire, _ in past}:
            own = [one for one in past if loop.role_of(one[0].number) == role]
            if len(own) < len(past):
                yield TapeSlip(MistakeKind.STATE_KEPT_MISSING, where, _silent(found, own))
    before = [
        one
        for one in of_hidden
        if _is_product_of_two(one[0]) and leads_to_weights(found, loop, one[0].number)
    ]
    behind = [*_reset_behind(found, loop, hidden)]
    for reset in (before, behind):
        if reset:
            yield TapeSlip(MistakeKind.RESET_MISSING, where, _whole(found, reset))


def _reset_behind(
    found: TapePass, loop: TimeLoop, hidden: Sequence[int]
) -> Iterator[tuple[Wire, int]]:
    """Where a product of the state with weights is multiplied by a gate: r ⊙ (h·U)."""
    of_state: set[int] = set()
    for time in range(1, loop.count):
        states = {loop.wire(role, time - 1).number for role in hidden}
        for role in range(loop.period):
            wire = loop.wire(role, time)
            if is_by_weight(found, wire) and states & {*wire.sources}:
                of_state.add(role)
    for role in sorted(of_state):
        current = {role}
        for other in range(role + 1, loop.period):
            wire = loop.wire(other, loop.count - 1)
            sources = {loop.role_of(one) for one in wire.sources if one in loop}
            if not current & sources or wire.operation is None:
                continue
            if _is_product_of_two(wire) and current & sources:
                for time in range(loop.count):
                    own = loop.wire(other, time)
                    given = [n for n in own.sources if n in loop and loop.role_of(n) in current]
                    yield from ((own, n) for n in given[:1])
                break
            is_bias = wire.operation.name == "add" and any(
                found.parts.leaf_of(one) for one in wire.sources
            )
            if wire.operation.family is not Family.MOVEMENT and not is_bias:
                break
            current.add(other)


def _is_product_of_two(wire: Wire) -> bool:
    return (
        wire.operation is not None
        and wire.operation.name == "multiply"
        and len({*wire.sources}) == 2
    )


def _silent(found: TapePass, pairs: Sequence[tuple[Wire, int]]) -> Shares:
    """Wires that give nothing back to one of theirs."""
    gone: dict[int, set[int]] = {}
    for wire, source in pairs:
        gone.setdefault(wire.number, set()).add(source)

    def share_of(wire: Wire, sources: set[int]) -> Share:
        return lambda dy, _: {
            n: one for n, one in found.tape.shares(wire, dy).items() if n not in sources
        }

    return {n: share_of(found.tape.wires[n], sources) for n, sources in gone.items()}


def _whole(found: TapePass, pairs: Sequence[tuple[Wire, int]]) -> Shares:
    """Wires that give all of ∂C/∂(them) to one of theirs."""

    def share_of(wire: Wire, source: int) -> Share:
        return lambda dy, _: {**found.tape.shares(wire, dy), source: dy}

    return {wire.number: share_of(wire, source) for wire, source in pairs}


# Times that are left out


def _of_times(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """The first time left out; and one time's gradients of the weights alone."""
    nothing: Signal = np.zeros_like
    ends: dict[int, Signal] = {loop.wire(role, 0).number: nothing for role in loop.states}
    if loop.early:
        ends = dict.fromkeys(loop.early.values(), nothing)
    named = {name: uses for name, uses in loop.weights.items() if name not in found.parts.data}
    cut = {"where": loop.called, "count": 1}
    first = [pair for name in named for pair in _uses_at(found, loop, name, 0)]
    yield TapeSlip(MistakeKind.TIME_CUT, cut, signals=ends)
    yield TapeSlip(MistakeKind.TIME_CUT, cut, _silent(found, first), ends)
    if loop.starts and not loop.early:
        yield TapeSlip(MistakeKind.TIME_CUT, cut, _handed_back_early(found, loop))
    tables = {name for name in named if _is_table(found, loop, name)}
    core = {name for name in named if name not in tables and _reaches_state(found, loop, name)}
    groups = [[*named], [n for n in named if n not in tables], [n for n in named if n in core]]
    groups += [[name] for name in named]
    for group in {tuple(one): None for one in groups if one}:
        count = len(loop.weights[group[0]][0].takers)
        for index in (0, count - 1):
            others = [
                pair
                for name in group
                for time in range(count)
                if time != index
                for pair in _uses_at(found, loop, name, time)
            ]
            values = {"where": f"time({', '.join(group)})", "index": index}
            yield TapeSlip(MistakeKind.ONE_TIME, values, _silent(found, others))


def _handed_back_early(found: TapePass, loop: TimeLoop) -> Shares:
    """Nothing of the first round, whose states' gradients are given for those of the states that
    the loop was given."""
    of_first = {loop.wire(role, 0).number for role in range(loop.period)} & {*found.tape.used}
    shares: Shares = dict.fromkeys(of_first, lambda _dy, _signals: {})
    for role, start in loop.starts.items():
        shares[loop.wire(role, 0).number] = through(start)
    return shares


def _uses_at(found: TapePass, loop: TimeLoop, name: str, time: int) -> Iterator[tuple[Wire, int]]:
    for use in loop.weights[name]:
        yield from ((found.tape.wires[taker], use.wire) for taker in use.takers[time])


def _is_table(found: TapePass, loop: TimeLoop, name: str) -> bool:
    """Whether its rows are chosen."""
    wires = [found.tape.wires[n] for use in loop.weights[name] for n in use.takers[0]]
    return all(one.operation is not None and one.operation.chosen is not None for one in wires)


def _reaches_state(found: TapePass, loop: TimeLoop, name: str) -> bool:
    takers = [n for use in loop.weights[name] for n in use.takers[0]]
    states = [loop.wire(role, 0).number for role in loop.states]
    return any(found.tape.between(state, takers) for state in states)


# The state after the step


def _of_states_after(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """hₜ where hₜ₋₁ was met: in the gradients of the weights, in those of gates, and in slopes."""
    key = MistakeKind.STATE_AFTER
    by_weights, by_gates = Shares(), list[Shares]()
    each = list[Shares]()
    for role in range(loop.period):
        wire = loop.wire(role, 1)
        if wire.number not in found.tape.used:
            continue
        for place, source in enumerate(wire.operands):
            after = _after(found, loop, role, place) if isinstance(source, int) else None
            if after is None or len(wire.operands) != 2:
                continue
            shares = {
                loop.wire(role, time).number: meeting(found, loop.wire(role, time), place, value)
                for time, value in enumerate(after)
            }
            if is_by_weight(found, wire):
                by_weights |= shares
                each.append(shares)
            elif _is_product_of_two(wire):
                by_gates.append(shares)
    every = [by_weights, *(each if len(each) > 1 else ()), *by_gates]
    if by_weights and by_gates:
        every.append({n: made for one in (by_weights, *by_gates) for n, made in one.items()})
    for shares in every:
        if shares:
            yield TapeSlip(key, {"where": loop.called}, shares)


def _after(found: TapePass, loop: TimeLoop, role: int, place: int) -> list[Array] | None:
    """By round, what stood at that place with the state after the round; None where no state of
    the round before is there."""
    operand = loop.wire(role, 1).operands[place]
    if not isinstance(operand, int):
        return None
    states = {loop.wire(one, 0).number: one for one in loop.states}
    if operand in states:
        return [loop.wire(states[operand], time).value for time in range(loop.count)]
    wire = found.tape.wires[operand]
    inner = [(n, one) for n, one in enumerate(wire.operands) if isinstance(one, int)]
    met = [(n, states[one]) for n, one in inner if one in states]
    if operand not in loop or len(met) != 1 or wire.operation is None:
        return None
    if wire.operation.family is not Family.MOVEMENT and wire.operation.name != "multiply":
        return None
    ((at, state),) = met
    values = []
    for time in range(loop.count):
        own = loop.wire(loop.role_of(operand), time)
        if own.operation is None:
            return None
        given = found.tape.values(own)
        given[at] = loop.wire(state, time).value
        values.append(own.operation.apply(given))
    return values


# Lengths, and two directions


def _of_lengths(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """Sequences of several lengths whose ends the way back does not heed."""
    fresh, kept = Shares(), list[tuple[Wire, int]]()
    for role in range(loop.period):
        every = [loop.wire(role, time) for time in range(loop.count)]
        if not _is_masked(found, every):
            continue
        for time, wire in enumerate(every):
            old = {loop.before(one, time) for one in loop.states}
            for source in {*wire.sources}:
                if source in old or (time == 0 and source not in loop):
                    kept.append((wire, source))
                else:
                    fresh[wire.number] = _all_of_it(found, wire, source)
    values = {"where": loop.called}
    if fresh:
        yield TapeSlip(MistakeKind.LENGTHS_IGNORED, values, fresh)
        alone = _silent(found, [pair for pair in kept if pair[0].number not in fresh])
        new = {n: _only(share) for n, share in fresh.items()}
        yield TapeSlip(MistakeKind.LENGTHS_IGNORED, values, {**alone, **new})


def _is_masked(found: TapePass, every: Sequence[Wire]) -> bool:
    """Whether every wire chooses by 0 and 1, and not always the same."""
    values: set[float] = set()
    for wire in every:
        if wire.operation is None or wire.operation.name not in ("where", "multiply"):
            return False
        if wire.number not in found.tape.used:
            return False
        patterns = [one for one in wire.operands if not isinstance(one, int)]
        if not patterns or patterns[0].size < 2:
            return False
        values |= {float(one) for one in np.unique(patterns[0] * 1.0)}
    return values == {0.0, 1.0}


def _all_of_it(found: TapePass, wire: Wire, source: int) -> Share:
    return lambda dy, _: {**found.tape.shares(wire, dy), source: dy}


def _only(share: Share) -> Share:
    """The largest part of a share, without what goes elsewhere."""
    return lambda dy, signals: {n: one for n, one in share(dy, signals).items() if one is dy}


def _of_directions(found: TapePass) -> Iterator[TapeSlip]:
    """Times that were turned round, and are not turned back; each by itself, and all of them."""
    every: Shares = {}
    yield from _of_gradients_in_reverse(found)
    key = MistakeKind.DIRECTION_ORDER
    for wire in found.tape.order:
        share = _unturned(found, wire)
        if share is not None:
            every[wire.number] = share
            yield TapeSlip(key, {"where": found.parts.called(wire.number)}, {wire.number: share})
    if len(every) > 1:
        yield TapeSlip(key, {"where": "…"}, every)


def _of_gradients_in_reverse(found: TapePass) -> Iterator[TapeSlip]:
    """The gradient of a sequence as a loop from the last time to the first collects it."""
    counts = {loop.count for loop in found.parts.loops} | {
        loop.count + 1 for loop in found.parts.loops if loop.early
    }
    for name in found.asked & {*found.right}:
        right = found.right[name]
        for axis in range(min(right.ndim, 2)):
            if right.shape[axis] in counts:
                values = {"where": f"∂C/∂{name}"}
                yield TapeSlip(
                    MistakeKind.DIRECTION_ORDER, values, leaves=partial(_reversed, name, axis)
                )


def _reversed(name: str, axis: int, gradients: Gradients) -> Gradients:
    return {name: np.flip(gradients[name], axis)}


def _unturned(found: TapePass, wire: Wire) -> Share | None:
    if wire.operation is None or wire.operation.family is not Family.MOVEMENT:
        return None
    if len({*wire.sources}) > 1:
        # States that were put together from the last to the first.
        shapes = {found.value(one).shape for one in wire.sources}
        if len(shapes) > 1 or [*wire.sources] != sorted(wire.sources, reverse=True):
            return None
        back = dict(zip(wire.sources, wire.sources[::-1], strict=True))
        return lambda dy, _: {back[n]: one for n, one in found.tape.shares(wire, dy).items()}
    (source,) = {*wire.sources}
    own = found.value(source)
    if own.shape != wire.value.shape or own.dtype.kind != "f" or np.array_equal(own, wire.value):
        return None
    if any(np.array_equal(np.flip(own, axis), wire.value) for axis in range(own.ndim)):
        return through(source)
    return None
