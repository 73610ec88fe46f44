"""Loops over time on a tape: the same operations again and again, each round with a state of the
round before."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from clearprop.base.arrays import Array, Shape
from clearprop.checking.diagnosis.recording.tape import Tape, Wire

# A round has a product, a sum and a function at least.
SHORTEST = 3


@dataclass(frozen=True, eq=False)
class TimeLoop:
    """Rounds of wires that do the same: wire `role` of round t has the number
    begin + t · period + role.

    states   the roles whose wires the next round takes
    early    by role of a state, its wire before the first of these rounds, where it is computed: a
             loop's first time may do less than the others, and is none of these rounds then
    starts   by role of a state, the wire that stands in its place in the first of these rounds,
             whether it is computed or the function's own
    weights  by leaf's name, the wires that are that leaf, and who takes each of them every time,
             the time before the first of these rounds among them
    """

    tape: Tape
    begin: int
    period: int
    count: int
    states: tuple[int, ...]
    early: Mapping[int, int]
    starts: Mapping[int, int]
    weights: Mapping[str, tuple["WeightUse", ...]]

    def wire(self, role: int, time: int) -> Wire:
        """The wire of that role in a round."""
        return self.tape.wires[self.begin + time * self.period + role]

    def role_of(self, number: int) -> int:
        """What a wire is in its round."""
        return (number - self.begin) % self.period

    def time_of(self, number: int) -> int:
        """The round of a wire; −1 before the loop, and `count` or more behind it."""
        return (number - self.begin) // self.period if number >= self.begin else -1

    def before(self, role: int, time: int) -> int | None:
        """The number of a state's wire as a round finds it; None where it is no wire that the loop
        computed."""
        return self.wire(role, time - 1).number if time else self.early.get(role)

    def start(self, role: int) -> Array | None:
        """What stands in the first round where the others have that state; None where no other
        round takes it."""
        first = _operand_at_first(self, role)
        return self.tape.wires[first].value if isinstance(first, int) else first

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 <= self.time_of(number) < self.count

    @property
    def called(self) -> str:
        """What a sentence calls it."""
        return f"time({', '.join(self.weights)})"


class WeightUse(NamedTuple):
    """A wire that is a parameter as it stands in the loop, and by round the wires that take it."""

    wire: int
    takers: tuple[tuple[int, ...], ...]


def time_loops(tape: Tape, leaf_of: Callable[[int], str | None]) -> tuple[TimeLoop, ...]:
    """Every loop of the tape in which a round takes something of the round before."""
    found: dict[int, TimeLoop] = {}
    for wire in tape.order:
        takers = sorted({*tape.takers[wire.number]})
        if len(takers) < 2 or wire.value.dtype.kind != "f" or leaf_of(wire.number) is None:
            continue
        if any(takers[0] in loop and takers[-1] in loop for loop in found.values()):
            continue
        loop = _around(tape, takers, leaf_of) or _around(tape, takers[1:], leaf_of)
        if loop is not None:
            found.setdefault(loop.begin, loop)
    return tuple(found.values())


def _sign(tape: Tape, number: int) -> tuple[str, Shape]:
    wire = tape.wires[number]
    return (wire.operation.name if wire.operation else wire.leaf or ""), wire.value.shape


def _around(tape: Tape, takers: list[int], leaf_of: Callable[[int], str | None]) -> TimeLoop | None:
    if len(takers) < 2:
        return None
    first, last = takers[0], takers[-1]
    for period in dict.fromkeys(taker - first for taker in takers[1:]):
        alike = range(first, last - period + 1)
        if period < SHORTEST or any(
            _sign(tape, n) != _sign(tape, n + period) or tape.wires[n].leaf for n in alike
        ):
            continue
        begin, end = first, last + 1
        while begin > 0 and _sign(tape, begin - 1) == _sign(tape, begin - 1 + period):
            begin -= 1
        while end < len(tape.wires) and _sign(tape, end) == _sign(tape, end - period):
            end += 1
        count = (end - begin) // period
        starts = range(begin, end - count * period + 1)
        loops = [_made(tape, start, period, count, leaf_of) for start in starts]
        known = [one for one in loops if one.states]
        # Of rounds that hang together in nothing, no two are one round of a longer loop.
        return min(known, key=lambda one: len(one.states)) if count > 1 and known else None
    return None


def _made(
    tape: Tape, begin: int, period: int, count: int, leaf_of: Callable[[int], str | None]
) -> TimeLoop:
    loop = TimeLoop(tape, begin, period, count, (), {}, {}, {})
    roles = {
        loop.role_of(source)
        for time in range(1, count)
        for wire in _round(loop, time)
        for source in wire.sources
        if source in loop and loop.time_of(source) == time - 1
    }
    states = tuple(sorted(role for role in roles if not _only_adds_up(loop, role)))
    loop = replace(loop, states=states)
    weights = _weights(loop, leaf_of)
    names = {name for name, uses in weights.items() if len(uses[0].takers) > count}
    met = {role: _first_met(loop, role) for role in loop.states}
    starts = {role: number for role, number in met.items() if number is not None}
    early = {role: number for role, number in starts.items() if tape.names[number] & names}
    return replace(loop, early=early, weights=weights, starts=starts)


def _only_adds_up(loop: TimeLoop, role: int) -> bool:
    """Whether the next round only adds something to it, as to the sum of the losses."""
    takers = [n for n in loop.tape.takers.get(loop.wire(role, 0).number, ()) if n in loop]
    operations = [loop.tape.wires[n].operation for n in takers]
    return all(loop.role_of(n) == role for n in takers) and all(
        one is not None and one.name in ("add", "subtract") for one in operations
    )


def _weights(
    loop: TimeLoop, leaf_of: Callable[[int], str | None]
) -> dict[str, tuple[WeightUse, ...]]:
    found: dict[str, tuple[WeightUse, ...]] = {}
    for wire in loop.tape.order:
        name = leaf_of(wire.number)
        if name is None or wire.number in loop:
            continue
        every = dict.fromkeys(loop.tape.takers[wire.number])
        takers = tuple(
            tuple(n for n in every if loop.time_of(n) == time) for time in range(-1, loop.count)
        )
        if all(takers[1:]):
            found[name] = (*found.get(name, ()), WeightUse(wire.number, takers))
    # What is taken once more before the loop is taken at its first time, if every one of them is.
    whole = all(use.takers[0] for uses in found.values() for use in uses)
    return {
        name: tuple(use._replace(takers=use.takers[0 if whole else 1 :]) for use in uses)
        for name, uses in found.items()
    }


def _first_met(loop: TimeLoop, role: int) -> int | None:
    """The wire that stands in the first round where the others have the state."""
    first = _operand_at_first(loop, role)
    return first if isinstance(first, int) else None


def _operand_at_first(loop: TimeLoop, role: int) -> int | Array | None:
    state = loop.wire(role, 0).number
    for own in range(loop.period):
        for place, one in enumerate(loop.wire(own, 1).operands):
            if isinstance(one, int) and one == state:
                return loop.wire(own, 0).operands[place]
    return None


def _round(loop: TimeLoop, time: int) -> Iterator[Wire]:
    for role in range(loop.period):
        wire = loop.wire(role, time)
        if wire.number in loop.tape.used:
            yield wire
