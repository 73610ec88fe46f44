"""Writes down the wires of one run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording.primitives import Operation
from clearprop.checking.diagnosis.recording.tape import Wire

# Nobody types a number with so many characters.
TYPED = 12
# Two ways to compute one number agree to so many digits.
DIGITS = 13
# More than this is no small example any more: a convolution written as a loop over every place of
# a few images has some thousands.
MOST_WIRES, MOST_ENTRIES = 7_000, 2_000_000


class TooLongError(Exception):
    """The forward made more operations than are worth going along."""


@dataclass(eq=False)
class Recorder:
    """Writes the wires of one run down, and knows a value again that came back as a bare array."""

    wires: list[Wire] = field(default_factory=list)
    entries: int = 0
    known: dict[tuple[bytes, bool], int] = field(default_factory=dict)
    offered: dict[float, tuple[int, Operation]] = field(default_factory=dict)
    # By the identity of the array that has the memory of a wire's value: that array, and the wire.
    owners: dict[int, tuple[Array, int]] = field(default_factory=dict)

    def leaf(self, name: str, value: Array) -> int:
        """An array of the function's own."""
        return self._add(Wire(len(self.wires), value, None, (), name))

    def made(self, operation: Operation, operands: Sequence["int | Array"], value: Array) -> int:
        """What an operation gave."""
        return self._add(Wire(len(self.wires), value, operation, tuple(operands)))

    def _add(self, wire: Wire) -> int:
        self.entries += wire.value.size
        if len(self.wires) >= MOST_WIRES or self.entries > MOST_ENTRIES:
            raise TooLongError
        self.wires.append(wire)
        if telling(wire.value):
            self.known.setdefault((wire.value.tobytes(), False), wire.number)
            if wire.value.ndim == 2:
                self.known.setdefault((wire.value.T.tobytes(), True), wire.number)
        return wire.number

    def own(self, owner: Array, number: int) -> None:
        """The array that a person has for a wire."""
        self.owners[id(owner)] = owner, number

    def offer(self, number: int, value: float, operation: Operation) -> None:
        """A single number that went out of NumPy, or what may have been made of it there."""
        if value % 1:
            self.offered.setdefault(float(f"{value:.{DIGITS}g}"), (number, operation))

    def taken_back(self, value: float) -> tuple[int, Operation] | None:
        """The wire, and what was done with it, of a single number that came back."""
        return self.offered.get(float(f"{value:.{DIGITS}g}")) if value % 1 else None

    def recalled(self, value: Array) -> tuple[int, bool] | None:
        """The wire that had these numbers before somebody made a bare array of them, and whether
        they were turned round; a shape with other axes of the same entries is the same."""
        if not telling(value):
            return None
        data = value.astype(np.float64).tobytes()
        for turned in (False, True):
            if (data, turned) in self.known:
                return self.known[data, turned], turned
        return None


def telling(value: Array) -> bool:
    """Whether these numbers are no others' by chance."""
    if value.dtype.kind != "f" or not value.size:
        return False
    if value.size == 1:
        # A number with as many digits was computed, and not typed.
        return len(repr(float(value.reshape(())))) >= TYPED
    distinct = np.unique(value)
    return distinct.size > 2 or (distinct.size > 1 and bool(np.any(distinct % 1)))
