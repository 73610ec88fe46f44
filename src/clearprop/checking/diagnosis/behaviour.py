"""What running the person's own backward again shows: that it accumulates, that it does not look
at the upstream gradient."""

from collections.abc import Iterator, Mapping

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.checking.diagnosis.hypothesis import Hypothesis, Question, Standing, scale


def run_again(question: Question, dy: Array) -> Mapping[str, Array] | None:
    """The person's backward with another upstream gradient; None where it cannot be had."""
    backward = question.evidence.backward
    if backward is None:
        return None
    try:
        returned = backward(dy, EMPTY)
        arrays = {name: np.array(returned[name], np.float64) for name in question.claimed}
    except Exception:  # the person's code: whatever it raises, there is nothing to learn here
        return None
    return arrays if all(np.isfinite(array).all() for array in arrays.values()) else None


def another_gradient(question: Question) -> Array:
    """An upstream gradient of the same shape that nobody would have guessed."""
    dy = np.asarray(question.evidence.output_gradient)
    drawn = keyed_generator(0, path="diagnosis").normal(size=dy.shape)
    return drawn.astype(dy.dtype) * (scale(dy) or 1.0)


def behaviour(question: Question) -> Iterator[Hypothesis]:
    """The hypotheses of this file that running the code again has shown."""
    dy = np.asarray(question.evidence.output_gradient)
    first, second = run_again(question, dy), run_again(question, dy)
    if first is None or second is None:
        return
    predicted = {
        name: question.claimed[name]
        for name in question.wrong
        if _grows(question, name, first[name], second[name])
    }
    if predicted:
        yield Hypothesis("accumulated", predicted, EMPTY, Standing.PROVEN)
        return
    if not dy.shape:
        # A loss has no upstream gradient to look at.
        return
    # The other one turned round too: a code that keeps only signs can agree with one by chance.
    drawn = another_gradient(question)
    other, opposite = run_again(question, drawn), run_again(question, -drawn)
    if other is None or opposite is None:
        return
    ignored = {
        name: question.claimed[name]
        for name in question.wrong
        if np.array_equal(first[name], other[name])
        and np.array_equal(first[name], opposite[name])
        and np.any(question.claimed[name])
    }
    if ignored:
        yield Hypothesis("upstream_ignored", ignored, {"where": "backward"}, Standing.PROVEN)


def _grows(question: Question, name: str, first: Array, second: Array) -> bool:
    """Whether a second call on the same arrays returned the first one's result plus the right
    gradient."""
    right = question.expected[name]
    if first.shape != second.shape or first.size != right.size:
        return False
    growth = (second - first).reshape(right.shape)
    room = 4 * question.relative[name] * max(scale(right), scale(second))
    return scale(growth - right) <= room < scale(right)
