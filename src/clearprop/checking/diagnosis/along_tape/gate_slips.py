"""Mistakes at the gates of a loop over time, and at the functions that its states go through."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import Function
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.along_tape.time_loops import TimeLoop
from clearprop.checking.diagnosis.chain_rule import slope_formula
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Signal, Wire
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.activations import Sigmoid, Tanh

Shares = dict[int, Share]


def meets_weights(found: TapePass, loop: TimeLoop, role: int) -> bool:
    """Whether a state goes into a product with a parameter in the round behind it."""
    state = loop.wire(role, 0).number
    takers = [n for n in found.tape.takers.get(state, ()) if loop.time_of(n) == 1]
    return any(leads_to_weights(found, loop, number) for number in takers)


def leads_to_weights(found: TapePass, loop: TimeLoop, number: int) -> bool:
    """Whether a wire is a product with a parameter, or goes into one with nothing but movements and
    a gate between."""
    wire = found.tape.wires[number]
    if is_by_weight(found, wire):
        return True
    moved = wire.operation is not None and (
        wire.operation.family is Family.MOVEMENT or wire.operation.name == "multiply"
    )
    next_ones = [n for n in found.tape.takers.get(number, ()) if n in loop]
    return moved and any(is_by_weight(found, found.tape.wires[n]) for n in next_ones)


def is_by_weight(found: TapePass, wire: Wire) -> bool:
    """Whether it is a product with a parameter."""
    if wire.operation is None or wire.operation.family is not Family.PRODUCT:
        return False
    leaves = {found.parts.leaf_of(one) for one in wire.sources} - {None}
    return bool(leaves - found.parts.data)


def _gates_of(found: TapePass, loop: TimeLoop) -> dict[int, list[Function]]:
    """The functions that a state is made by, by their role, one for every round."""
    by_role: dict[int, list[Function]] = {}
    for function in found.parts.functions:
        if function.out in loop and loop.time_of(function.source) == loop.time_of(function.out):
            by_role.setdefault(loop.role_of(function.out), []).append(function)
    states = [loop.wire(role, 0).number for role in loop.states]
    return {
        role: every
        for role, every in by_role.items()
        if len(every) == loop.count
        and any(found.tape.between(state, [every[0].out]) for state in states)
    }


def of_gates(found: TapePass, loop: TimeLoop) -> Iterator[TapeSlip]:
    """Slopes that are missing or taken at another time, and two gates mixed up."""
    gates = _gates_of(found, loop)
    where = {"where": loop.called}
    cells = {role for role in loop.states if not meets_weights(found, loop, role)}
    own = {
        role: every for role, every in gates.items() if loop.role_of(every[0].source) not in cells
    }
    names = _names(found, own)
    for role, every in gates.items():
        shares: Shares = {one.out: through(one.source) for one in every}
        if role not in own:
            yield TapeSlip(MistakeKind.CELL_SLOPE_MISSING, where, shares)
        elif len(own) > 1:
            yield TapeSlip(MistakeKind.GATE_SLOPE_MISSING, {**where, "gate": names[role]}, shares)
        else:
            yield TapeSlip(MistakeKind.DERIVATIVE_MISSING, where, shares)
        values = {"where": found.parts.called(every[0].out), "factor": -1.0}
        turned: dict[int, Signal] = {one.out: np.negative for one in every}
        yield TapeSlip(MistakeKind.FACTOR_HANDED_ON, values, signals=turned)
        yield from _slopes_elsewhere(found, loop, every)
        yield from _slopes_of_others(found, loop, every)
    for one, other in combinations(own, 2):
        if found.value(own[one][0].out).shape == found.value(own[other][0].out).shape:
            values = {**where, "one": names[one], "other": names[other]}
            yield TapeSlip(MistakeKind.GATES_SWAPPED, values, _swapped(found, own[one], own[other]))


def through(source: int) -> Share:
    """A wire that hands on all of ∂C/∂(it)."""
    return lambda dy, _: {source: dy}


def _names(found: TapePass, gates: Mapping[int, Sequence[Function]]) -> dict[int, str]:
    """What the gates are called: by the parameters that are theirs alone, or by their number."""
    leaves = {role: found.tape.names[every[0].source] for role, every in gates.items()}
    named = {}
    for number, role in enumerate(gates, 1):
        others = [one for other, one in leaves.items() if other != role]
        own = leaves[role].difference(*others) - found.parts.data
        names = [name for name in found.tape.leaves if name in own]
        named[role] = names[0] if names else f"{gates[role][0].name} {number}"
    return named


def _swapped(found: TapePass, ones: Sequence[Function], others: Sequence[Function]) -> Shares:
    def share_of(here: Function, there: Function) -> Share:
        slopes = found.parts.slopes(there.source, there.out)
        return lambda _dy, signals: {here.source: signals[there.out] * slopes}

    shares: Shares = {}
    for one, other in zip(ones, others, strict=True):
        shares |= {one.out: share_of(one, other), other.out: share_of(other, one)}
    return shares


def _slopes_elsewhere(
    found: TapePass, loop: TimeLoop, every: Sequence[Function]
) -> Iterator[TapeSlip]:
    """The slope taken at the values of the time before, or of the time behind."""
    layer = every[0].layer
    if layer is None:
        return
    role = loop.role_of(every[0].out)
    start = loop.start(role) if role in loop.states else None
    points = [(found.value(one.source), found.value(one.out)) for one in every]
    first = [points[0] if start is None else (start, start)]
    for other, moved in (("t − 1", first + points[:-1]), ("t + 1", points[1:] + points[-1:])):
        shares: Shares = {}
        for one, (z, a) in zip(every, moved, strict=True):
            with np.errstate(all="ignore"):
                slope = slope_formula(layer, z, a)
            if slope.shape != found.value(one.out).shape:
                slope = np.broadcast_to(slope, found.value(one.out).shape)
            shares[one.out] = _by(one.source, slope)
        values = {"where": loop.called, "other": other}
        yield TapeSlip(MistakeKind.WRONG_CACHE, values, shares)


def _slopes_of_others(
    found: TapePass, loop: TimeLoop, every: Sequence[Function]
) -> Iterator[TapeSlip]:
    """The slope of another function of a gate, of what this one gave: 1 − a² where a(1 − a)
    belongs."""
    for other in (Sigmoid(), Tanh()):
        if every[0].layer is None or other == every[0].layer:
            continue
        shares: Shares = {}
        for one in every:
            slope = slope_formula(other, found.value(one.source), found.value(one.out))
            shares[one.out] = _by(one.source, slope)
        values = {"where": loop.called, "other": type(other).__name__}
        yield TapeSlip(MistakeKind.OTHER_FUNCTION, values, shares)


def _by(source: int, slope: Array) -> Share:
    return lambda dy, _: {source: dy * slope}
