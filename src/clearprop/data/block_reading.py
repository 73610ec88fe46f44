"""A file of rows, block by block; of one that is not wanted as little as possible is read."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from clearprop.base.dependencies import require
from clearprop.base.errors import FileError
from clearprop.data.csv_text import CsvForm, opened, text_batches

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = (".csv", ".tsv", ".txt")
BINARIES = (".parquet", ".arrow", ".feather")
# A block takes at least so much, and several rows.
LEAST_BLOCK, LEAST_ROWS = 1 << 16, 16

# Whether a block is to be read, by its number, its first row and how many it has.
Wanted: TypeAlias = Callable[[int, int, int], bool]


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


def block_size(path: Path, block_bytes: int) -> int:
    """How many bytes a block has of a file, where so many are asked for."""
    return max(block_bytes, LEAST_BLOCK, LEAST_ROWS * bytes_per_row(path))


def wanted_batches(
    path: Path, form: CsvForm | None, block_bytes: int, is_wanted: Wanted
) -> Iterator[tuple[int, int, "pa.RecordBatch"]]:
    """The blocks that are wanted as they stand in the file, with their numbers and their first
    rows: of a text as strings."""
    number = first = 0
    for count, batch_of in _every_batch(path, form, block_bytes):
        if is_wanted(number, first, count):
            yield number, first, batch_of()
        number, first = number + 1, first + count


def _every_batch(
    path: Path, form: CsvForm | None, block_bytes: int
) -> Iterator[tuple[int, Callable[[], "pa.RecordBatch"]]]:
    """How many rows every block has, and the block. Of Parquet nothing is read until it is asked
    for; of a text only its end tells where a row ends, so that all of it is."""
    if form is not None:
        for batch in text_batches(form, block_bytes):
            yield batch.num_rows, partial(_itself, batch)
        return
    import pyarrow as pa

    try:
        if path.suffix.lower() == ".parquet":
            file = _parquet(path)
            rows = max(1, block_bytes // bytes_per_row(path))
            for group in range(file.metadata.num_row_groups):
                yield from _batches_of_group(file, group, rows)
            return
        with pa.memory_map(str(path)) as source:
            for batch in _arrow_batches(path, source):
                rows = max(1, block_bytes * max(batch.num_rows, 1) // max(batch.nbytes, 1))
                for first in range(0, batch.num_rows, rows):
                    piece = batch.slice(first, rows)
                    yield piece.num_rows, partial(_itself, piece)
    except (pa.ArrowException, OSError, ValueError) as problem:
        kind = path.suffix.lower().removeprefix(".")
        raise FileError("table_damaged", path=path, kind=kind, problem=problem) from problem


def is_arrow_stream(path: Path) -> bool:
    """Whether a file of Arrow is written as a stream, which has no table of contents. Raises
    FileError."""
    with opened(path) as stream:
        return not stream.read(6).startswith((b"ARROW1", b"FEA1"))


def _arrow_batches(path: Path, source: Any) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    if is_arrow_stream(path):
        yield from pa.ipc.open_stream(source)
        return
    with pa.ipc.open_file(source) as reader:
        yield from map(reader.get_batch, range(reader.num_record_batches))


def _batches_of_group(
    file: Any, group: int, rows: int
) -> Iterator[tuple[int, Callable[[], "pa.RecordBatch"]]]:
    # Group by group: all at once, threads would read ahead as far as they can.
    batches = file.iter_batches(rows, row_groups=[group], use_threads=False)
    left, behind = file.metadata.row_group(group).num_rows, 0
    read = 0

    def batch_number(number: int) -> "pa.RecordBatch":
        nonlocal read
        while read < number:
            next(batches)
            read += 1
        read += 1
        return next(batches)

    while left > 0:
        count = min(rows, left)
        yield count, partial(batch_number, behind)
        left, behind = left - count, behind + 1


def _itself(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    return batch


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise FileError("table_damaged", path=path, kind="parquet", problem=problem) from problem
