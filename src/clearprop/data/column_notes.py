"""What a person should know of a table's columns before a network is trained on them."""

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


def column_notes(table: Table) -> tuple[Note, ...]:
    """Columns that are constant, have no or few values, tell nothing but the rows apart, hold text,
    dates, infinities or numbers with a slip among them, or say the same as another one."""
    notes = [note for column in table.columns for note in _notes_of(column)]
    return (*notes, *_repeated(table))


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
    elif is_id_like(column):
        yield "data.notes.id_like", named
    elif slips := _slips(column, there):
        values = {"count": len(slips), "rows": int(there.sum()), "value": slips[0]}
        yield "data.notes.mixed", {**named, **values}
    elif column.kind == "text":
        yield "data.notes.text", {**named, "count": f"{len(column.distinct):,}"}
    elif column.kind == "date":
        yield "data.notes.date", named


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
