"""What a person should know of a table's columns before a network is trained on them."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import reads_as_number
from clearprop.data.table import Column, Note, Table
from clearprop.data.typing_columns import date_text, word_of_number

# Of fewer rows a column may differ everywhere, or go with another one, by chance.
ENOUGH_ROWS = 20
# A column with a smaller share of values than this is spoken of.
FEW_VALUES = 0.5
# Words with a smaller share of them among numbers are taken to be slips.
FEW_WORDS = 0.25
# A larger share of rows that stand there once more is spoken of.
FEW_COPIES = 0.05
# $1,234.50, NT$500, 12.5 %, 1,234: a number as people read it, which no program does.
_DRESSED = re.compile(
    r"\s*(?:[A-Z]{0,3}[$€£¥]\s?)?[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)?\s?[%€£¥元]?\s*"
)


def column_notes(table: Table) -> tuple[Note, ...]:
    """Columns that are constant, have no or few values, tell nothing but the rows apart, hold text,
    dates, infinities, numbers with signs or with a slip among them, or say the same as another."""
    notes = [note for column in table.columns for note in _notes_of(column)]
    return (*notes, *_repeated(table))


def row_notes(table: Table) -> tuple[Note, ...]:
    """That many rows stand there more than once, where that is no matter of few different values:
    where a column of numbers tells most of the others apart."""
    if table.rows < ENOUGH_ROWS:
        return ()
    which = np.zeros(table.rows, np.int64)
    most = 0
    for column in table.columns:
        ranks = ranks_of(column)
        most = max(most, int(ranks.max()) + 1 if column.kind == "number" else 0)
        which = np.unique(which * (ranks.max() + 1) + ranks, return_inverse=True)[1]
    different = int(which.max()) + 1
    copies = table.rows - different
    if copies <= FEW_COPIES * table.rows or 2 * most <= different:
        return ()
    return (("data.notes.copies", {"count": f"{copies:,}", "rows": f"{table.rows:,}"}),)


def ranks_of(column: Column) -> Array:
    """Ranks (N,) of the values, from 0 without a gap; equal ones have equal ranks."""
    values = column.values
    if column.kind in ("category", "text", "other"):
        values = np.array(["" if value is None else str(value) for value in values])
    return np.unique(values, return_inverse=True)[1]


def is_id_like(column: Column) -> bool:
    """Whether every row has another value, and the values are names or count the rows."""
    if len(column.values) < ENOUGH_ROWS or column.missing.any() or column.kind == "date":
        return False
    if column.kind != "number":
        return len(column.distinct) == len(column.values)
    values = column.values
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        return False
    ordered = np.sort(values)
    if (np.diff(ordered) == 0).any():
        return False
    # Numbered one after the other, in whatever order and with gaps; or in the order of the rows.
    return bool(np.ptp(values) < 2 * len(values) or np.array_equal(ordered, values))


def _notes_of(column: Column) -> Iterator[Note]:
    named: dict[str, object] = {"column": column.name}
    there = ~column.missing
    share = float(there.mean())
    if not there.any():
        yield "data.notes.all_missing", named
        return
    if column.kind == "other":
        yield "data.notes.other", {**named, "type": ", ".join(column.distinct)}
        return
    if column.kind == "number" and (endless := int(np.isinf(column.values).sum())):
        first = int(np.argmax(np.isinf(column.values)))
        yield "data.notes.infinite", {**named, "count": endless, "rows": len(there), "row": first}
    if share < FEW_VALUES:
        yield "data.notes.mostly_missing", {**named, "percent": f"{100 * (1 - share):.0f}"}
    if _is_constant(column.take(there)):
        yield "data.notes.constant", {**named, "value": _told(column, column.values[there][0])}
    elif dressed := _dressed(column, there):
        yield "data.notes.dressed", {**named, "value": dressed}
    elif is_id_like(column):
        yield "data.notes.id_like", named
    elif slips := _slips(column, there):
        values = {"count": len(slips), "rows": int(there.sum()), "value": slips[0]}
        yield "data.notes.mixed", {**named, **values}
    elif column.kind == "text":
        yield "data.notes.text", {**named, "count": f"{len(column.distinct):,}"}
    elif column.kind == "date":
        yield "data.notes.date", named


def _dressed(column: Column, there: Array) -> str | None:
    """The first of a column's words that is a number with signs, where all are numbers."""
    if column.kind in ("number", "date"):
        return None
    words = [str(value) for value in column.values[there]]
    if not all(map(_DRESSED.fullmatch, words)):
        return None
    return next((word for word in words if not reads_as_number(word)), None)


def _slips(column: Column, there: Array) -> list[str]:
    """The few words of a column that holds numbers otherwise."""
    if column.kind in ("number", "date"):
        return []
    words = [str(value) for value in column.values[there]]
    slips = [word for word in words if not reads_as_number(word)]
    return slips if len(slips) < FEW_WORDS * len(words) else []


def _is_constant(column: Column) -> bool:
    if column.kind in ("number", "date"):
        return bool((column.values == column.values[0]).all())
    return len(column.distinct) == 1


def _told(column: Column, value: Any) -> str:
    if column.kind == "number":
        return word_of_number(value)
    return date_text(value) if column.kind == "date" else str(value)


def _repeated(table: Table) -> Iterator[Note]:
    """Columns whose values are those of an earlier one."""
    seen: dict[object, str] = {}
    for column in table.columns:
        values = column.values
        key = (
            column.kind,
            values.tobytes() if column.kind in ("number", "date") else tuple(values),
        )
        if (
            column.kind == "other"
            or column.missing.all()
            or _is_constant(column.take(~column.missing))
        ):
            continue
        if key in seen:
            yield "data.notes.repeated", {"column": column.name, "other": seen[key]}
        seen.setdefault(key, column.name)
