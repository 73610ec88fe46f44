"""Who a sheet is for, and the roster of a class: a CSV file with the columns id, name and, where
students read different languages, lang."""

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clearprop.base import messages
from clearprop.base.errors import FileError

# The folder of the answer keys stands beside those of the students.
KEY_FOLDER = "key"
# What one file system or another cannot have in a name.
_FORBIDDEN = frozenset('/\\:*?"<>|')
_LONGEST = 64


@dataclass(frozen=True)
class Student:
    """Whose sheet it is; one for nobody in particular has an empty id and name."""

    language: str
    id: str = ""
    name: str = ""


def read_roster(path: Path, language: str) -> tuple[Student, ...]:
    """The students of a roster, in its order; further columns and blank lines are passed over.

    language   of every student without one

    Raises FileError, with the number of the line, for a cell too few or too many, an id that is
    empty, there twice or not fit to name a folder, and a language that there are no texts in.
    """
    lines = _lines(path)
    if not lines:
        raise FileError("roster_empty", path=path)
    _, header = lines[0]
    columns = [cell.strip().lower() for cell in header]
    for column in ("id", "name"):
        if column not in columns:
            known = ", ".join(columns)
            raise FileError("roster_column", path=path, column=column, known=known)
    students: list[Student] = []
    seen: dict[str, int] = {}
    for line, cells in lines[1:]:
        if len(cells) != len(columns):
            raise FileError(
                "table_ragged", path=path, line=line, came=len(cells), expected=len(columns)
            )
        row = dict(zip(columns, map(str.strip, cells), strict=True))
        student = _student(path, line, row, language)
        # Some file systems take two names that differ in capital letters for one.
        same = unicodedata.normalize("NFKC", student.id).casefold()
        if same in seen:
            raise FileError(
                "roster_id_twice", path=path, line=line, id=student.id, first=seen[same]
            )
        seen[same] = line
        students.append(student)
    if not students:
        raise FileError("roster_empty", path=path)
    return tuple(students)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            return [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except FileNotFoundError as problem:
        raise FileError("file_missing", path=path) from problem
    except IsADirectoryError as problem:
        raise FileError("path_is_folder", path=path) from problem
    except UnicodeError as problem:
        raise FileError("roster_encoding", path=path) from problem
    except (OSError, csv.Error) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise FileError("file_unreadable", path=path, problem=reason) from problem


def _student(path: Path, line: int, row: Mapping[str, str], language: str) -> Student:
    number = row["id"]
    if not number:
        raise FileError("roster_id_missing", path=path, line=line)
    if not _names_a_folder(number):
        raise FileError("roster_id", path=path, line=line, id=number)
    wanted = row.get("lang") or language
    if wanted not in messages.LANGUAGES:
        known = ", ".join(messages.LANGUAGES)
        raise FileError("roster_language", path=path, line=line, name=wanted, known=known)
    return Student(wanted, number, row["name"])


def _names_a_folder(number: str) -> bool:
    return (
        number.isprintable()
        and len(number.encode()) <= _LONGEST
        and not _FORBIDDEN.intersection(number)
        and not number.startswith(".")
        and not number.endswith(".")
        and number.casefold() != KEY_FOLDER
    )
