"""Which slips can give a claimed array at all, found out without going back along the whole tape.

The way back is linear: what a slip changes on a wire changes ⟨∂C/∂(an array), r⟩, for a direction r
of that array, by ⟨the change, t⟩, where t is how the wire's value moves when the array moves along
r. With the t of every wire, of a random r for each wrong array, a slip is looked at where it is
made, and nothing behind it. Only one whose number is the claimed one is then gone through in full.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.checking.diagnosis.along_tape.tape_pass import Gradients, TapePass, TapeSlip
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Hypothesis, Weighed, scale
from clearprop.checking.verdict.candidates import Lost

# How far an array is moved, of its largest entry, and how exact the moved values have to be.
STEP, EXACT = 1e-6, 1e-5
# A number within this part of the claimed one is no chance to be left out.
NEAR = 1e-2


class Later(Mapping[str, Array]):
    """The gradients of a slip, computed when they are asked for."""

    def __init__(self, found: TapePass, slip: TapeSlip) -> None:
        self._found, self._slip = found, slip

    @cached_property
    def _gradients(self) -> Gradients:
        with np.errstate(all="ignore"):
            return self._found.with_slips(self._slip)

    def __getitem__(self, name: str) -> Array:
        return self._gradients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found.right)

    def __len__(self) -> int:
        return len(self._found.right)


@dataclass(frozen=True, eq=False)
class Screen:
    """What a tape's wrong arrays are looked at by.

    directions  r by the name of the array
    moved       by the name, t of every wire that depends on the array
    wanted      ⟨claimed − right, r⟩, and how near to it a slip has to come
    """

    found: TapePass
    directions: Mapping[str, Array]
    moved: Mapping[str, Mapping[int, Array]]
    wanted: Mapping[str, tuple[float, float]]

    def lost(self, slip: TapeSlip) -> Weighed | None:
        """The slip as one that gives no claimed array; None of one that may give some."""
        if slip.leaves is not None or not (slip.shares or slip.signals):
            return None
        tape, right = self.found.tape, self.found.signals
        first = min((*slip.shares, *slip.signals))
        with np.errstate(all="ignore"):
            changes = tape.changes(right, slip.shares, slip.signals, until=first)
        open_ones = [
            number
            for number in changes
            if number < first or tape.wires[number].operation is None
            if number in right or tape.wires[number].operation is None
        ]
        off = np.inf
        for name, (wanted, near) in self.wanted.items():
            moved = self.moved[name]
            given = sum(
                float(np.vdot(changes[number], moved[number]))
                for number in open_ones
                if number in moved
            )
            if not abs(given - wanted) > near:
                return None
            off = min(off, abs(given - wanted) / max(abs(given), abs(wanted)))
        made = Hypothesis(slip.key, Later(self.found, slip), slip.values, slip.standing)
        return Weighed(made, frozenset(), off, Lost.OTHER_NUMBERS)


def screen_of(discrepancy: Discrepancy, found: TapePass) -> Screen | None:
    """The screen of the wrong arrays; None where moving them does not give their gradients, as it
    does not where numbers are at a kink or have few digits."""
    tape, generator = found.tape, keyed_generator(0, path="screening")
    directions, moved, wanted = dict[str, Array](), {}, {}
    for name in discrepancy.wrong:
        right, claimed = found.right.get(name), discrepancy.claimed[name]
        if right is None or claimed.size != right.size:
            continue  # no slip of the tape gives another shape
        r = generator.normal(size=right.shape)
        moved[name] = _moved(found, name, r)
        rated = float(np.vdot(found.dy, moved[name].get(tape.output, np.zeros(1))))
        whole = scale(right) * np.sqrt(right.size)
        if not abs(rated - float(np.vdot(right, r))) <= EXACT * whole:
            return None
        apart = float(np.vdot(claimed.reshape(right.shape) - right, r))
        rough = discrepancy.relative[name] * max(scale(claimed), scale(right))
        near = NEAR * abs(apart) + 10 * (rough * np.sqrt(right.size) + EXACT * whole)
        directions[name], wanted[name] = r, (apart, near)
    return Screen(found, directions, moved, wanted)


def _moved(found: TapePass, name: str, direction: Array) -> dict[int, Array]:
    """How every wire moves when an array moves along a direction."""
    tape = found.tape
    number = tape.leaves[name]
    value = np.asarray(tape.wires[number].value, np.float64)
    step = STEP * (scale(value) or 1.0)
    touched = [wire.number for wire in tape.order if name in tape.names[wire.number]]
    with np.errstate(all="ignore"):
        above, below = (
            tape.replayed(touched, {number: value + one * direction}) for one in (step, -step)
        )
        return {
            n: (above[n] - below[n]) / (2 * step)
            for n in touched
            if tape.wires[n].value.dtype.kind == "f"
        }
