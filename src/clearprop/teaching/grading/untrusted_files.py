"""Files that teachers and students hand over, read without trust: small UTF-8 text, JSON or CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearprop.base.errors import DamagedFileError, FileError, ForeignFileError, NewerFileError
from clearprop.base.opening import read_or_refused
from clearprop.teaching.exercises.spreadsheet_text import decoded, delimiter_of

# A sheet has a few dozen blanks; a form that is much longer is none.
LARGEST = 1_000_000
# A cell is a number or a name; a longer one is not written by hand.
LONGEST_CELL = 10_000
VERSION = 1
# What a student wrote is quoted up to here.
QUOTED = 40


def read_text(path: Path) -> str:
    """The text of a file, with or without a byte order mark.

    Raises FileError where it is not UTF-8, and as `read_content`.
    """
    try:
        return read_content(path).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise FileError("file_not_utf8", path=path, position=problem.start) from problem


def read_content(path: Path) -> bytes:
    """The bytes of a file.

    Raises FileError for one that is missing, a link, a folder, unreadable, or larger than `LARGEST`
    bytes.
    """
    # A link may lead to what its owner must not see, such as a key.
    if path.is_symlink():
        raise FileError("file_is_link", path=path)
    if path.is_dir():
        raise FileError("path_is_folder", path=path)
    with read_or_refused(path), path.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise FileError("file_too_large", path=path, most=LARGEST)
    return content


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """The JSON object in a file whose `format` is `kind`.

    Raises FileError where it names something twice, DamagedFileError where it is no JSON or has no
    version, ForeignFileError for another format, NewerFileError for a later version; and as
    `read_text`.
    """
    text = read_text(path)

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise FileError("name_twice", path=path, name=name)
            found[name] = value
        return found

    try:
        data = json.loads(text, object_pairs_hook=unique)
    except FileError:
        raise
    # A whole number of thousands of digits is a ValueError of its own, without a place.
    except (ValueError, RecursionError) as problem:
        line = getattr(problem, "lineno", 1)
        raise DamagedFileError("file_not_json", path=path, line=line) from problem
    if not isinstance(data, dict) or data.get("format") != kind:
        raise ForeignFileError("document_foreign", path=path, kind=kind)
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DamagedFileError("document_part", path=path, part="version")
    if version > VERSION:
        raise NewerFileError("file_newer", path=path, version=version, known=VERSION)
    return data


def text_at(data: Any, name: str, path: Path) -> str:
    """The text under a name of a JSON object; "" where it is left out.

    Raises DamagedFileError for anything else.
    """
    value = data.get(name, "") if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise DamagedFileError("document_part", path=path, part=name)
    return value.strip()


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file with the numbers of their lines, blank ones left out.

    It is taken as spreadsheets write it. Raises DamagedFileError for what is no CSV, and as
    `read_text`.
    """
    try:
        text = decoded(read_content(path))
    except UnicodeError as problem:
        position = getattr(problem, "start", 0)
        raise FileError("file_not_utf8", path=path, position=position) from problem
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=delimiter_of(text), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as problem:
        line = reader.line_num
        raise DamagedFileError("file_not_csv", path=path, line=line) from problem
    return [(line, row) for line, row in rows if any(row)]


def legible(text: str, longest: int = QUOTED) -> str:
    """Somebody's text on one line, shortened, without characters that steer a terminal."""
    line = "".join(mark if mark.isprintable() else " " for mark in text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
