"""Difference quotients of many entries, with their errors.

What is differentiated is S = Σ dy·y, whose gradient is what a backward pass returns for the
upstream gradient dy. Moving the entry θᵢ by h to both sides gives two one-sided slopes,

    right = Σ dy·(y(θ + heᵢ) − y(θ)) / h,     left = Σ dy·(y(θ) − y(θ − heᵢ)) / h,

and their mean, the central quotient, is off by

    truncation   h²/6 · |S'''|
    rounding     ε · √Σⱼ (dyⱼ yⱼ)² / h        over the outputs yⱼ that moved at all

(the outputs are subtracted before they are weighed, so an output that does not move costs nothing).
Where S, S''' and θ are of size 1 the sum is least near h = ∛ε, 6e-6 in float64 and 5e-3 in float32.
That is where the ladder of steps below starts. Nobody knows S''', nor all of the rounding inside a
function, so the step is not trusted but tried: over a few entries, two neighbouring steps of the
ladder that agree best are taken, and how far they are apart is the error that is assumed.

An entry that has to be looked at closely gets a finer ladder, which goes down to steps a thousand
times smaller, and further where the entry itself is small: log at 1e-8 is smooth for steps below
that only.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.checking.subjects.subject import Subject

# The ladder, as factors of ∛ε: from 6e-10 to 6e-2 in float64.
RUNGS = tuple(10.0**power for power in range(-4, 5))
# In float32 a step below ∛ε/10 is mostly rounding, and one above 20 ∛ε is not small.
RUNGS_FLOAT32 = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
# The finer ladder: so many steps, from this part of the smallest one of the ladder to its largest,
# and from this part of ∛ε·|θ| where |θ| is smaller than 1; a number below TINY is taken for 0.
FINE = 12
FINER = 1e-3
FINER_FLOAT32 = 1e-2
OF_A_SMALL_ENTRY = 1e-2
TINY = 1e-20
TRIED = 8  # entries that the step is tried on
SHAKES = 6
CHUNK = 2**21  # floats that one stack of outputs may hold


class Slopes(NamedTuple):
    """One-sided slopes of some entries at one step, (n,) each.

    noise    the rounding that their mean may have
    moved    whether any output moved at all, by a single bit
    """

    right: Array
    left: Array
    noise: Array
    moved: Array

    @property
    def central(self) -> Array:
        """The central quotients."""
        mean: Array = (self.right + self.left) / 2
        return mean

    @property
    def jump(self) -> Array:
        """How far the two sides are apart: h·|S''| where S is smooth, constant at a kink."""
        apart: Array = np.abs(self.right - self.left)
        return apart


class Ladder(NamedTuple):
    """Slopes of some entries at every step of a ladder, (rungs, n) each, small steps first.

    hidden   what an entry that moves no output by a single bit may hide: the rounding of all
    """

    steps: Array
    right: Array
    left: Array
    noise: Array
    hidden: Array

    @property
    def central(self) -> Array:
        """The central quotients."""
        mean: Array = (self.right + self.left) / 2
        return mean


class Quotients:
    """The difference quotients of one subject; dy is of the output's shape."""

    def __init__(self, subject: Subject, dy: Array, epsilon: float, rungs: tuple[float, ...]):
        self.subject = subject
        self.output = subject.output.ravel().astype(np.float64)
        self.dy = dy.ravel().astype(np.float64)
        self.base = float(np.cbrt(epsilon))
        self.rungs = rungs
        self._epsilon = epsilon
        self._rounding = epsilon * np.abs(self.dy * self.output)
        self._squared = self._rounding**2

    def slopes(self, name: str, indices: Array, rung: float) -> Slopes:
        """The slopes of the entries at flat `indices` of the array `name`, at one rung."""
        return self.slopes_at(name, indices, self._usual_steps(name, indices, rung))

    def ladder(self, name: str, indices: Array) -> Ladder:
        """The slopes of the entries at every rung."""
        return self._ladder_at(
            name, indices, [self._usual_steps(name, indices, rung) for rung in self.rungs]
        )

    def fine_ladder(self, name: str, indices: Array) -> Ladder:
        """The slopes of the entries at the steps of the finer ladder, each entry's own."""
        points = np.abs(self._points(name, indices))
        size = np.maximum(1.0, points)
        finer = FINER if self._epsilon < 1e-12 else FINER_FLOAT32
        lowest = self.base * self.rungs[0] * finer * size
        small = (points > TINY) & (points < 1)
        # In float32 an entry is moved by whole digits of its own, and no step is smaller.
        lowest[small] = np.minimum(lowest, self.base * OF_A_SMALL_ENTRY * points)[small]
        highest = self.base * self.rungs[-1] * size
        ways = np.linspace(0, 1, FINE)
        return self._ladder_at(
            name, indices, [lowest * (highest / lowest) ** way for way in ways.tolist()]
        )

    @cached_property
    def shaken(self) -> float:
        """How far S moves where every number that it is made of is moved by its last digit: the
        rounding inside the function, of numbers that cancel before they come out."""
        generator, found = keyed_generator(0, path="shaken"), 0.0
        with np.errstate(all="ignore"):
            for _ in range(SHAKES):
                moved = {
                    name: np.nextafter(array, array + generator.choice([-1, 1], array.shape))
                    if name in self.subject.variables
                    else array
                    for name, array in self.subject.arrays.items()
                }
                change = self.subject.forward(moved).ravel().astype(np.float64) - self.output
                found = max(found, abs(float(change @ self.dy)))
        return found

    def along(self, name: str, direction: Array, rung: float) -> tuple[float, float]:
        """The slope of S along `direction` (of the array's shape), and its rounding.

        The step is divided by the direction's length, so that S moves as far as for one entry.
        """
        sides = self.sides_along({name: direction}, rung)
        return (sides.right + sides.left) / 2, sides.noise

    def sides_along(self, directions: Mapping[str, Array], rung: float) -> "SidesAlong":
        """The slopes of S on both sides along a direction in several arrays, by their names."""
        arrays = self.subject.arrays
        size = max(1.0, *(float(np.abs(arrays[name]).max(initial=0)) for name in directions))
        length = float(np.sqrt(sum(np.sum(one * one) for one in directions.values())))
        step = self.base * rung * size / length
        ends = []
        for sign in (1.0, -1.0):
            moved = {name: arrays[name] + sign * step * one for name, one in directions.items()}
            ends.append(self.subject.forward({**arrays, **moved}).ravel().astype(np.float64))
        above, below = ends
        noise = float(np.linalg.norm(self._rounding[above != below])) / step
        right = float((above - self.output) @ self.dy) / step
        left = float((self.output - below) @ self.dy) / step
        return SidesAlong(right, left, noise)

    def _points(self, name: str, indices: Array) -> Array:
        points: Array = self.subject.arrays[name].ravel()[indices].astype(np.float64)
        return points

    def _usual_steps(self, name: str, indices: Array, rung: float) -> Array:
        steps: Array = self.base * rung * np.maximum(1.0, np.abs(self._points(name, indices)))
        return steps

    def _ladder_at(self, name: str, indices: Array, steps: Sequence[Array]) -> Ladder:
        found = [self.slopes_at(name, indices, one) for one in steps]
        rounding = float(np.linalg.norm(self._rounding))
        hidden = [
            np.where(one.moved, 0.0, rounding / step)
            for step, one in zip(steps, found, strict=True)
        ]
        return Ladder(
            np.stack(steps),
            np.stack([one.right for one in found]),
            np.stack([one.left for one in found]),
            np.stack([one.noise for one in found]),
            np.stack(hidden),
        )

    def slopes_at(self, name: str, indices: Array, wanted: Array) -> Slopes:
        """The slopes of the entries, each at a step of its own."""
        parts = [
            self._slopes(name, indices[part], wanted[part])
            for part in chunks(len(indices), self.subject)
        ]
        return Slopes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _slopes(self, name: str, indices: Array, wanted: Array) -> Slopes:
        points = self._points(name, indices)
        # The distance that is really moved: θ + h is rounded.
        kind = self.subject.arrays[name].dtype
        steps = (points + wanted).astype(kind).astype(np.float64) - points
        with np.errstate(all="ignore"):
            above = self.subject.mover(name, indices, steps) - self.output
            below = self.output - self.subject.mover(name, indices, -steps)
            changed = ((above != 0) | (below != 0)).astype(np.float64)
            right, left = above @ self.dy / steps, below @ self.dy / steps
            # What is computed of θ is rounded as θ is.
            inside = self._epsilon * np.abs(points) * np.maximum(np.abs(right), np.abs(left))
            noise = np.sqrt(changed @ self._squared + inside**2) / steps
        return Slopes(right, left, noise, changed.any(axis=1))


class SidesAlong(NamedTuple):
    """The slopes of S on the two sides of the point along one direction, and their rounding."""

    right: float
    left: float
    noise: float


def chunks(count: int, subject: Subject) -> Iterator[slice]:
    """`count` moved entries in parts whose outputs are not too many at once."""
    at_once = subject.widest if subject.is_structured else subject.output.size
    rows = max(1, CHUNK // max(1, at_once))
    if subject.is_structured:
        rows = min(rows, 2048)
    for start in range(0, max(1, count), rows):
        yield slice(start, start + rows)
