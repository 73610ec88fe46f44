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
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.subjects.subject import Subject

# The ladder, as factors of ∛ε: from 6e-10 to 6e-2 in float64.
RUNGS = tuple(10.0**power for power in range(-4, 5))
# In float32 a step below ∛ε/10 is mostly rounding, and one above 20 ∛ε is not small.
RUNGS_FLOAT32 = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
TRIED = 8  # entries that the step is tried on
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
    """Slopes of some entries at every step of the ladder, (rungs, n) each, small steps first.

    hidden   what an entry that moves no output by a single bit may hide: the rounding of all
    """

    central: Array
    right: Array
    left: Array
    noise: Array
    hidden: Array

    def best(self) -> tuple[Array, Array]:
        """(n,) index of the best rung of each entry, and the error to assume there.

        Of all neighbouring pairs, the one whose quotients differ least; its larger step is taken,
        whose rounding is the smaller one.
        """
        gaps = np.abs(np.diff(self.central, axis=0)) + self.noise[1:] + self.hidden[1:]
        gaps[~np.isfinite(gaps)] = np.inf
        lower = np.argmin(gaps, axis=0)
        columns = np.arange(gaps.shape[1])
        return lower + 1, gaps[lower, columns]


class Quotients:
    """The difference quotients of one subject; dy is of the output's shape."""

    def __init__(self, subject: Subject, dy: Array, epsilon: float, rungs: tuple[float, ...]):
        self.subject = subject
        self.output = subject.output.ravel().astype(np.float64)
        self.dy = dy.ravel().astype(np.float64)
        self.base = float(np.cbrt(epsilon))
        self.rungs = rungs
        self._rounding = epsilon * np.abs(self.dy * self.output)

    def slopes(self, name: str, indices: Array, rung: float) -> Slopes:
        """The slopes of the entries at flat `indices` of the array `name`, at one rung."""
        parts = [self._slopes(name, part, rung) for part in self._chunks(indices)]
        return Slopes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def ladder(self, name: str, indices: Array) -> Ladder:
        """The slopes of the entries at every rung."""
        found = [self.slopes(name, indices, rung) for rung in self.rungs]
        rounding = float(np.linalg.norm(self._rounding))
        hidden = [
            np.where(one.moved, 0.0, rounding / (self.base * rung))
            for rung, one in zip(self.rungs, found, strict=True)
        ]
        return Ladder(
            np.stack([one.central for one in found]),
            np.stack([one.right for one in found]),
            np.stack([one.left for one in found]),
            np.stack([one.noise for one in found]),
            np.stack(hidden),
        )

    def along(self, name: str, direction: Array, rung: float) -> tuple[float, float]:
        """The slope of S along `direction` (of the array's shape), and its rounding.

        The step is divided by the direction's length, so that S moves as far as for one entry.
        """
        values = self.subject.arrays[name]
        size = max(1.0, float(np.abs(values).max(initial=0.0)))
        step = self.base * rung * size / float(np.linalg.norm(direction))
        ends = []
        for sign in (1.0, -1.0):
            moved = values + sign * step * direction
            ends.append(self.subject.forward({**self.subject.arrays, name: moved}).ravel())
        above, below = ends
        noise = float(np.linalg.norm(self._rounding[above != below]))
        return float((above - below) @ self.dy) / (2 * step), noise / step

    def _slopes(self, name: str, indices: Array, rung: float) -> Slopes:
        points = self.subject.arrays[name].ravel()[indices].astype(np.float64)
        wanted = self.base * rung * np.maximum(1.0, np.abs(points))
        # The distance that is really moved: θ + h is rounded.
        steps = (points + wanted) - points
        with np.errstate(all="ignore"):
            above = self.subject.mover(name, indices, steps) - self.output
            below = self.output - self.subject.mover(name, indices, -steps)
            changed = ((above != 0) | (below != 0)).astype(np.float64)
            noise = np.sqrt(changed @ self._rounding**2) / steps
            right, left = above @ self.dy / steps, below @ self.dy / steps
        return Slopes(right, left, noise, changed.any(axis=1))

    def _chunks(self, indices: Array) -> Iterator[Array]:
        rows = max(1, CHUNK // max(1, self.output.size))
        if self.subject.is_structured:
            rows = min(rows, 2048)
        for start in range(0, max(1, len(indices)), rows):
            yield indices[start : start + rows]
