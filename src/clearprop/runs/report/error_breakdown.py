"""Where a model errs more than elsewhere: its error by group, and along time."""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.runs.bootstrap import Estimate, estimates

# Groups that are told one by one; the largest ones.
MOST_GROUPS = 20
# Parts of the time, with equally many rows each, and the rows that a part has at least.
PARTS, LEAST_ROWS = 12, 10


class RowErrors(NamedTuple):
    """The one metric by which parts of the rows are told apart: the mean of `values` (N,), each row
    counting `weight` (N,), or the root of it.

    rmse             one number: in its own unit
    rmse_deviations  several numbers: of all of them, each in deviations of the training's
    error_rate       classes: the share that is wrong
    hamming_loss     labels: the share of all of them that is wrong
    """

    metric: str
    values: Array
    weight: Array
    is_root: bool

    def estimate(self, rows: Array) -> Estimate:
        """The metric of some of the rows, with its interval."""
        values = self.values[rows]

        def measures(weight: Array) -> dict[str, Array]:
            total = weight.sum(axis=1)
            mean = weight @ values / np.where(total > 0, total, np.nan)
            return {self.metric: np.sqrt(mean) if self.is_root else mean}

        return estimates(measures, self.weight[rows])[self.metric]


class GroupError(NamedTuple):
    """The rows of one group, and the metric of them."""

    group: str
    rows: int
    error: Estimate


class GroupErrors(NamedTuple):
    """The groups, the largest first, and the metric of the rows of all others, if there are any
    (`others` counts those groups); `every` is that of all rows together."""

    groups: tuple[GroupError, ...]
    others: int
    rest: GroupError | None
    every: GroupError


class TimeError(NamedTuple):
    """Rows that follow each other in time, from `first` to `last`, and the metric of them."""

    first: float
    last: float
    rows: int
    error: Estimate


def row_errors(target: TableTarget, truth: Array, said: Array, weight: Array) -> RowErrors:
    """What is wrong in each row, of what was said (N, D) of it."""
    if isinstance(target, ClassTarget):
        wrong = (said.argmax(axis=1) != truth).astype(np.float64)
        return RowErrors("error_rate", wrong, weight, is_root=False)
    if not isinstance(target, NumberTarget):
        wrong = ((said > 0.5) != truth).mean(axis=1)
        return RowErrors("hamming_loss", wrong, weight, is_root=False)
    if target.outputs == 1:
        return RowErrors("rmse", (said - truth)[:, 0] ** 2, weight, is_root=True)
    square = (((said - truth) / np.array(target.deviation)) ** 2).mean(axis=1)
    return RowErrors("rmse_deviations", square, weight, is_root=True)


def errors_by_group(errors: RowErrors, groups: Array) -> GroupErrors:
    """The metric of each group (N,) of the rows, with its interval."""
    names, counts = np.unique(groups, return_counts=True)
    largest = sorted(zip(-counts, names.tolist(), strict=True))
    told = [str(name) for _, name in largest[:MOST_GROUPS]]
    found = [_group(name, errors, groups == name) for name in told]
    others = len(names) - len(told)
    rest = _group("", errors, ~np.isin(groups, told)) if others else None
    every = _group("", errors, np.ones(len(groups), bool))
    return GroupErrors(tuple(found), others, rest, every)


def errors_by_time(errors: RowErrors, times: Array) -> tuple[TimeError, ...]:
    """The metric of each part of the rows, in the order of their times (N,). Rows of one moment
    stay in one part."""
    order = np.argsort(times, kind="stable")
    count = max(1, min(PARTS, len(order) // LEAST_ROWS))
    ends = [part[-1] for part in np.array_split(order, count) if len(part)]
    found, before = [], -np.inf
    for end in np.unique(times[ends]):
        rows = (times > before) & (times <= end)
        own = times[rows]
        error = errors.estimate(rows)
        found.append(TimeError(float(own.min()), float(own.max()), int(rows.sum()), error))
        before = end
    return tuple(found)


def days_of(times: Array) -> Array:
    """Numbers as they are, and dates as days since 1970."""
    if times.dtype.kind != "M":
        return times
    days: Array = times.astype("datetime64[us]").astype(np.int64) / 86_400e6
    return days


def _group(name: str, errors: RowErrors, rows: Array) -> GroupError:
    return GroupError(name, int(rows.sum()), errors.estimate(rows))
