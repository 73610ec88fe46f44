"""A table of numbers from a CSV file: features beside target columns."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import FileError


class CsvTable(NamedTuple):
    """The columns of a file: their names, and the numbers (N, columns)."""

    path: Path
    names: tuple[str, ...]
    numbers: Array


def read_table(path: Path, *, finite: bool = True) -> CsvTable:
    """Read comma-separated numbers. A first line that is not all numbers names the columns; without
    it they are named 0, 1, 2 … Blank lines are passed over.

    finite  False takes NaN and infinities as well, and NaN for an empty cell

    Raises FileError, with the number of the line, for a cell that is missing, too many, or no
    such number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except FileNotFoundError as problem:
        raise FileError("file_missing", path=path) from problem
    except IsADirectoryError as problem:
        raise FileError("path_is_folder", path=path) from problem
    except (OSError, UnicodeError, csv.Error) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise FileError("file_unreadable", path=path, problem=reason) from problem
    names = tuple(str(position) for position in range(len(lines[0][1]))) if lines else ()
    if lines and not all(_number(cell, finite=finite) is not None for cell in lines[0][1]):
        names = tuple(cell.strip() for cell in lines.pop(0)[1])
    if not lines:
        raise FileError("table_empty", path=path)
    return CsvTable(
        path, names, np.array([_row(path, names, *line, finite=finite) for line in lines])
    )


def split(table: CsvTable, target: str | None, outputs: int) -> tuple[Array, Array]:
    """The features (N, F) and the targets (N, D) of a table.

    target   names of columns, with commas between; the last `outputs` columns unless given

    Raises FileError for a column that is not there and for a table without features.
    """
    if target is None:
        chosen = list(range(len(table.names)))[-outputs:]
    else:
        chosen = [_column(table, name.strip()) for name in target.split(",")]
    features = [column for column in range(len(table.names)) if column not in chosen]
    if not features:
        raise FileError("table_without_features", path=table.path)
    return table.numbers[:, features], table.numbers[:, chosen]


def _column(table: CsvTable, name: str) -> int:
    if name not in table.names:
        known = ", ".join(table.names)
        raise FileError("column_unknown", path=table.path, column=name, known=known)
    return table.names.index(name)


def _row(
    path: Path, names: tuple[str, ...], line: int, cells: list[str], *, finite: bool
) -> list[float]:
    if len(cells) != len(names):
        raise FileError("table_ragged", path=path, line=line, came=len(cells), expected=len(names))
    row = []
    for name, cell in zip(names, cells, strict=True):
        value = _number(cell, finite=finite)
        if value is None:
            key = "cell_not_number" if cell.strip() else "cell_missing"
            raise FileError(key, path=path, line=line, column=name, cell=cell.strip())
        row.append(value)
    return row


def _number(cell: str, *, finite: bool) -> float | None:
    """The number in a cell, or None."""
    if not finite and not cell.strip():
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) or not finite else None
