"""A file as a table: CSV, TSV, Parquet, Arrow or Feather, NPZ.

The ending of the name says which. Nothing is ever unpickled.
"""

import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import DataError, FileError
from clearprop.data.csv_text import CsvForm, csv_form, line_of, opened, text_batches
from clearprop.data.frames import table_of_arrow
from clearprop.data.table import Column, ColumnKind, Note, Table
from clearprop.data.typing_columns import type_of, typed, word_of_number

if TYPE_CHECKING:
    import pyarrow as pa

# What is told of an encoding that its mark says.
MARKED_UTF8 = "utf-8-sig"
ENCODING_NAMES = {"utf-16": "UTF-16"}
READERS = ("csv", "tsv", "txt", "parquet", "arrow", "feather", "npz")
SPREADSHEETS = ("xls", "xlsx", "xlsm", "ods", "numbers")


def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    categories: tuple[str, ...] = (),
    words: Collection[str] = (),
) -> Table:
    """Read a file into a table.

    encoding    of a CSV file: UTF-8, or UTF-16 with its mark, unless told otherwise
    categories  columns that hold words even where they look like numbers
    words       the same of columns that need not be there: those that a model knows as words

    Raises FileError for a file that is missing, damaged, empty, of another kind or ragged, with the
    line; DataError for a column that is not there; MissingDependencyError without pyarrow.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending in SPREADSHEETS:
        raise FileError("table_spreadsheet", path=path)
    if ending not in READERS:
        raise FileError("table_kind", path=path, known=", ".join(READERS))
    if ending == "npz":
        table = _read_npz(path)
    else:
        require("pyarrow")
        if ending in ("csv", "tsv", "txt"):
            return _read_csv(path, encoding, categories, words)
        table = table_of_arrow(_read_arrow(path, ending), str(path))
    if not table.rows:
        raise FileError("table_empty", path=path)
    return as_words(table, (*categories, *(name for name in words if name in table.names)))


def read_as_written(
    path: Path, names: Sequence[str], encoding: str | None = None
) -> dict[str, Any]:
    """Columns to be carried along as they stand in a file: text (or None) of a CSV file, pyarrow's
    and NumPy's columns of the others, none of whose digits are lost on the way through float64.

    Raises what `read_table` raises.
    """
    ending = path.suffix.lower().removeprefix(".")
    table = read_table(path, encoding=encoding, words=names)
    found: dict[str, Any] = {name: table[name].values for name in names}
    if ending in ("parquet", "arrow", "feather"):
        arrow = _read_arrow(path, ending)
        return {name: arrow.column(name) for name in names}
    if ending == "npz":
        arrays = _npz_arrays(path)
        return {name: arrays.get(name, found[name]) for name in names}
    return found


def _read_csv(
    path: Path, encoding: str | None, categories: tuple[str, ...], known_words: Collection[str]
) -> Table:
    form = csv_form(path, encoding)
    batches = list(text_batches(form))
    if not batches:
        raise FileError("table_empty", path=path)
    unknown = [name for name in categories if name not in form.names]
    if unknown:
        raise DataError(
            "column_not_there", source=path, column=unknown[0], known=", ".join(form.names)
        )
    columns = []
    notes: list[Note] = []
    for position, name in enumerate(form.names):
        words = [value for batch in batches for value in batch.column(position).to_pylist()]
        kind: ColumnKind = "category"
        comma = False
        if name not in categories and name not in known_words:
            kind, comma, stray = type_of(words, delimiter=form.delimiter)
            if stray is not None:
                raise DataError(
                    "value_not_number",
                    source=path,
                    line=line_of(form, stray),
                    column=name,
                    value=words[stray],
                )
        if comma:
            notes.append(("data.notes.decimal_comma", {"column": name}))
        columns.append(Column(name, kind, typed(words, kind, comma=comma)))
    notes = [*_notes_of_form(form), *notes]
    return Table(tuple(columns), str(path), tuple(notes))


def _notes_of_form(form: CsvForm) -> Iterator[Note]:
    """What is not as most CSV files are."""
    if form.encoding == MARKED_UTF8:
        yield "data.notes.byte_order_mark", {}
    elif form.encoding != "utf-8":
        yield "data.notes.encoding", {"encoding": ENCODING_NAMES.get(form.encoding, form.encoding)}
    if form.delimiter != "," and form.path.suffix.lower() != ".tsv" and len(form.names) > 1:
        yield "data.notes.delimiter", {"delimiter": repr(form.delimiter)}
    if not form.headed:
        yield "data.notes.no_header", {}


def _read_arrow(path: Path, ending: str) -> "pa.Table":
    import pyarrow as pa

    with opened(path):
        pass
    try:
        if ending == "parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(path).read()
        from pyarrow import feather

        return feather.read_table(path, memory_map=False)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise FileError("table_damaged", path=path, kind=ending, problem=problem) from problem


def _npz_arrays(path: Path) -> dict[str, Array]:
    with opened(path):
        pass
    if not zipfile.is_zipfile(path):
        # NumPy would take it for a pickle, and say how to read one at one's own risk.
        raise FileError("npz_no_archive", path=path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as problem:
        raise FileError("table_damaged", path=path, kind="npz", problem=problem) from problem


def _read_npz(path: Path) -> Table:
    found = _npz_arrays(path)
    columns = [one for name, array in found.items() for one in _columns_of_array(path, name, array)]
    rows = {len(column.values) for column in columns}
    if len(rows) > 1:
        raise FileError("npz_lengths", path=path, lengths=", ".join(map(str, sorted(rows))))
    return Table(tuple(columns), str(path))


def _columns_of_array(path: Path, name: str, array: Array) -> list[Column]:
    """A vector as one column; a matrix as one for each of its columns: name_0, name_1 …"""
    if array.ndim == 1:
        return [Column(name, *_kind_and_values(path, name, array))]
    if array.ndim == 2:
        return [
            Column(f"{name}_{k}", *_kind_and_values(path, name, array[:, k]))
            for k in range(array.shape[1])
        ]
    raise FileError("npz_axes", path=path, name=name, axes=array.ndim)


def _kind_and_values(path: Path, name: str, array: Array) -> tuple[ColumnKind, Array]:
    if array.dtype.kind in "biuf":
        return "number", array.astype(np.float64)
    if array.dtype.kind == "M":
        return "date", array.astype("datetime64[us]")
    if array.dtype.kind == "U":
        words = [word or None for word in array.tolist()]
        kind: ColumnKind = type_of(words).kind
        kind = "category" if kind in ("number", "date") else kind
        return kind, typed(words, kind)
    raise FileError("npz_dtype", path=path, name=name, dtype=array.dtype)


def as_words(table: Table, categories: tuple[str, ...]) -> Table:
    """The columns that were said to be categories, as words."""
    for name in categories:
        column = table[name]
        if column.kind in ("category", "text"):
            continue
        words = np.empty(table.rows, object)
        words[:] = [
            None if missing else word_of_number(value) if column.kind == "number" else str(value)
            for value, missing in zip(column.values, column.missing, strict=True)
        ]
        changed = Column(name, "category", words)
        table = Table(
            tuple(changed if one.name == name else one for one in table.columns),
            table.source,
            table.notes,
        )
    return table
