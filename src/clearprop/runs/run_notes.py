"""What a person should know of the rows before a network learns from them: columns that say
nothing, that say too much, and settings that do not fit so few rows."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.preparation import FEW_ROWS
from clearprop.data.table import Column
from clearprop.runs.run_data import RunData
from clearprop.runs.run_settings import RunSettings

# (key, values) of a sentence of `runs.notes`.
Note: TypeAlias = tuple[str, dict[str, object]]

# Of fewer rows any column may tell a target, or look like an id, by chance.
ENOUGH_ROWS = 20
# Rank correlations from this on leave no doubt.
EXACTLY = 0.9999


def noticed(data: RunData, settings: RunSettings) -> tuple[Note, ...]:
    """What is to be said of rows that are learned from."""
    return (*_of_columns(data), *_of_size(len(data), settings))


def _of_columns(data: RunData) -> Iterator[Note]:
    ranked = [_ranks(column) for column in data.inputs.columns]
    seen: dict[bytes, str] = {}
    for column, ranks in zip(data.inputs.columns, ranked, strict=True):
        values = {"column": column.name}
        if ranks.max(initial=0) == 0:
            if not column.missing.all():
                yield "column_constant", {**values}
            continue
        # The ranks of two columns are the same where one is a growing function of the other.
        other = seen.setdefault(ranks.tobytes(), column.name)
        if other != column.name and _same(data.inputs[other], column):
            yield "columns_equal", {"column": other, "other": column.name}
        if len(data) < ENOUGH_ROWS:
            continue
        for target, truth in _targets(data):
            if _tells(ranks, truth, is_number=data.task == "regression"):
                yield "column_tells_target", {**values, "target": target}
        if _is_id(column):
            yield "column_is_id", {**values}


def _of_size(rows: int, settings: RunSettings) -> Iterator[Note]:
    if rows < FEW_ROWS:
        yield "few_rows", {"least": FEW_ROWS}
    elif settings.batch_size > rows:
        yield "batch_of_all", {"batch_size": settings.batch_size, "rows": rows}


def _targets(data: RunData) -> Iterator[tuple[str, Array]]:
    truth = data.truth if data.truth.ndim == 2 else data.truth[:, None]
    for name, column in zip(data.columns, truth.T, strict=True):
        ranks = np.unique(column, return_inverse=True)[1]
        # A constant is told by anything.
        if ranks.max() > 0:
            yield name, ranks


def _ranks(column: Column) -> Array:
    """Equal values have equal ranks, from 0 without a gap."""
    values = column.values
    if column.kind in ("category", "text"):
        values = np.array(["" if value is None else str(value) for value in values])
    return np.unique(values, return_inverse=True)[1]


def _same(one: Column, other: Column) -> bool:
    if one.kind != other.kind:
        return False
    if one.kind in ("category", "text"):
        return bool((one.values == other.values).all())
    return bool(np.array_equal(one.numbers, other.numbers, equal_nan=True))


def _is_id(column: Column) -> bool:
    """Whole numbers, all different and without gaps."""
    if column.kind != "number" or not np.isfinite(column.values).all():
        return False
    values = np.sort(column.values)
    return bool((np.diff(values) == 1).all() and values[0] == round(values[0]))


def _tells(ranks: Array, truth: Array, *, is_number: bool) -> bool:
    """Whether a column's ranks (N,) tell those of the target (N,) by a function that is simple:
    growing or falling of a number; of classes, one that has each of them in one piece."""
    if is_number:
        # With few values of the target, what is alike by chance is not much.
        return bool(abs(np.corrcoef(ranks, truth)[0, 1]) > EXACTLY)
    order = np.lexsort((truth, ranks))
    sorted_ranks, sorted_truth = ranks[order], truth[order]
    same_value = np.diff(sorted_ranks) == 0
    changes = np.diff(sorted_truth) != 0
    if (same_value & changes).any():
        return False
    return bool(changes.sum() == truth.max() or ranks.max() == truth.max())
