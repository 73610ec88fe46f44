"""How far a metric would come out elsewhere: intervals by drawing the rows again and again.

    resample       as many rows as there are, drawn with replacement: a count for every row
    BCa            quantiles of the resampled metric, at levels that are moved by its bias z₀ and by
                   the acceleration a, which leaving out rows shows

The calibration error has no interval: it is a sum of absolute values, which resampling itself makes
larger, and no quantile of the resamples makes up for that.

The draws are keyed by a seed: the same rows give the same intervals. Source: Efron, "Better
bootstrap confidence intervals", 1987.
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.runs.weighted_metrics import Measures

# Draws of a small table, and of a large one, whose intervals are narrow.
MOST_DRAWS = 1000
FEWEST_DRAWS = 100
# No more classes than this are looked at as fast as one.
FEW_CLASSES = 10
# Weights that are looked at in all, and at once.
BUDGET = 5_000_000
AT_ONCE = 500_000
# Parts that are left out in turn to measure the acceleration.
PARTS = 100
# The share of resamples in which a metric has to be defined.
LEAST_DEFINED = 0.9
WITHOUT_INTERVAL = ("calibration_error",)


class Estimate(NamedTuple):
    """A metric and its interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def draws_for(rows: int, classes: int = 1) -> int:
    """How many resamples so many rows get, and fewer of many classes, for each has its curves."""
    shared = max(1, classes // FEW_CLASSES)
    return int(np.clip(BUDGET // max(rows * shared, 1), FEWEST_DRAWS, MOST_DRAWS))


def estimates(
    measures: Measures, weight: Array, *, level: float = 0.95, seed: int = 0, classes: int = 1
) -> dict[str, Estimate]:
    """Every metric of rows that count so much, (N,), with its interval of this level.

    classes  how many have curves of their own, of which the more the fewer resamples are drawn

    One row has no interval, and neither has a metric that most resamples leave undefined.
    """
    rows = len(weight)
    values = {name: float(one[0]) for name, one in measures(weight[None]).items()}
    if rows < 2:
        return {name: Estimate(defined(value), None, None) for name, value in values.items()}
    drawn = _measured(measures, _draws(weight, seed, draws_for(rows, classes)))
    without = _measured(measures, _parts_left_out(weight))
    found = {}
    for name, value in values.items():
        ends: tuple[float | None, float | None] = None, None
        finite = drawn[name][np.isfinite(drawn[name])]
        told = np.isfinite(value) and len(finite) >= LEAST_DEFINED * len(drawn[name])
        if told and name not in WITHOUT_INTERVAL:
            ends = _bca(value, finite, without[name], level)
        found[name] = Estimate(defined(value), *ends)
    return found


def _draws(weight: Array, seed: int, count: int) -> Iterator[Array]:
    """The weights of all resamples, some (B, N) after the other."""
    rows = len(weight)
    generator = np.random.default_rng(seed)

    def drawn(_: int) -> Array:
        return np.bincount(generator.integers(rows, size=rows), minlength=rows) * weight

    return _blocks(count, rows, drawn)


def _parts_left_out(weight: Array) -> Iterator[Array]:
    """The weights (B, N) with one part of the rows after the other at 0."""
    rows = len(weight)
    parts = min(rows, PARTS)
    part = np.arange(rows) % parts
    return _blocks(parts, rows, lambda one: np.where(part == one, 0, weight))


def _blocks(count: int, rows: int, line: Callable[[int], Array]) -> Iterator[Array]:
    size = max(1, AT_ONCE // rows)
    for first in range(0, count, size):
        yield np.stack([line(one) for one in range(first, min(first + size, count))])


def _measured(measures: Measures, blocks: Iterator[Array]) -> dict[str, Array]:
    """Every metric of every resample."""
    parts = [measures(block) for block in blocks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _bca(value: float, drawn: Array, without: Array, level: float) -> tuple[float, float]:
    normal = NormalDist()
    # Ties count half; a share of 0 or 1 has no quantile.
    below = float((drawn < value).mean() + (drawn == value).mean() / 2)
    least = 1 / (len(drawn) + 1)
    bias = normal.inv_cdf(min(max(below, least), 1 - least))
    off = np.nanmean(without) - without[np.isfinite(without)]
    squares = float((off**2).sum())
    acceleration = float((off**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + normal.inv_cdf(share)
        slowed = 1 - acceleration * moved
        ends.append(normal.cdf(bias + moved / slowed) if slowed > 0 else share)
    low, high = np.quantile(drawn, ends)
    return float(low), float(high)


def defined(value: float) -> float | None:
    """The value, None where it is not finite."""
    return value if np.isfinite(value) else None
