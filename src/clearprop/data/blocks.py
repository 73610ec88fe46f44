"""A file that is too large for memory, block by block: measured once, then read as often as needed.

A first pass finds what only the whole file tells: the columns' types, their different words, where
values are missing, how many rows there are, and a sample of rows drawn evenly from all of them.
The blocks after it are tables whose columns have the types of the whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.dependencies import require
from clearprop.base.errors import DataError, FileError
from clearprop.data.block_reading import TEXTS, block_size, wanted_batches
from clearprop.data.csv_text import CsvForm, csv_form, line_of, text_batches
from clearprop.data.frames import table_of_arrow
from clearprop.data.reading import as_words
from clearprop.data.table import MOST_CATEGORIES, Column, ColumnKind, Table
from clearprop.data.typing_columns import ColumnType, TypeCounts, typed, types_of

if TYPE_CHECKING:
    import pyarrow as pa


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

    def tables(self, rows: range | None = None) -> Iterator[tuple[int, Table]]:
        """The rows, block by block, in the file's order, each with the number of its first row in
        the file; with `rows` those alone, and of a typed file the blocks without any are not
        read."""

        def is_wanted(_: int, first: int, count: int) -> bool:
            return rows is None or (first < rows.stop and rows.start < first + count)

        for _, first, batch in wanted_batches(self.path, self.form, self.block_bytes, is_wanted):
            if rows is not None:
                begin = max(rows.start - first, 0)
                batch = batch.slice(begin, min(rows.stop - first, batch.num_rows) - begin)
                first += begin
            yield first, _typed(batch, self.columns, self.form, self.path)


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
    given: dict[str, Any] = {"block_bytes": block_bytes, "categories": categories}
    part = measure_part(
        path, part=0, parts=1, sample_rows=sample_rows, seed=seed, encoding=encoding, **given
    )
    return of_parts([part], path, sample_rows=sample_rows, **given)


class MeasuredPart(NamedTuple):
    """What some blocks of a file tell, to be put together by `of_parts`.

    counts, found  of every column: of a file of text, and of another
    drawn          the rows with the smallest of their random keys
    rows           how many rows the blocks have
    """

    form: CsvForm | None
    counts: "list[TypeCounts]"
    found: "list[_Found]"
    drawn: "pa.Table | None"
    keys: Array
    places: Array
    rows: int


def measure_part(
    path: Path,
    *,
    part: int,
    parts: int,
    block_bytes: int,
    sample_rows: int,
    seed: int = 0,
    encoding: str | None = None,
    categories: tuple[str, ...] = (),
) -> MeasuredPart:
    """Go through every `parts`-th block of a file, from block number `part` on; the other arguments
    are those of `measure`, and so is what is raised."""
    require("pyarrow")
    block_bytes = block_size(path, block_bytes)
    form = csv_form(path, encoding) if path.suffix.lower() in TEXTS else None
    counts: list[TypeCounts] = []
    found: list[_Found] = []
    drawn: pa.Table | None = None
    keys, places = np.zeros(0), np.zeros(0, int)
    rows = 0

    def is_wanted(number: int, *_: int) -> bool:
        return number % parts == part

    for number, first, batch in wanted_batches(path, form, block_bytes, is_wanted):
        if form is not None:
            counts = counts or [TypeCounts(form.delimiter) for _ in form.names]
            for one_count, column in zip(counts, batch.columns, strict=True):
                one_count.add(column.to_pylist(), first)
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
        drawn = _joined(drawn, _as_table([batch.take(kept)]))
        keys, places = np.append(keys, fresh[kept]), np.append(places, first + kept)
        if len(keys) > sample_rows:
            drawn, keys, places = _smallest(drawn, keys, places, sample_rows)
        rows += batch.num_rows
    return MeasuredPart(form, counts, found, drawn, keys, places, rows)


def of_parts(
    parts: Sequence[MeasuredPart],
    path: Path,
    *,
    block_bytes: int,
    sample_rows: int,
    categories: tuple[str, ...] = (),
) -> TableBlocks:
    """The measured file from its parts, which `measure_part` was given the same arguments for; it
    does not matter how many there were. Raises FileError and DataError."""
    full = [part for part in parts if part.drawn is not None]
    if not full:
        raise FileError("table_empty", path=path)
    form, counts, found, drawn, keys, places, rows = full[0]
    for part in full[1:]:
        for one_count, other_count in zip(counts, part.counts, strict=True):
            one_count.add_counts(other_count)
        for one, other in zip(found, part.found, strict=True):
            one.add_found(other)
        drawn = _joined(drawn, part.drawn)
        keys, places = np.append(keys, part.keys), np.append(places, part.places)
        rows += part.rows
    drawn, _, places = _smallest(drawn, keys, places, sample_rows)
    if form is not None:
        columns = _text_columns(form, counts, categories)
    else:
        columns = tuple(one.measured() for one in found)
    sample = _typed(drawn, columns, form, path)
    return TableBlocks(path, form, columns, rows, sample, places, block_size(path, block_bytes))


def _smallest(
    drawn: "pa.Table", keys: Array, places: Array, count: int
) -> tuple["pa.Table", Array, Array]:
    """So many of the rows with the smallest keys, in the file's order."""
    chosen = np.arange(len(keys))
    if len(keys) > count:
        chosen = np.argpartition(keys, count)[:count]
    chosen = chosen[np.argsort(places[chosen])]
    # Copied, so that the whole blocks are let go.
    return drawn.take(chosen).combine_chunks(), keys[chosen], places[chosen]


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

    def add_found(self, other: "_Found") -> None:
        self.missing |= other.missing
        self.distinct |= other.distinct

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
    of_file = [
        count for name, count in zip(form.names, counts, strict=True) if name not in categories
    ]
    types = iter(types_of(of_file))
    for name, count in zip(form.names, counts, strict=True):
        kind, comma, stray = ColumnType("category") if name in categories else next(types)
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


def _as_table(batches: list["pa.RecordBatch"]) -> "pa.Table":
    import pyarrow as pa

    return pa.Table.from_batches(batches)


def _joined(before: "pa.Table | None", added: "pa.Table") -> "pa.Table":
    import pyarrow as pa

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
