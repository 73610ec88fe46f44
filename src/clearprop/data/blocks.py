"""A file that is too large for memory, block by block: measured once, then read as often as needed.

A first pass finds what only the whole file tells: the columns' types, their different words, where
values are missing, how many rows there are, and a sample of rows drawn evenly from all of them.
The blocks after it are tables whose columns have the types of the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.dependencies import require
from clearprop.base.errors import DataError, FileError
from clearprop.data.csv_text import CsvForm, csv_form, line_of, opened, text_batches
from clearprop.data.frames import table_of_arrow
from clearprop.data.reading import as_words
from clearprop.data.table import MOST_CATEGORIES, Column, ColumnKind, Table
from clearprop.data.typing_columns import TypeCounts, typed

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = (".csv", ".tsv", ".txt")
BINARIES = (".parquet", ".arrow", ".feather")
# A block takes at least so much, and several rows.
LEAST_BLOCK, LEAST_ROWS = 1 << 16, 16


@dataclass(frozen=True, eq=False)
class MeasuredColumn:
    """What the whole file tells of a column.

    comma     whether its numbers have commas before their decimals
    missing   whether any value is missing
    distinct  its different values without the missing ones, in order; None where there are more
              than MOST_CATEGORIES
    """

    name: str
    kind: ColumnKind
    comma: bool
    missing: bool
    distinct: tuple[Any, ...] | None


@dataclass(frozen=True, eq=False)
class TableBlocks:
    """A file that has been measured.

    form     how a file of text is written; None of another
    sample   rows drawn from all of them, in their order; `places` are where they stand, from 0
    """

    path: Path
    form: CsvForm | None
    columns: tuple[MeasuredColumn, ...]
    rows: int
    sample: Table
    places: Array
    block_bytes: int

    def __getitem__(self, name: str) -> MeasuredColumn:
        """The column `name`. Raises DataError where there is none."""
        self.sample[name]
        return next(column for column in self.columns if column.name == name)

    def tables(self) -> Iterator[Table]:
        """The rows, block by block, in the file's order."""
        for batch in _batches(self.path, self.form, self.block_bytes):
            yield _typed(batch, self.columns, self.form, self.path)


def content_bytes(path: Path) -> int:
    """How much there is to read of a file, uncompressed. Raises FileError."""
    with opened(path) as stream:
        if path.suffix.lower() != ".parquet":
            return stream.seek(0, 2)
    require("pyarrow")
    metadata = _parquet(path).metadata
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(int(group.total_byte_size) for group in groups)


