"""A person's own table: CSV as text, with NumPy alone, as samples for the lab.

A first line without any number names the columns. Columns of numbers can go in; the target is one
or several columns of numbers, or one column of words or whole numbers that are classes. Nothing is
left out or scaled without a sentence that says so.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import DataError
from clearprop.base.numbers import brief, reads_as_number
from clearprop.lab.building_blocks import LIMITS
from clearprop.lab.data_sets import LabData

# More lines are sampled before they are taken apart, where a cell cannot go over a line.
LINES = 100_000
# So many different words are classes; more are names.
MOST_CLASSES = 20
# A column whose numbers are about this large is taken as it is.
SMALL, LARGE = 0.1, 10.0
HEAD = 5

say = messages.within("lab")


@dataclass(frozen=True)
class Told:
    """A sentence about a table: its key, and what stands in it."""

    key: str
    values: dict[str, object]

    def text(self, language: str) -> str:
        """The sentence."""
        return say(language, f"session.table.{self.key}", **self.values)


@dataclass(frozen=True, eq=False)
class OwnTable:
    """The cells of a table, column by column.

    kinds  number or text, of every column
    notes  what was left out
    """

    name: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[Told, ...]


def table_of(name: str, text: str) -> OwnTable:
    """Read CSV. Raises DataError for what is no table."""
    if not text.strip() or "\0" in text:
        raise DataError("lab_table_empty", name=name[:60])
    notes: list[Told] = []
    lines, came, first = _sampled_lines(text)
    try:
        found = [
            tuple(cell.strip() for cell in cells)
            for cells in csv.reader(io.StringIO(lines), _dialect(first), strict=True)
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as problem:
        raise DataError("lab_table_unreadable", name=name[:60], problem=problem) from problem
    names = tuple(f"column{number}" for number in range(len(found[0])))
    if not any(map(reads_as_number, found[0])):
        names = found.pop(0)
    if not found:
        raise DataError("lab_table_empty", name=name[:60])
    if len(set(names)) < len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise DataError("lab_table_twice", name=name[:60], column=twice[:40])
    for number, cells in enumerate(found):
        if len(cells) != len(names):
            raise DataError(
                "lab_table_ragged",
                name=name[:60],
                row=number,
                came=len(cells),
                expected=len(names),
            )
    rows, dropped = _whole_rows(found)
    if not rows:
        raise DataError("lab_table_nothing", name=name[:60])
    if dropped:
        notes.append(Told("dropped", {"count": dropped}))
    most = LIMITS["samples"]
    # Said once, of all rows that the file has, however often they were sampled.
    if came or len(rows) > most:
        told = f"{came or len(rows):,}"
        rows = _sample(rows, min(most, len(rows)))
        notes.append(Told("sampled", {"rows": told, "most": f"{len(rows):,}"}))
    kinds = tuple(
        "number" if all(_is_finite(row[column]) for row in rows) else "text"
        for column in range(len(names))
    )
    return OwnTable(name, names, kinds, tuple(rows), tuple(notes))


def data_of_table(
    table: OwnTable, inputs: Sequence[Any] | None, target: Sequence[Any] | None
) -> tuple[LabData, tuple[Told, ...]]:
    """The samples of a table with its columns chosen, and what a person should know of them.

    Without a choice the last column is the target, and all other columns of numbers go in. Raises
    DataError for columns that cannot be.
    """
    notes = list(table.notes)
    targets = _columns(table, target) or [len(table.names) - 1]
    chosen = _columns(table, inputs)
    if chosen is None:
        chosen = [
            column
            for column, kind in enumerate(table.kinds)
            if column not in targets and kind == "number"
        ]
        left = [
            name
            for column, name in enumerate(table.names)
            if column not in targets and column not in chosen
        ]
        if left and chosen:
            notes.append(Told("unused", {"columns": _with_cells(table, left)}))
        if left and not chosen:
            # One cell that is no number takes a whole column away: which one it is helps.
            raise _no_number(table, table.names.index(left[0]))
    if not chosen:
        raise DataError("lab_table_no_inputs", name=table.name[:60])
    for column in chosen:
        if table.kinds[column] != "number":
            raise _no_number(table, column)
        if column in targets:
            raise DataError("lab_table_both", column=table.names[column][:40])
    x = np.array([[float(row[column]) for column in chosen] for row in table.rows])
    names = [table.names[column] for column in chosen]
    x = _scaled(x, names, notes)
    t, classes = _target(table, targets, notes)
    data = LabData(
        table.name, x, t, tuple(names), tuple(table.names[one] for one in targets), classes
    )
    return data, tuple(notes)


def _first_word(table: OwnTable, column: int) -> tuple[int, str]:
    """The first cell of a column of text that is no number: its row, and what it holds."""
    return next(
        (row, cells[column])
        for row, cells in enumerate(table.rows)
        if not _is_finite(cells[column])
    )


def _no_number(table: OwnTable, column: int) -> DataError:
    row, cell = _first_word(table, column)
    return DataError("lab_table_cell", column=table.names[column][:40], row=row, cell=cell[:40])


def _with_cells(table: OwnTable, names: Sequence[str]) -> str:
    """Columns of words, each with the first of them."""
    cells = [_first_word(table, table.names.index(name))[1] for name in names]
    return ", ".join(f"{name} ({cell[:20]} …)" for name, cell in zip(names, cells, strict=True))


def _target(
    table: OwnTable, targets: list[int], notes: list[Told]
) -> tuple[Array, tuple[str, ...]]:
    """Numbers (N, D), or the ids of classes (N,) and what they are called."""
    words = [column for column in targets if table.kinds[column] == "text"]
    if not words:
        found = np.array([[float(row[column]) for column in targets] for row in table.rows])
        distinct = np.unique(found)
        whole = bool(np.all(found == np.round(found)))
        if len(targets) == 1 and whole and 2 <= len(distinct) <= 10 and len(found) > 20:
            notes.append(Told("classes", {"column": table.names[targets[0]]}))
            names = tuple(str(int(value)) for value in distinct)
            return np.searchsorted(distinct, found[:, 0]).astype(np.int64), names
        return _scaled(found, [table.names[column] for column in targets], notes), ()
    if len(targets) > 1:
        raise DataError("lab_table_words", column=table.names[words[0]][:40])
    cells = [row[targets[0]] for row in table.rows]
    classes = tuple(sorted(set(cells)))
    if len(classes) > MOST_CLASSES:
        raise DataError(
            "lab_table_classes",
            column=table.names[targets[0]][:40],
            count=len(classes),
            most=MOST_CLASSES,
        )
    places = {name: number for number, name in enumerate(classes)}
    return np.array([places[cell] for cell in cells], np.int64), classes


def _scaled(values: Array, names: Sequence[str], notes: list[Told]) -> Array:
    """Columns whose numbers are very small or large, to mean 0 and deviation 1."""
    made = values.copy()
    for column, name in enumerate(names):
        # A power of two is taken out first: of numbers near the largest there are, the squares are
        # no numbers. It changes no bits of the others.
        power = int(np.frexp(np.abs(values[:, column]).max())[1])
        small = np.ldexp(values[:, column], -power)
        mean, deviation = (float(np.ldexp(one, power)) for one in (small.mean(), small.std()))
        if small.std() == 0 or (abs(mean) <= LARGE and SMALL <= deviation <= LARGE):
            continue
        made[:, column] = (small - small.mean()) / small.std()
        numbers = {"mean": brief(mean), "deviation": brief(deviation)}
        notes.append(Told("scaled", {"column": name, **numbers}))
    return made


def _columns(table: OwnTable, chosen: Sequence[Any] | None) -> list[int] | None:
    if chosen is None:
        return None
    for name in chosen:
        if name not in table.names:
            raise DataError(
                "lab_table_column", column=str(name)[:40], known=", ".join(table.names)[:200]
            )
    return [table.names.index(name) for name in dict.fromkeys(chosen)]


def _sampled_lines(text: str) -> tuple[str, int, str]:
    """The text, of very many lines the first and some others; how many rows it had where it was
    sampled, otherwise 0; and the first line."""
    first = text.lstrip("\ufeff\r\n ").split("\n", 1)[0]
    text = text.lstrip("\ufeff")
    count = text.count("\n")
    if count <= LINES or '"' in text:
        return text, 0, first
    lines = text.split("\n")
    kept = _sample(lines[1:], LINES)
    return "\n".join([lines[0], *kept]), sum(map(bool, map(str.strip, lines[1:]))), first


def _sample(rows: list[Any], most: int) -> list[Any]:
    chosen = keyed_generator(0, path="lab/rows").choice(len(rows), most, replace=False)
    return [rows[number] for number in sorted(chosen.tolist())]


def _dialect(first: str) -> type[csv.Dialect]:
    """Commas, or what a spreadsheet writes in their place."""
    separators = (",", ";", "\t")
    counts = [first.count(one) for one in separators]

    class Written(csv.excel):
        delimiter = separators[counts.index(max(counts))]

    return Written


def _whole_rows(rows: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], int]:
    """The rows without an empty cell and without NaN, and how many were left out."""
    whole = [row for row in rows if not any(_is_missing(cell) for cell in row)]
    return whole, len(rows) - len(whole)


def _is_missing(cell: str) -> bool:
    return not cell or (reads_as_number(cell) and not math.isfinite(float(cell)))


def _is_finite(cell: str) -> bool:
    return reads_as_number(cell) and math.isfinite(float(cell))
