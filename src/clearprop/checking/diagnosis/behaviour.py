"""What running the person's own backward again shows: that it accumulates, that it does not look
at the upstream gradient."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Hypothesis, scale
from clearprop.checking.subjects.plain_functions import first_raised
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind

# The step along a direction, in units of the largest entry, and how well its slope is known.
ALONG, ROUGHLY = 1e-5, 1e-4


class Rerun(NamedTuple):
    """The person's gradients by name, in float64; None where they cannot be had, with what was
    raised, if anything."""

    gradients: Mapping[str, Array] | None
    problem: str = ""


def run_again(discrepancy: Discrepancy, dy: Array, arrays: Mapping[str, Array] = EMPTY) -> Rerun:
    """The person's backward with another upstream gradient, and other arrays where given."""
    backward = discrepancy.evidence.backward
    if backward is None:
        return Rerun(None)
    try:
        returned = backward(dy, arrays)
        found = {name: np.array(returned[name], np.float64) for name in discrepancy.claimed}
    except Exception as problem:  # the person's code: whatever it raises is told
        return Rerun(None, first_raised(problem))
    finite = all(np.isfinite(array).all() for array in found.values())
    return Rerun(found if finite else None)


def another_gradient(discrepancy: Discrepancy) -> Array:
    """An upstream gradient of the same shape that nobody would have guessed."""
    dy = np.asarray(discrepancy.evidence.output_gradient)
    drawn = keyed_generator(0, path="diagnosis").normal(size=dy.shape)
    return drawn.astype(dy.dtype) * (scale(dy) or 1.0)


def is_constant(discrepancy: Discrepancy, names: Sequence[str], factor: object) -> bool:
    """Whether the code returns the same multiple of the right gradient at another point, by the
    slopes of the forward along a direction; False where that cannot be tried."""
    evidence = discrepancy.evidence
    if evidence.forward is None or not isinstance(factor, float):
        return False
    generator = keyed_generator(0, path="factor")
    arrays = {
        name: (array * (1 + 0.1 * generator.uniform(0.2, 1, size=np.shape(array))))
        if name in names
        else array
        for name, array in evidence.arrays.items()
    }
    arrays = {
        name: np.asarray(a, np.asarray(evidence.arrays[name]).dtype) for name, a in arrays.items()
    }
    dy = np.asarray(evidence.output_gradient)
    claimed, _ = run_again(discrepancy, dy, arrays)
    if claimed is None:
        return False
    for name in names:
        direction = generator.normal(size=arrays[name].shape)
        step = ALONG * (scale(arrays[name]) or 1.0)
        ends = [
            float(np.sum(dy * evidence.forward({**arrays, name: arrays[name] + by * direction})))
            for by in (step, -step)
        ]
        slope = (ends[0] - ends[1]) / (2 * step)
        if claimed[name].size != direction.size:
            return False
        mine = claimed[name].reshape(direction.shape)
        whole = float(np.sum(np.abs(mine * direction)))
        if not abs(float(np.sum(mine * direction)) - factor * slope) <= ROUGHLY * whole:
            return False
    return True


def behaviour(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """The hypotheses of this file that running the code again has shown."""
    dy = np.asarray(discrepancy.evidence.output_gradient)
    redrawn = discrepancy.evidence.redrawn & {*discrepancy.wrong}
    if redrawn:
        predicted = {name: discrepancy.claimed[name] for name in redrawn}
        yield Hypothesis(
            MistakeKind.DROPOUT_REDRAWN, predicted, {"where": "backward"}, Standing.PROVEN
        )
    first, second = (run_again(discrepancy, dy).gradients for _ in range(2))
    if first is None or second is None:
        return
    predicted = {
        name: discrepancy.claimed[name]
        for name in discrepancy.wrong
        if _grows(discrepancy, name, first[name], second[name])
    }
    if predicted:
        yield Hypothesis(MistakeKind.ACCUMULATED, predicted, EMPTY, Standing.PROVEN)
        return
    if not dy.shape:
        # A loss has no upstream gradient to look at.
        return
    # The other one turned round too: a code that keeps only signs can agree with one by chance.
    drawn = another_gradient(discrepancy)
    other, opposite = (run_again(discrepancy, each).gradients for each in (drawn, -drawn))
    if other is None or opposite is None:
        return
    ignored = {
        name: discrepancy.claimed[name]
        for name in discrepancy.wrong
        if np.array_equal(first[name], other[name])
        and np.array_equal(first[name], opposite[name])
        and np.any(discrepancy.claimed[name])
    }
    if ignored:
        yield Hypothesis(
            MistakeKind.UPSTREAM_IGNORED, ignored, {"where": "backward"}, Standing.PROVEN
        )


def _grows(discrepancy: Discrepancy, name: str, first: Array, second: Array) -> bool:
    """Whether a second call on the same arrays returned the first one's result plus the right
    gradient."""
    right = discrepancy.expected[name]
    if first.shape != second.shape or first.size != right.size:
        return False
    growth = (second - first).reshape(right.shape)
    room = 4 * discrepancy.relative[name] * max(scale(right), scale(second))
    return scale(growth - right) <= room < scale(right)
