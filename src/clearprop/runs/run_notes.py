"""What a person should know of the rows before a network learns from them: columns that say
nothing, or too much, and settings that do not fit so few rows."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.column_notes import ENOUGH_ROWS, column_notes, ranks_of, row_notes
from clearprop.data.preparation import FEW_ROWS
from clearprop.data.table import Column, Note, Table
from clearprop.runs.run_data import RunData
from clearprop.runs.run_settings import RunSettings

# What is said of columns that a network may be given; others it refuses, or they need no warning.
TOLD = frozenset(
    f"data.notes.{name}"
    for name in ("constant", "id_like", "repeated", "mostly_missing", "mixed", "dressed")
)
# Rank correlations from this on leave no doubt.
EXACTLY = 0.9999


def noticed(data: RunData, settings: RunSettings) -> tuple[Note, ...]:
    """What is to be said of rows that are learned from."""
    return (
        *_of_target(data),
        *_of_columns(data),
        *row_notes(_with_truth(data)),
        *_of_size(len(data), settings),
    )


def _of_target(data: RunData) -> Iterator[Note]:
    for name, column in _target_columns(data):
        if (column == column[0]).all():
            value = f"{column[0]:g}" if data.task == "regression" else str(column[0])
            yield "runs.notes.target_constant", {"target": name, "value": value}


def _with_truth(data: RunData) -> Table:
    truth = [
        Column(name, "number", np.unique(values, return_inverse=True)[1].astype(np.float64))
        for name, values in _target_columns(data)
    ]
    return Table((*data.inputs.columns, *truth))


def _of_columns(data: RunData) -> Iterator[Note]:
    yield from (note for note in column_notes(data.inputs) if note[0] in TOLD)
    if len(data) < ENOUGH_ROWS:
        return
    for column in data.inputs.columns:
        ranks = ranks_of(column)
        if ranks.max() == 0:
            continue
        for target, truth in _targets(data):
            if _tells(ranks, truth, is_number=data.task == "regression"):
                named: dict[str, object] = {"column": column.name, "target": target}
                yield "runs.notes.column_tells_target", named


def _of_size(rows: int, settings: RunSettings) -> Iterator[Note]:
    if rows < FEW_ROWS:
        yield "runs.notes.few_rows", {"least": FEW_ROWS}
    elif settings.batch_size > rows:
        yield "runs.notes.batch_of_all", {"batch_size": settings.batch_size, "rows": rows}


def _targets(data: RunData) -> Iterator[tuple[str, Array]]:
    for name, column in _target_columns(data):
        ranks = np.unique(column, return_inverse=True)[1]
        # A constant is told by anything.
        if ranks.max() > 0:
            yield name, ranks


def _target_columns(data: RunData) -> Iterator[tuple[str, Array]]:
    truth = data.truth if data.truth.ndim == 2 else data.truth[:, None]
    return zip(data.columns, truth.T, strict=True)


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
