"""From slopes at many steps to the slope at the point itself, where the function has one.

Three things can be there. Where the function is smooth, the two sides' slopes meet as the step
shrinks, their jump in proportion to it, and the two neighbouring steps whose quotients differ least
say the slope and its error. At a kink a jump stays however small the step. Beside a kink a jump
stays too, but only for steps that reach it: at smaller ones, that are still above the rounding,
there is none. So a jump is a kink of the point only where it is there at the smallest step that
could show it; otherwise the slope is that of the side that the kink is not on, which larger steps
know more exactly than the few that are small enough.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.witnesses.quotients import Ladder

# Of a jump: above the rounding by this, and above curvature beside both slopes by that.
ABOVE_NOISE = 20
ABOVE_SLOPES = 1e-6
# Slopes are the same where they are apart by no more than this many times their rounding.
WITHIN_NOISE = 5
# A part of the jump that no slope on one side of it comes near by chance.
NEAR = 0.1
# From one pair of steps to the next the differences of a smooth slope rise tenfold at most.
LEAP = 30


class Limit(NamedTuple):
    """The slopes of the two sides at the point, equal unless a kink is there, and the error to
    assume of them: infinite where they do not settle; with the largest step whose quotient this
    rests on."""

    left: float
    right: float
    error: float
    kink: bool
    step: float

    def nearest(self, claim: float) -> float:
        """Of the slopes that are right, which at a kink are all between the two, the one that is
        nearest to a claim."""
        low, high = min(self.left, self.right), max(self.left, self.right)
        return min(max(claim, low), high) if np.isfinite(claim) else (low + high) / 2


def limits(ladder: Ladder) -> list[Limit]:
    """The limit of every entry of the ladder."""
    with np.errstate(all="ignore"):
        return [
            _limit(*(part[:, column] for part in ladder)) for column in range(ladder.right.shape[1])
        ]


def _limit(steps: Array, right: Array, left: Array, noise: Array, hidden: Array) -> Limit:
    # An entry that moves nothing at a step may have moved all outputs by less than a bit.
    noise = noise + hidden
    central, jump = (right + left) / 2, np.abs(right - left)
    seen = (jump > ABOVE_NOISE * noise) & (jump > ABOVE_SLOPES * (np.abs(right) + np.abs(left)))
    # Curvature leaves a jump in proportion to the step.
    stays = seen[:-1] & (jump[:-1] > jump[1:] / np.sqrt(steps[1:] / steps[:-1]))
    if not stays.any():
        return _smooth(steps, central, noise)
    first = int(np.argmax(stays))
    size = jump[first]
    above, above_error = _one_sided(right[first:], noise[first:])
    below, below_error = _one_sided(left[first:], noise[first:])
    clear = jump[:first] + 5 * noise[:first] < size / 2
    if not clear.any():
        error = max(below_error, above_error)
        if abs(above - below) < size / 2 and not stays.all():
            return _smooth(steps, central, noise)  # rounding beyond what was assumed
        if max(abs(above - right[first]), abs(below - left[first])) > size / 4 + 5 * noise[first]:
            error = np.inf  # slopes that grow as the step shrinks, as those of √|x| at 0
        return Limit(below, above, error, True, float(steps[first]))
    end = int(np.flatnonzero(clear)[-1]) + 1
    found = _smooth(steps[:end], central[:end], noise[:end])
    # A step that just reaches the kink has a part of its jump.
    quiet = (clear & (jump[:first] < 2 * WITHIN_NOISE * noise[:first] + ABOVE_SLOPES * size))[:end]
    for value, error in ((above, above_error), (below, below_error)):
        # The side without that kink may have others, beyond the small steps.
        apart = np.abs(right[:end] - value) + np.abs(left[:end] - value)
        near = apart < np.minimum(NEAR * size, WITHIN_NOISE * noise[:end] + error)
        if error < found.error and quiet.any() and np.all(near[quiet]):
            found = Limit(value, value, error, False, float(steps[end - 1]))
    return found


def _smooth(steps: Array, central: Array, noise: Array) -> Limit:
    """Of all neighbouring pairs the one whose quotients differ least; its larger step is taken,
    whose rounding is the smaller one."""
    gaps = np.abs(np.diff(central)) + noise[1:]
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    if not len(gaps) or not np.isfinite(gaps).any():
        return Limit(float(central[0]), float(central[0]), np.inf, False, float(steps[0]))
    lower = int(np.argmin(gaps))
    value = float(central[lower + 1])
    return Limit(value, value, float(gaps[lower]), False, float(steps[lower + 1]))


def _one_sided(slopes: Array, noise: Array) -> tuple[float, float]:
    """The slope of one side from the neighbouring pair that differs least, and its error: what is
    left of the curvature falls with the step, so the smaller step is taken.

    Where the differences leap up on the way to it, another kink lies between: what smaller steps
    say is at least as good, and where the two do not agree, the error is what they are apart.
    """
    gaps = np.abs(np.diff(slopes)) + noise[:-1]
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    if not len(gaps):
        return float(slopes[0]), np.inf
    lower = int(np.argmin(gaps))
    value, error = float(slopes[lower]), float(gaps[lower])
    leaps = np.flatnonzero(gaps[1 : lower + 1] > LEAP * gaps[:lower])
    if len(leaps):
        before = int(np.argmin(gaps[: leaps[0] + 1]))
        error = max(error, abs(float(slopes[before]) - value))
    return value, error
