"""A person's forward as a tape: every operation that it made, in order, with its numbers.

Of a forward in NumPy nothing has to be guessed. It is run once on arrays that write down what is
done with them, and the tape can then be gone back along, whole or between two wires, as it is or
with one thing changed; and it can be played again on other numbers.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording.primitives import Operation

# From ∂C/∂(a wire's value), and from ∂C/∂(all wires) so far, to the shares of wires further back.
Share = Callable[[Array, Mapping[int, Array]], Mapping[int, Array]]


# From ∂C/∂(a wire's value), complete, to what is put in its place.
Signal = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Wire:
    """One array on its way.

    operation  what made it; None of an array of the function's own
    operands   the numbers of other wires, and arrays that depend on nothing
    leaf       the array's name, where it is one of the function's own
    """

    number: int
    value: Array
    operation: Operation | None
    operands: tuple["int | Array", ...] = ()
    leaf: str | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The wires among its operands."""
        return tuple(one for one in self.operands if isinstance(one, int))


@dataclass(frozen=True, eq=False)
class Tape:
    """The wires of one run, in order; `output` is the number of y's."""

    wires: Sequence[Wire]
    output: int

    @cached_property
    def used(self) -> frozenset[int]:
        """The wires that y is made of."""
        found = {self.output}
        for wire in reversed(self.wires[: self.output + 1]):
            if wire.number in found:
                found.update(wire.sources)
        return frozenset(found)

    @cached_property
    def order(self) -> tuple[Wire, ...]:
        """The wires that y is made of, in order."""
        return tuple(self.wires[number] for number in sorted(self.used))

    @cached_property
    def takers(self) -> Mapping[int, tuple[int, ...]]:
        """By wire the wires that are made of it, one as often as it takes it."""
        found: dict[int, list[int]] = {number: [] for number in self.used}
        for wire in self.order:
            for source in wire.sources:
                found[source].append(wire.number)
        return {number: tuple(takers) for number, takers in found.items()}

    @cached_property
    def leaves(self) -> Mapping[str, int]:
        """The function's arrays that y depends on, by name."""
        return {wire.leaf: wire.number for wire in self.order if wire.leaf is not None}

    @cached_property
    def names(self) -> Mapping[int, frozenset[str]]:
        """By wire the names of the arrays that it depends on."""
        found: dict[int, frozenset[str]] = {}
        for wire in self.order:
            own = frozenset() if wire.leaf is None else frozenset([wire.leaf])
            found[wire.number] = own.union(*(found[source] for source in wire.sources))
        return found

    def values(self, wire: Wire) -> list[Array]:
        """The values of its operands."""
        return [self.wires[one].value if isinstance(one, int) else one for one in wire.operands]

    def share(self, wire: Wire, dy: Array, place: int, values: Sequence[Array]) -> Array | None:
        """What ∂C/∂(the wire) gives to the operand at `place`, had the operands these values."""
        if wire.operation is None:
            return None
        return wire.operation.back(values, wire.value, dy, place)

    def shares(self, wire: Wire, dy: Array) -> dict[int, Array]:
        """What ∂C/∂(the wire) gives to the wires that it is made of."""
        values, found = self.values(wire), dict[int, Array]()
        for place, source in enumerate(wire.operands):
            if isinstance(source, int) and source in self.used:
                share = self.share(wire, dy, place, values)
                if share is not None:
                    found[source] = found[source] + share if source in found else share
        return found

    def between(self, last: int, first: Iterable[int]) -> frozenset[int]:
        """The wires on the ways from some wires to `last`, both ends included."""
        starts = set(first)
        reached = {n for n in starts if n in self.used}
        for wire in self.order:
            if wire.number <= last and wire.number not in starts and reached & {*wire.sources}:
                reached.add(wire.number)
        needed = {last}
        for wire in reversed(self.order):
            if wire.number in needed and wire.number not in starts:
                needed.update(wire.sources)
        return frozenset(reached & needed)

    def back(self, dy: Array) -> dict[int, Array]:
        """∂C/∂(every wire), from ∂C/∂y."""
        return self._go_back({self.output: dy}, self.output, ())

    def pull(self, last: int, dy: Array, stops: Iterable[int]) -> dict[int, Array]:
        """∂C/∂(the wires in `stops`) from ∂C/∂(the wire `last`) alone."""
        ends = frozenset(stops)
        found = self._go_back({last: dy}, last, ends)
        return {number: found[number] for number in ends if number in found}

    def _go_back(
        self, found: dict[int, Array], last: int, ends: Collection[int]
    ) -> dict[int, Array]:
        for wire in reversed(self.order):
            if wire.number <= last and wire.number in found and wire.number not in ends:
                _add(found, self.shares(wire, found[wire.number]))
        return found

    def altered(
        self,
        right: Mapping[int, Array],
        shares: Mapping[int, Share],
        signals: Mapping[int, Signal],
    ) -> dict[int, Array]:
        """∂C/∂(every wire), had some wires given back something else. `right` is what `back` gives.

        shares   what these wires give back in place of what they should
        signals  what is put in the place of these wires' own ∂C/∂(value)

        The way back is linear in ∂C/∂: only what changes goes along it.
        """
        changes = self.changes(right, shares, signals)
        return {**right, **{n: right[n] + one if n in right else one for n, one in changes.items()}}

    def changes(
        self,
        right: Mapping[int, Array],
        shares: Mapping[int, Share],
        signals: Mapping[int, Signal],
        until: int = 0,
    ) -> dict[int, Array]:
        """What `altered` adds to ∂C/∂(every wire), gone back as far as the wire `until`: what lies
        before it has what comes to it from behind."""
        changes: dict[int, Array] = {}
        first, behind = (
            bisect_left(self.order, one, key=lambda wire: wire.number)
            for one in (until, max((*shares, *signals)) + 1)
        )
        for wire in reversed(self.order[first:behind]):
            number = wire.number
            if number not in right:
                continue
            touched = number in shares or number in signals
            if not touched and number not in changes:
                continue
            dy = right[number] + changes[number] if number in changes else right[number]
            if number in signals:
                dy = signals[number](dy)
                changes[number] = dy - right[number]
            if number in shares:
                given = shares[number](dy, _Changed(right, changes, self.wires))
                kept = self.shares(wire, right[number])
                for source in {*given, *kept}:
                    change = _difference(given.get(source), kept.get(source))
                    _add(changes, {source: change})
            elif number in changes:
                _add(changes, self.shares(wire, changes[number]))
        return changes

    def played(self, last: int, replaced: Mapping[int, Array]) -> Array:
        """The value of the wire `last`, had some wires other values."""
        values = self.replayed(self.between(last, replaced), replaced)
        return values.get(last, self.wires[last].value)

    def replayed(self, numbers: Collection[int], replaced: Mapping[int, Array]) -> dict[int, Array]:
        """The values of these wires, had some wires other values; of what they are made of, every
        wire that changes is among them."""
        values: dict[int, Array] = dict(replaced)
        for number in sorted(numbers):
            wire = self.wires[number]
            if number in values or wire.operation is None:
                continue
            operands = [
                values.get(one, self.wires[one].value) if isinstance(one, int) else one
                for one in wire.operands
            ]
            values[number] = wire.operation.apply(operands)
        return values

    def gradients(self, found: Mapping[int, Array]) -> dict[str, Array]:
        """∂C/∂(the function's own arrays) by name, of ∂C/∂(every wire)."""
        return {
            name: found[number] if number in found else np.zeros_like(self.wires[number].value)
            for name, number in self.leaves.items()
            if self.wires[number].value.dtype.kind == "f"
        }


class _Changed(Mapping[int, Array]):
    """∂C/∂(every wire) so far: the right ones with what has changed, 0 where nothing comes back."""

    def __init__(
        self,
        right: Mapping[int, Array],
        changes: Mapping[int, Array],
        wires: Sequence[Wire],
    ) -> None:
        self._right, self._changes, self._wires = right, changes, wires

    def __getitem__(self, number: int) -> Array:
        right, change = self._right.get(number), self._changes.get(number)
        if right is not None and change is not None:
            return right + change
        for known in (right, change):
            if known is not None:
                return known
        return np.zeros_like(self._wires[number].value)

    def __iter__(self) -> Iterator[int]:
        return iter(self._right)

    def __len__(self) -> int:
        return len(self._right)


def _add(found: dict[int, Array], given: Mapping[int, Array]) -> None:
    for number, share in given.items():
        found[number] = found[number] + share if number in found else share


def _difference(given: Array | None, kept: Array | None) -> Array:
    if given is None:
        return -np.asarray(kept)
    return np.asarray(given) if kept is None else given - kept
