"""Whether a model may be taken at its word: are 70 % of those right of which it says 70 %?

    bins of equally many rows by the probability that is said; in each the mean that was said,
    against the share of rows where it came true, with Wilson's interval

    intervals of a level: the share of rows whose truth lies within. The rows that the width is
    learned from are never those that it is judged on: each fifth is judged by the other four.

Sources: Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning",
2005; Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import DataError
from clearprop.estimators.intervals import Bounds, Interval, calibrate

BINS = 10
# Fewer rows than this are no bin.
LEAST_ROWS = 10
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
FOLDS = 5
# The standard normal's 97.5 % quantile: of 95 % intervals.
TWO_SIDED = 1.959963984540054


class ReliabilityBin(NamedTuple):
    """Rows of similar probabilities: the mean that was said, the share that came true, its
    interval, and how many rows they are."""

    said: float
    seen: float
    low: float
    high: float
    rows: int


class IntervalCoverage(NamedTuple):
    """Intervals of one level: the share of rows that lie within, its interval, and how wide they
    are in the middle (the median)."""

    level: float
    covered: float
    low: float
    high: float
    width: float


def reliability(
    probability: Array, truth: Array, weight: Array | None = None, *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Bins of equally many rows by their probability (N,), with how often it came true.

    truth   (N,) whether it did
    weight  (N,) how much each row counts
    """
    weight = np.ones(len(probability)) if weight is None else weight
    order = np.argsort(probability, kind="stable")
    count = max(1, min(bins, len(order) // LEAST_ROWS))
    found = []
    for part in np.array_split(order, count):
        total = float(weight[part].sum())
        if total == 0:
            continue
        said = float(np.average(probability[part], weights=weight[part]))
        seen = float(np.average(truth[part], weights=weight[part]))
        # Weights that differ are worth fewer rows than there are.
        worth = total**2 / float((weight[part] ** 2).sum())
        found.append(ReliabilityBin(said, seen, *wilson(seen, worth), len(part)))
    return tuple(found)


def wilson(share: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share of so many rows."""
    square = TWO_SIDED**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = TWO_SIDED / (1 + square / rows)
    half *= math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def interval_coverage(
    said: Bounds, truth: Array, levels: Sequence[float] = LEVELS, *, seed: int = 0
) -> tuple[tuple[IntervalCoverage, ...], ...]:
    """For every column of `truth` (N, D) the coverage of each level, judged by folds.

    Levels that so few rows cannot tell are left out.
    """
    rows = len(truth)
    order = keyed_generator(seed, path="coverage").permutation(rows)
    fold = np.empty(rows, int)
    fold[order] = np.arange(rows) % FOLDS
    found: list[list[IntervalCoverage]] = [[] for _ in range(truth.shape[1])]
    for level in levels:
        intervals = _intervals(said, truth, fold, level)
        if intervals is None:
            continue
        inside = (intervals.low <= truth) & (truth <= intervals.high)
        for column, told in enumerate(found):
            covered = float(inside[:, column].mean())
            width = float(np.median((intervals.high - intervals.low)[:, column]))
            told.append(IntervalCoverage(level, covered, *wilson(covered, rows), width))
    return tuple(map(tuple, found))


def _intervals(said: Bounds, truth: Array, fold: Array, level: float) -> Interval | None:
    low, high = np.empty_like(truth), np.empty_like(truth)
    for one in range(FOLDS):
        judged = fold == one
        try:
            learned = calibrate(_of_rows(said, ~judged), truth[~judged])
            interval = learned.interval(_of_rows(said, judged), level)
        except DataError:
            return None
        low[judged], high[judged] = interval.low, interval.high
    return Interval(said.prediction, low, high)


def _of_rows(said: Bounds, rows: Array) -> Bounds:
    return Bounds(said.prediction[rows], said.low[rows], said.high[rows], said.spread[rows])