def bytes_per_row(path: Path) -> int:
    """About how many bytes a row of a file has: of text by its first lines."""
    if path.suffix.lower() == ".parquet":
        return max(1, content_bytes(path) // max(int(_parquet(path).metadata.num_rows), 1))
    with opened(path) as stream:
        start = stream.read(1 << 16)
    return max(16, len(start) // max(start.count(b"\n"), 1))


def is_readable_in_blocks(path: Path) -> bool:
    """Whether the file is of a kind that is read block by block."""
    return path.suffix.lower() in (*TEXTS, *BINARIES)


def measure(
    path: Path,
    *,
    block_bytes: int,
    sample_rows: int,
    seed: int = 0,
    encoding: str | None = None,
    categories: tuple[str, ...] = (),
) -> TableBlocks:
    """Go through a file once.

    block_bytes  how much of it is read at once
    sample_rows  how many rows are drawn

    Raises what `read_table` raises.
    """
    require("pyarrow")
    block_bytes = max(block_bytes, LEAST_BLOCK, LEAST_ROWS * bytes_per_row(path))
    form = csv_form(path, encoding) if path.suffix.lower() in TEXTS else None
    counts: list[TypeCounts] = []
    found: list[_Found] = []
    drawn: pa.Table | None = None
    keys, places = np.zeros(0), np.zeros(0, int)
    rows = 0
    for number, batch in enumerate(_batches(path, form, block_bytes)):
        if form is not None:
            counts = counts or [TypeCounts(form.delimiter) for _ in form.names]
            for count, column in zip(counts, batch.columns, strict=True):
                count.add(column.to_pylist())
        else:
            table = as_words(table_of_arrow(_as_table([batch]), str(path)), categories)
            found = found or [_Found(column.name, column.kind) for column in table.columns]
            for one, values in zip(found, table.columns, strict=True):
                one.add(values)
        # The rows with the smallest of random keys are an even sample of all.
        fresh = keyed_generator(seed, number, "sample").random(batch.num_rows)
        kept = (
            np.arange(len(fresh)) if len(keys) < sample_rows else np.flatnonzero(fresh < keys.max())
        )
        drawn = _joined(drawn, batch.take(kept))
        keys, places = np.append(keys, fresh[kept]), np.append(places, rows + kept)
        if len(keys) > sample_rows:
            chosen = np.sort(np.argpartition(keys, sample_rows)[:sample_rows])
            # Copied, so that the whole blocks are let go.
            drawn, keys, places = drawn.take(chosen).combine_chunks(), keys[chosen], places[chosen]
        rows += batch.num_rows
    if drawn is None:
        raise FileError("table_empty", path=path)
    if form is not None:
        columns = _text_columns(form, counts, categories)
    else:
        columns = tuple(one.measured() for one in found)
    sample = _typed(drawn, columns, form, path)
    return TableBlocks(path, form, columns, rows, sample, places, block_bytes)


class _Found:
    """What a column of a typed file has held so far."""

    def __init__(self, name: str, kind: ColumnKind) -> None:
        self.name, self.kind = name, kind
        self.missing = False
        self.distinct: set[Any] = set()

    def add(self, column: Column) -> None:
        self.missing |= bool(column.missing.any())
        if len(self.distinct) <= MOST_CATEGORIES:
            present = column.values[~column.missing]
            self.distinct.update(set(present.tolist()) if column.kind != "number" else ())
            if column.kind == "number":
                self.distinct.update(np.unique(present)[: MOST_CATEGORIES + 1].tolist())

    def measured(self) -> MeasuredColumn:
        many = len(self.distinct) > MOST_CATEGORIES
        kind = self.kind
        if kind in ("category", "text"):
            kind = "text" if many else "category"
        distinct = None if many else tuple(sorted(self.distinct))
        return MeasuredColumn(self.name, kind, comma=False, missing=self.missing, distinct=distinct)


def _text_columns(
    form: CsvForm, counts: list[TypeCounts], categories: tuple[str, ...]
) -> tuple[MeasuredColumn, ...]:
    unknown = [name for name in categories if name not in form.names]
    if unknown:
        raise DataError(
            "column_not_there", source=form.path, column=unknown[0], known=", ".join(form.names)
        )
    columns = []
    for name, count in zip(form.names, counts, strict=True):
        kind, comma, stray = count.type()
        if name in categories:
            kind, comma, stray = "category", False, None
        if stray is not None:
            raise DataError(
                "value_not_number",
                source=form.path,
                line=line_of(form, stray),
                column=name,
                value=_value_at(form, name, stray),
            )
        many = len(count.distinct) > MOST_CATEGORIES
        values = () if many else typed(sorted(count.distinct), kind, comma=comma)
        distinct = None if many else tuple(sorted(set(np.asarray(values).tolist())))
        missing = count.words < count.rows
        columns.append(MeasuredColumn(name, kind, comma, missing, distinct))
    return tuple(columns)


def _value_at(form: CsvForm, name: str, row: int) -> Any:
    for batch in text_batches(form):
        if row < batch.num_rows:
            return batch.column(form.names.index(name))[row].as_py()
        row -= batch.num_rows
    return None


def _batches(path: Path, form: CsvForm | None, block_bytes: int) -> Iterator["pa.RecordBatch"]:
    """The rows as they stand in the file: of a text as strings."""
    if form is not None:
        yield from text_batches(form, block_bytes)
        return
    import pyarrow as pa

    try:
        if path.suffix.lower() == ".parquet":
            file = _parquet(path)
            rows = max(1, block_bytes // bytes_per_row(path))
            # Group by group: all at once, threads would read ahead as far as they can.
            for group in range(file.metadata.num_row_groups):
                yield from file.iter_batches(rows, row_groups=[group], use_threads=False)
            return
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                rows = max(1, block_bytes * max(batch.num_rows, 1) // max(batch.nbytes, 1))
                for first in range(0, batch.num_rows, rows):
                    yield batch.slice(first, rows)
    except (pa.ArrowException, OSError, ValueError) as problem:
        kind = path.suffix.lower().removeprefix(".")
        raise FileError("table_damaged", path=path, kind=kind, problem=problem) from problem


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise FileError("table_damaged", path=path, kind="parquet", problem=problem) from problem


def _as_table(batches: list["pa.RecordBatch"]) -> "pa.Table":
    import pyarrow as pa

    return pa.Table.from_batches(batches)


def _joined(before: "pa.Table | None", batch: "pa.RecordBatch") -> "pa.Table":
    import pyarrow as pa

    added = _as_table([batch])
    return added if before is None else pa.concat_tables([before, added])


def _typed(
    rows: Any, columns: tuple[MeasuredColumn, ...], form: CsvForm | None, path: Path
) -> Table:
    """Rows of Arrow as a table whose columns have the types of the whole file."""
    if form is None:
        arrow = rows if hasattr(rows, "to_batches") else _as_table([rows])
        found = table_of_arrow(arrow, str(path))
        words = [one.name for one in columns if one.kind in ("category", "text")]
        found = as_words(found, tuple(words))
        return Table(
            tuple(
                Column(one.name, one.kind, column.values)
                for one, column in zip(columns, found.columns, strict=True)
            ),
            str(path),
        )
    return Table(
        tuple(
            Column(one.name, one.kind, typed(column.to_pylist(), one.kind, comma=one.comma))
            for one, column in zip(columns, rows.columns, strict=True)
        ),
        str(path),
    )
