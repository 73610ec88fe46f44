"""Intervals around predictions, calibrated on rows that were held out: split conformal prediction.

    score      sᵢ = max(lowᵢ − yᵢ, yᵢ − highᵢ) / σᵢ       of every held-out row i
    interval   [low(x) − q σ(x), high(x) + q σ(x)]        q: the ⌈(M + 1) · level⌉-th smallest score

Where new rows are drawn as the held-out ones were, at least the share `level` of them lies within
their interval, whatever σ is: a good σ only makes the intervals narrow where the network is sure.
For a network of means low and high are the prediction; for one of quantiles its outer two.

    σ(x) = the mean absolute error of the held-out rows whose predictions are closest to x's
         + c · the spread of the networks at x + a floor

With folds a row's score is that of the one network that never saw it; the average of all networks
is at least as good, so the intervals are a little wide rather than narrow.

Sources: Papadopoulos and others, "Inductive confidence machines for regression", 2002 (the scale);
Romano, Patterson and Candès, "Conformalized quantile regression", 2019; Barber and others,
"Predictive inference with the jackknife+", 2021 (folds).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.base.numbers import number

# How many neighbours the local error is averaged over, and the floor in mean errors.
NEIGHBOURS = 100
FLOOR = 0.2


class Interval(NamedTuple):
    """A prediction (N,) or (N, D) and the bounds of its interval, of the same shape."""

    prediction: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Bounds:
    """What is said of rows before it is calibrated, each (M, D): the prediction, the two bounds,
    and how far the networks are apart."""

    prediction: Array
    low: Array
    high: Array
    spread: Array


@dataclass(frozen=True, eq=False)
class Calibration:
    """What held-out rows have taught, each (M, D), in the order of their predictions.

    prediction  what was predicted of them
    error       how far off that was
    score       s of every row
    share       c: how much of the spread is added
    """

    prediction: Array
    error: Array
    score: Array
    share: tuple[float, ...]

    def interval(self, said: Bounds, level: float) -> Interval:
        """The interval that holds the truth of a new row with the probability `level`.

        Raises ConfigurationError unless 0 < level < 1, DataError for a level that so few held-out
        rows cannot tell.
        """
        rows = len(self.score)
        level = _level(level)
        # Rounded: 0.9 / (1 - 0.9) is a little more than 9 in binary.
        place = math.ceil(round((rows + 1) * level, 9))
        if place > rows:
            needed = math.ceil(round(level / (1 - level), 9))
            raise DataError("interval_rows", level=number(level), rows=rows, needed=needed)
        reach = np.sort(self.score, axis=0)[place - 1] * self._scale(said)
        # A negative score is that of quantiles that lie too far apart.
        low, high = said.low - reach, said.high + reach
        return Interval(said.prediction, np.minimum(low, high), np.maximum(low, high))

    def _scale(self, said: Bounds) -> Array:
        columns = [
            _local_error(self.prediction[:, k], self.error[:, k], said.prediction[:, k])
            + self.share[k] * said.spread[:, k]
            + _floor(self.error[:, k])
            for k in range(self.error.shape[1])
        ]
        return np.stack(columns, axis=1)


def calibrate(said: Bounds, truth: Array) -> Calibration:
    """What held-out rows teach, of which `said` was predicted and `truth` (M, D) came."""
    error = np.abs(truth - said.prediction)
    shares, columns = [], []
    for k in range(error.shape[1]):
        order = np.argsort(said.prediction[:, k], kind="stable")
        predicted, missed = said.prediction[order, k], error[order, k]
        count = _neighbours(len(missed))
        # A row's own error is not to count: new rows do not have theirs.
        local = (_local_error(predicted, missed, predicted) * count - missed * (count > 1)) / max(
            count - 1, 1
        )
        local = np.maximum(local, 0)
        spread = said.spread[order, k]
        middle = float(np.median(spread))
        share = float(np.median(local)) / middle if middle > 0 else 0.0
        scale = local + share * spread + _floor(missed)
        score = np.maximum(
            said.low[order, k] - truth[order, k], truth[order, k] - said.high[order, k]
        )
        columns.append((predicted, missed, score / scale))
        shares.append(share)
    predicted, missed, scores = (np.stack(parts, axis=1) for parts in zip(*columns, strict=True))
    return Calibration(predicted, missed, scores, tuple(shares))


def _neighbours(rows: int) -> int:
    return max(1, min(NEIGHBOURS, rows // 3))


def _local_error(predicted: Array, error: Array, at: Array) -> Array:
    """The mean error of the rows whose predictions, in order, are around those of `at`."""
    rows, count = len(error), _neighbours(len(error))
    first = np.clip(np.searchsorted(predicted, at) - count // 2, 0, rows - count)
    sums = np.concatenate([[0.0], np.cumsum(error)])
    mean: Array = (sums[first + count] - sums[first]) / count
    return mean


def _floor(error: Array) -> float:
    # Without any error at all every interval is a point, and so is this one.
    return FLOOR * float(error.mean()) or float(np.finfo(np.float64).tiny)


def _level(level: float) -> float:
    if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
        raise ConfigurationError("interval_level", value=level)
    return float(level)
