"""What the complex step decides where difference quotients are too coarse.

A gradient that is small beside the output's own rounding cannot be seen in a difference; the
complex step subtracts nothing. Its word counts only where it is known to be good: it must agree
with the difference quotients on what they can see of the same function, and the claim must agree
with it in every entry. It turns undecided into right, and never into wrong: code that drops an
imaginary part would be blamed for it.

Nearer to a kink than differences can see, and not at it, they accept what lies between the slopes
of its two sides. There right needs the second opinion, and is undecided without it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules.judging import Judgement
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.verdict.array_verdicts import Method, Reason
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED
from clearprop.checking.witnesses.others import complex_slopes, widened

LARGEST = 4_000  # entries of an array that is decided so
# Of the array's largest entry and of the entry itself.
AGREES = 1e-8
_TOO_COARSE = (Reason.RESOLUTION, Reason.UNRESOLVED, Reason.KINKS)


def with_second_opinion(
    subject: Subject, dy: Array, judgements: Mapping[str, Judgement], *, near: bool = False
) -> dict[str, Judgement]:
    """The judgements with those turned right that were undecided for want of digits, and that the
    complex step confirms; `near` says that the point is beside a kink, and at none."""
    judged = {name: _doubted(one) if near else one for name, one in judgements.items()}
    coarse = [name for name, one in judged.items() if _is_coarse(one)]
    if not coarse:
        return judged
    there = widened(subject, dy)
    try:
        if not any(_agrees(there, dy, name, one) for name, one in judgements.items()):
            return judged
        decided = {name: _decided(there, dy, name, judged[name]) for name in coarse}
    except Exception:  # the person's code, which need not take complex numbers
        return judged
    return {**judged, **decided}


def _doubted(one: Judgement) -> Judgement:
    """What was found right by the slopes of both sides of a kink is undecided."""
    if one.verdict.outcome != RIGHT or not one.kinks.any():
        return one
    return one._replace(verdict=replace(one.verdict, outcome=UNDECIDED, reason=Reason.UNRESOLVED))


def _is_coarse(one: Judgement) -> bool:
    verdict = one.verdict
    return (
        verdict.outcome == UNDECIDED
        and verdict.reason in _TOO_COARSE
        and (one.claimed.size <= LARGEST)
    )


def _agrees(there: Subject, dy: Array, name: str, one: Judgement) -> bool:
    """Whether the difference quotients have seen a gradient here, and the complex step is it."""
    if one.verdict.outcome != RIGHT:
        return False
    known = np.flatnonzero(np.isfinite(one.expected) & ~one.kinks & (one.expected != 0))[:8]
    if not len(known):
        return False
    slopes, _ = complex_slopes(there, name, known, dy)
    expected = one.expected.ravel()[known]
    scale = float(np.max(np.abs(expected)))
    return bool(np.all(np.abs(slopes - expected) <= one.tolerance + 1e-6 * scale))


def _decided(there: Subject, dy: Array, name: str, one: Judgement) -> Judgement:
    claimed = one.claimed.ravel().astype(np.float64)
    slopes, _ = complex_slopes(there, name, np.arange(claimed.size), dy)
    allowed = AGREES * (np.abs(slopes) + np.max(np.abs(slopes), initial=0.0))
    apart = np.abs(claimed - slopes)
    if not np.all(apart <= allowed):
        return one
    worst = int(np.argmax(apart))
    scale = float(np.max(np.abs(slopes), initial=0.0)) or 1.0
    verdict = replace(
        one.verdict,
        outcome=RIGHT,
        reason=None,
        checked=claimed.size,
        directions=0,
        index=tuple(int(i) for i in np.unravel_index(worst, one.claimed.shape)),
        claimed=float(claimed[worst]),
        expected=float(slopes[worst]),
        absolute=float(apart[worst]),
        relative=float(apart[worst] / scale),
        tolerance=float(allowed[worst]),
        method=Method.COMPLEX_STEP,
        kinks=(),
        kinks_met=0,
    )
    shape = one.claimed.shape
    return one._replace(
        verdict=verdict,
        expected=slopes.reshape(shape),
        kinks=np.zeros(shape, bool),
        tolerance=float(np.max(allowed)),
        sides={},
    )
