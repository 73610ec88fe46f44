"""A model judged by a table that has the truth beside the columns that it predicts from."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.data.table import Column, Note
from clearprop.estimators.table_targets import ClassTarget, NumberTarget
from clearprop.runs.evaluation import Evaluation, Groups, evaluate
from clearprop.runs.known_rows import known_rows, quantiles_of

# Numbers and dates of more different values than this are told in parts of equally many rows.
MOST_NUMBERS = 12
PARTS = 5
# Of more groups than this the smaller ones are put together.
MOST_GROUPS = 30
NO_VALUE, OTHERS = "—", "…"


def judge(
    model: Any,
    path: Path,
    *,
    target: Sequence[str] = (),
    weights: str | None = None,
    group: str | None = None,
    interval: float | None = None,
    encoding: str | None = None,
    seed: int = 0,
) -> tuple[Evaluation, tuple[Note, ...]]:
    """How good a model's predictions of a file's rows are, and what to know of these rows.

    target   the columns that hold the truth; those of the model unless told otherwise
    weights  the column that says how much each row counts
    group    the column whose groups are told apart
    interval the level of the predictions' intervals, which are then judged as well

    Raises what `known_rows` raises, DataError for a class that was not in training, and
    ConfigurationError for an interval around classes.
    """
    learned_target = model.learned_.target
    if interval is not None and not isinstance(learned_target, NumberTarget):
        raise ConfigurationError("interval_of_classes")
    rows, data, named, notes = known_rows(
        model, path, target=target, weights=weights, group=group, encoding=encoding
    )
    truth: Array = data.truth
    bounds = None
    if isinstance(learned_target, NumberTarget):
        said, bounds = _numbers(model, rows, interval)
    else:
        said = model.predict_proba(rows)
    if isinstance(named, ClassTarget):
        truth = named.encode(truth, np.float64).reshape(-1).astype(np.int64)
    found = evaluate(
        data.task,
        truth,
        said,
        columns=data.columns,
        weight=data.weight,
        groups=None if group is None else groups_of(rows[group]),
        group=group,
        bounds=bounds,
        seed=seed,
    )
    return found, notes


def groups_of(column: Column) -> Groups:
    """The group of every row: a word, or one of few numbers; of many numbers, and of dates, the
    range that the row is in. Rows without a value are a group of their own, the last one."""
    names = np.full(len(column.values), NO_VALUE, object)
    there = ~column.missing
    if column.kind in ("category", "text"):
        found = [str(value) for value in column.values[there]]
        order = sorted(set(found))
        if len(order) > MOST_GROUPS:
            common = dict(Counter(found).most_common(MOST_GROUPS - 1))
            found = [name if name in common else OTHERS for name in found]
            order = [*sorted(common), OTHERS]
    else:
        values = column.numbers[there]
        distinct = np.unique(values)
        few = len(distinct) <= MOST_NUMBERS
        edges = distinct if few else np.unique(np.quantile(values, np.linspace(0, 1, PARTS + 1)))
        told = [_told(column, edge) for edge in edges]
        order = told if few else [f"{low} … {high}" for low, high in pairwise(told)]
        place = np.searchsorted(edges, values, side="right") - 1
        found = [order[min(one, len(order) - 1)] for one in place]
    names[there] = found
    return Groups(names, (*order, *([NO_VALUE] if not there.all() else [])))


def _told(column: Column, value: float) -> str:
    """A number of the column as its table has it."""
    return (
        str(np.datetime64(int(value), "D"))
        if column.kind == "date"
        else brief(float(f"{value:.4g}"))
    )


def _numbers(
    model: Any, rows: Any, interval: float | None
) -> tuple[Array, tuple[Array, Array, float] | None]:
    """The predictions (N, D), and their bounds with the level that these are meant to have."""
    quantiles = quantiles_of(model)
    if interval is not None:
        said, low, high = (
            one.reshape(rows.rows, -1) for one in model.predict(rows, interval=interval)
        )
        return said, (low, high, interval)
    said = model.predict(rows).reshape(rows.rows, -1)
    if len(quantiles) < 2:
        return said, None
    # The middle one is the prediction, and between the outer two the truth should lie.
    order = np.argsort(quantiles)
    level = float(quantiles[order[-1]] - quantiles[order[0]])
    middle = int(np.argmin(np.abs(np.array(quantiles) - 0.5)))
    return said[:, [middle]], (said[:, order[:1]], said[:, order[-1:]], level)
