"""A file of comma-separated values as columns of text: encoding, delimiter, header, ragged rows."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from clearprop.base.errors import FileError
from clearprop.base.numbers import reads_as_number
from clearprop.base.opening import read_or_refused
from clearprop.data.likely_encoding import likely_encoding

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t|"
# What spreadsheets and other programs write where there is no value.
MISSING = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "#N/A", "<NA>", "?",
)  # fmt: skip
# No text has this character: the file is damaged, or written in UTF-16 without its mark.
NUL = "\0"
# One row has to fit into a block; a larger one is no table.
BLOCK_BYTES = 16 << 20
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class CsvForm:
    """How a file is written: its encoding, what stands between two cells, and its columns' names;
    `headed` says whether these stand in its first row."""

    path: Path
    encoding: str
    delimiter: str
    names: tuple[str, ...]
    headed: bool


def csv_form(path: Path, encoding: str | None = None) -> CsvForm:
    """Look at the first row of a file. A first row of numbers alone is no header: the columns are
    then called 0, 1, 2 …

    Raises FileError where the file is missing or unreadable, is empty, names a column twice, or is
    not in its encoding (UTF-8, or UTF-16 with its mark, unless told otherwise) or holds a NUL.
    """
    with opened(path) as stream:
        start = stream.read(4)
    if encoding is None:
        found = [name for mark, name in _MARKS.items() if start.startswith(mark)]
        encoding = found[0] if found else "utf-8"
    try:
        # An encoding of bytes, as hex, and one that has no letters are none of a text.
        "".encode(encoding)
    except (LookupError, UnicodeError) as problem:
        raise FileError("encoding_unknown", path=path, encoding=encoding) from problem
    first = _first_row(path, encoding)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(first)
    if NUL in first:
        raise FileError("table_nul", path=path, line=1)
    cells = next(csv.reader(io.StringIO(first), delimiter=delimiter), [])
    if not any(cell.strip() for cell in cells):
        raise FileError("table_empty", path=path)
    headed = not all(reads_as_number(cell) for cell in cells)
    names = tuple(
        cell.strip() or f"column_{position}" if headed else str(position)
        for position, cell in enumerate(cells)
    )
    for name in names:
        if names.count(name) > 1:
            where = ", ".join(str(k) for k, other in enumerate(names) if other == name)
            raise FileError("column_twice", path=path, column=name, where=where)
    return CsvForm(path, encoding, delimiter, names, headed)


def text_batches(form: CsvForm, block_bytes: int | None = None) -> Iterator["pa.RecordBatch"]:
    """The rows as record batches of strings, null where a value is missing.

    block_bytes  how much of the file is read at once, BLOCK_BYTES unless told otherwise; a row is
                 no longer than this

    Raises FileError for a ragged row, with its line, for one that is longer than a block, and for
    bytes that are not in the file's encoding, and for a NUL.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    block_bytes = block_bytes or BLOCK_BYTES
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "error"

    try:
        reader = arrow_csv.open_csv(
            str(form.path) if form.encoding.startswith("utf-8") else _transcoded(form),
            read_options=arrow_csv.ReadOptions(
                column_names=form.names,
                skip_rows_after_names=0,
                use_threads=False,
                block_size=block_bytes,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(form.names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=list(MISSING),
            ),
        )
        header, before = form.headed, 0
        for batch in reader:
            rows = batch.slice(1) if header and batch.num_rows else batch
            header = header and not batch.num_rows
            _require_no_nul(form, rows, before)
            before += rows.num_rows
            if rows.num_rows:
                yield rows
    except pa.ArrowInvalid as problem:
        raise _refusal(form, problem, ragged, block_bytes) from problem
    except UnicodeError as problem:
        raise _wrong_encoding(form.path, form.encoding) from problem
    except OSError as problem:
        reason = problem.strerror or problem
        raise FileError("file_unreadable", path=form.path, problem=reason) from problem


def line_of(form: CsvForm, row: int) -> int:
    """The line of the file in which a row (from 0, without the header) begins."""
    wanted = row + form.headed
    with form.path.open(newline="", encoding=form.encoding) as stream:
        reader = csv.reader(stream, delimiter=form.delimiter)
        begins = 1
        for cells in reader:
            if cells:
                if wanted == 0:
                    return begins
                wanted -= 1
            begins = reader.line_num + 1
    return begins


def opened(path: Path) -> BinaryIO:
    """The file, opened to read bytes. Raises FileError, also for a pipe: a table is gone through
    more than once."""
    require_no_pipe(path)
    with read_or_refused(path):
        return path.open("rb")


def require_no_pipe(path: Path) -> None:
    """Raises FileError for a pipe or a device, which would be waited for."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError("table_pipe", path=path)


def _first_row(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding) as stream:
            for _ in range(1000):
                line = stream.readline(BLOCK_BYTES)
                if len(line) == BLOCK_BYTES:
                    raise FileError("line_too_long", path=path, limit=f"{BLOCK_BYTES >> 20} MB")
                if line.strip() or not line:
                    return line
    except UnicodeError as problem:
        raise _wrong_encoding(path, encoding) from problem
    return ""


def _wrong_encoding(path: Path, encoding: str) -> FileError:
    likely = likely_encoding(path, encoding)
    return FileError("encoding_wrong", path=path, encoding=encoding, likely=likely)


def _require_no_nul(form: CsvForm, rows: "pa.RecordBatch", before: int) -> None:
    """Refuse rows, of which so many stand before them, that hold a NUL. Raises FileError."""
    from pyarrow import compute

    for column in rows.columns:
        found = compute.match_substring(column, NUL)
        if compute.any(found).as_py():
            row = before + compute.index(found, True).as_py()
            raise FileError("table_nul", path=form.path, line=line_of(form, row))


def _delimiter(line: str) -> str:
    """What most often stands between the cells of the first row, outside of quotes."""
    outside = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _transcoded(form: CsvForm) -> Any:
    import pyarrow as pa

    stream = pa.OSFile(str(form.path), "rb")
    return pa.transcoding_input_stream(stream, form.encoding, "utf-8")


def _refusal(form: CsvForm, problem: Exception, ragged: list[Any], block_bytes: int) -> FileError:
    if ragged and ragged[0].number is not None:
        row = ragged[0]
        return FileError(
            "table_ragged",
            path=form.path,
            line=line_of(form, row.number - 1 - form.headed),
            came=row.actual_columns,
            expected=row.expected_columns,
        )
    if "UTF8" in str(problem):
        return _wrong_encoding(form.path, form.encoding)
    if "straddling" in str(problem):
        return FileError("line_too_long", path=form.path, limit=f"{block_bytes >> 20} MB")
    return FileError("file_unreadable", path=form.path, problem=problem)
