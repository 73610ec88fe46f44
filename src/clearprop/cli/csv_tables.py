"""A table from a CSV file: names of columns, and cells that are read as numbers or as text."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import FileError
from clearprop.base.numbers import reads_as_number
from clearprop.base.opening import read_or_refused


class CsvTable(NamedTuple):
    """The columns of a file: their names, and under them the cells of every row, without the spaces
    around them, with the line of the file that each row ends on."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> int:
        """The position of a column. Raises FileError where there is none, or more than one."""
        known = ", ".join(self.names)
        if name not in self.names:
            raise FileError("column_unknown", path=self.path, column=name, known=known)
        if self.names.count(name) > 1:
            where = ", ".join(str(i) for i, one in enumerate(self.names) if one == name)
            raise FileError("column_twice", path=self.path, column=name, where=where)
        return self.names.index(name)

    def is_numeric(self, column: int) -> bool:
        """Whether every cell of a column is a number, or empty, and some are numbers."""
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(reads_as_number(cell) for cell in cells)

    def texts(self, column: int) -> list[str]:
        """The cells of a column. Raises FileError, with the line, for one that is empty."""
        found = [row[column] for row in self.rows]
        if "" in found:
            raise self.problem("cell_missing", found.index(""), column)
        return found

    def numbers(self, columns: list[int], *, finite: bool = True) -> Array:
        """The numbers (N, columns).

        finite  False takes NaN and infinities as well, and NaN for an empty cell

        Raises FileError, with the line, for a cell that is empty or no such number.
        """
        found = np.array([[_number(row[column]) for column in columns] for row in self.rows])
        wrong = np.isnan(found) if finite else np.zeros(found.shape, bool)
        wrong |= np.array(
            [[not _takes(row[c], finite=finite) for c in columns] for row in self.rows]
        )
        if wrong.any():
            row, place = (int(i) for i in np.argwhere(wrong)[0])
            key = "cell_not_number" if self.rows[row][columns[place]] else "cell_missing"
            raise self.problem(key, row, columns[place])
        return found

    def problem(self, key: str, row: int, column: int, **values: object) -> FileError:
        """What to raise for one cell."""
        return FileError(
            key,
            path=self.path,
            line=self.lines[row],
            column=self.names[column],
            cell=self.rows[row][column],
            **values,
        )


def read_table(path: Path) -> CsvTable:
    """Read comma-separated cells. A first line without any number names the columns; without one
    they are named 0, 1, 2 … Blank lines are passed over.

    Raises FileError, with the line, for a row with too few cells or too many, and for a first line
    that is half names and half numbers, which would be lost as the one or the other.
    """
    try:
        with read_or_refused(path), path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            found = [
                (reader.line_num, tuple(cell.strip() for cell in cells))
                for cells in reader
                if any(map(str.strip, cells))
            ]
    except (UnicodeError, csv.Error) as problem:
        raise FileError("file_unreadable", path=path, problem=problem) from problem
    if not found:
        raise FileError("table_empty", path=path)
    first = found[0][1]
    names = tuple(str(position) for position in range(len(first)))
    if not any(map(reads_as_number, first)):
        names = first
        del found[0]
    if not found:
        raise FileError("table_empty", path=path)
    for line, cells in found:
        if len(cells) != len(names):
            raise FileError(
                "table_ragged", path=path, line=line, came=len(cells), expected=len(names)
            )
    lines, rows = zip(*found, strict=True)
    table = CsvTable(path, names, rows, lines)
    _require_no_half_header(table)
    return table


def _require_no_half_header(table: CsvTable) -> None:
    below = table._replace(rows=table.rows[1:])
    for column, cell in enumerate(table.rows[0]):
        if cell and not reads_as_number(cell) and below.is_numeric(column):
            raise table.problem("header_half", 0, column)


def _takes(cell: str, *, finite: bool) -> bool:
    if not cell:
        return not finite
    return reads_as_number(cell) and (not finite or math.isfinite(float(cell)))


def _number(cell: str) -> float:
    return float(cell) if reads_as_number(cell) else math.nan
