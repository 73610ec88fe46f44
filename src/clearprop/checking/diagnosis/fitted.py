"""Mistakes with one number in them that has to be found (a factor, a rate), and those of which the
numbers say only where they are: an entry, a row, a column, the last digits, a kink.

One fitted number explains any single entry, so a fit must reproduce at least three.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Hypothesis, scale
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind

ENOUGH = 3
TELLING = 1e-3
# How far a computation in a lower precision may be off, in units of its last digit.
LAST_DIGITS = 256.0


def fitted(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """A factor that nothing names, weight decay: one number for all the arrays that share it."""
    yield from _one_number(discrepancy, MistakeKind.FACTOR, discrepancy.expected, base=False)
    parameters = {
        name: np.asarray(discrepancy.evidence.arrays[name], np.float64)
        for name in discrepancy.wrong
        if name in discrepancy.evidence.arrays and name not in ("x", "output", "target")
    }
    yield from _one_number(discrepancy, MistakeKind.WEIGHT_DECAY, parameters, base=True)


def telling(array: Array) -> int:
    """How many entries are large enough to say something: not rounding beside the largest."""
    return int(np.count_nonzero(np.abs(array) > TELLING * scale(array)))


def fit(values: Array, direction: Array) -> float:
    """The c for which c · direction is nearest to `values`; 0 where there is no direction."""
    length = float(np.sum(direction * direction))
    return float(np.sum(values * direction)) / length if length else 0.0


def _one_number(
    discrepancy: Discrepancy, key: MistakeKind, directions: Mapping[str, Array], *, base: bool
) -> Iterator[Hypothesis]:
    """Claimed = c · direction, or with `base` claimed = expected + c · direction.

    One hypothesis for every c that reproduces some array, with all the arrays that it reproduces.
    """
    comparable = [
        name
        for name in discrepancy.wrong
        if name in directions
        and directions[name].shape
        == discrepancy.claimed[name].shape
        == discrepancy.expected[name].shape
    ]
    start = {
        name: discrepancy.expected[name] if base else np.zeros_like(discrepancy.expected[name])
        for name in comparable
    }
    seen: set[str] = set()
    for name in comparable:
        direction = directions[name]
        number = fit(discrepancy.claimed[name] - start[name], direction)
        if name in seen or not number:
            continue
        along = {other: start[other] + number * directions[other] for other in comparable}
        predicted = {
            other: array for other, array in along.items() if discrepancy.reproduces(other, array)
        }
        if name in predicted and sum(telling(directions[n]) for n in predicted) >= ENOUGH:
            seen |= set(predicted)
            yield Hypothesis(key, predicted, {"factor": number}, Standing.FITTED)


def described(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """Where the numbers are wrong, where that is one place; and why, where that is no mistake."""
    yield from _kinks(discrepancy)
    for name in discrepancy.wrong:
        claimed, right = discrepancy.claimed[name], discrepancy.expected[name]
        if claimed.shape == right.shape:
            off = np.abs(claimed - right) > discrepancy.relative[name] * scale(right)
            yield from _place(name, claimed, off)


def _place(name: str, claimed: Array, off: Array) -> Iterator[Hypothesis]:
    if off.size < ENOUGH:
        return
    where = np.argwhere(off)
    values: dict[str, object]
    if len(where) == 1:
        values = {"index": tuple(int(i) for i in where[0])}
        yield Hypothesis(MistakeKind.ONE_ENTRY, {name: claimed}, values, Standing.DESCRIBED)
        return
    for axis, key in ((0, MistakeKind.ONE_ROW), (1, MistakeKind.ONE_COLUMN)):
        if off.ndim != 2 or off.shape[axis] < ENOUGH:
            continue
        lines = np.unique(where[:, axis])
        if len(lines) == 1:
            values = {"index": int(lines[0])}
            yield Hypothesis(key, {name: claimed}, values, Standing.DESCRIBED)


def _kinks(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    predicted = {}
    for name in discrepancy.wrong:
        kinks = discrepancy.evidence.kinks.get(name)
        claimed, right = discrepancy.claimed[name], discrepancy.expected[name]
        # Where no entry lies at a kink, a convention has nothing to say.
        if kinks is not None and kinks.any() and kinks.shape == claimed.shape == right.shape:
            predicted[name] = np.where(kinks, claimed, right)
    if predicted:
        yield Hypothesis(MistakeKind.KINK, predicted)


def precision(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """The claimed numbers have no more digits than a lower precision has, and are off by no more
    than its last ones. Looked for among all that is beyond the tolerance, however little."""
    for dtype in (np.float32, np.float16):
        eps = float(np.finfo(dtype).eps)
        predicted = {}
        for name in discrepancy.doubtful:
            claimed, right = discrepancy.claimed[name], discrepancy.expected[name]
            if claimed.shape != right.shape:
                continue
            with np.errstate(over="ignore"):
                rounded = np.array_equal(claimed.astype(dtype).astype(np.float64), claimed)
            if rounded and scale(claimed - right) <= min(LAST_DIGITS * eps, 0.02) * scale(right):
                predicted[name] = claimed
        if sum(np.count_nonzero(claimed) for claimed in predicted.values()) >= ENOUGH:
            yield Hypothesis(MistakeKind.PRECISION, predicted, {"dtype": np.dtype(dtype).name})
