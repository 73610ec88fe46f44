"""Who a sheet is for, and the roster of a class: a CSV file with the columns id and name, where
students read different languages lang, and for graders that know students by it email.

The columns may have their usual other names, such as 學號 and 姓名, and the file may be written as
spreadsheets write it.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.opening import read_or_refused
from clearprop.teaching.exercises.spreadsheet_text import decoded, delimiter_of

# The folder of the answer keys stands beside those of the students.
KEY_FOLDER = "key"
# What one file system or another cannot have in a name.
_FORBIDDEN = frozenset('/\\:*?"<>|')
_LONGEST = 64
# A sheet with its key takes a fifth of a second and 0.3 MB.
MOST_STUDENTS = 1000
# What the columns of a roster are called, the surest name first.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "學號", "student id", "student number", "sid", "學生編號", "编号", "学号"),
        "name": ("name", "姓名", "student name", "full name", "student", "學生姓名", "名字"),
        "first": ("first name", "given name", "名"),
        "last": ("last name", "surname", "family name", "姓"),
        "lang": ("lang", "language", "語言"),
        "email": ("email", "e-mail", "email address", "電子郵件", "電子信箱", "信箱"),
    }
)


@dataclass(frozen=True)
class Student:
    """Whose sheet it is; one for nobody in particular has an empty id and name.

    email  by which a grader's own records know them
    sheet  the number of a sheet that is nobody's yet
    """

    language: str
    id: str = ""
    name: str = ""
    email: str = ""
    sheet: str = ""

    @property
    def folder(self) -> str:
        """Where their files stand, and what their variant is drawn by; "" for the only one."""
        return self.id or self.sheet


def numbered_students(count: int, language: str) -> tuple[Student, ...]:
    """So many sheets for nobody in particular: 01, 02 … Raises ConfigurationError for more than
    `MOST_STUDENTS`."""
    if count > MOST_STUDENTS:
        raise ConfigurationError("exercise_too_many", count=f"{count:,}", most=f"{MOST_STUDENTS:,}")
    width = max(2, len(str(count)))
    return tuple(Student(language, sheet=f"{k:0{width}d}") for k in range(1, count + 1))


def read_roster(path: Path, language: str) -> tuple[Student, ...]:
    """The students of a roster, in its order; further columns and blank lines are passed over.

    language   of every student without one

    Raises FileError, with the number of the line, for a cell too few or too many, an id that is
    empty, there twice or not fit to name a folder, and a language that there are no texts in; and
    for more than `MOST_STUDENTS`.
    """
    lines = _lines(path)
    if not lines:
        raise FileError("roster_empty", path=path)
    _, header = lines[0]
    places = _places(path, header)
    students: list[Student] = []
    seen: dict[str, int] = {}
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise FileError(
                "table_ragged", path=path, line=line, came=len(cells), expected=len(header)
            )
        row = {column: cells[place].strip() for column, place in places.items()}
        student = _student(path, line, row, language)
        same = same_id(student.id)
        if same in seen:
            raise FileError(
                "roster_id_twice", path=path, line=line, id=student.id, first=seen[same]
            )
        seen[same] = line
        students.append(student)
    if not students:
        raise FileError("roster_empty", path=path)
    if len(students) > MOST_STUDENTS:
        told = {"count": f"{len(students):,}", "most": f"{MOST_STUDENTS:,}"}
        raise FileError("roster_long", path=path, **told)
    return tuple(students)


def same_id(number: str) -> str:
    """What two ids have in common that are one: some file systems take two names that differ in
    capital letters for one, and 1 is typed with full width too."""
    return unicodedata.normalize("NFKC", number).strip().casefold()


def _places(path: Path, header: Sequence[str]) -> Mapping[str, int]:
    """Where each of our columns stands. Raises FileError without an id or a name."""
    said = [re.sub(r"[\s_]+", " ", same_id(cell)) for cell in header]
    found = {
        column: said.index(name)
        for column, names in COLUMNS.items()
        for name in [next((name for name in names if name in said), None)]
        if name is not None
    }
    named = "name" in found or {"first", "last"} <= set(found)
    for column, there in (("id", "id" in found), ("name", named)):
        if not there:
            known = ", ".join(cell.strip() for cell in header)
            names = " / ".join(COLUMNS[column][:3])
            raise FileError("roster_column", path=path, column=column, names=names, known=known)
    return found


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    with read_or_refused(path):
        content = path.read_bytes()
    try:
        text = decoded(content)
        stream = io.StringIO(text, newline="")
        reader = csv.reader(stream, delimiter=delimiter_of(text), strict=True)
        return [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except UnicodeError as problem:
        raise FileError("roster_encoding", path=path) from problem
    except csv.Error as problem:
        raise FileError("file_unreadable", path=path, problem=problem) from problem


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
    return Student(wanted, number, _name(row), row.get("email", ""))


def _name(row: Mapping[str, str]) -> str:
    if "name" in row:
        return row["name"]
    first, last = row["first"], row["last"]
    # A Chinese name has its family's first, and no space.
    western = (first + last).isascii() or not (first and last)
    return f"{first} {last}".strip() if western else f"{last}{first}"


def _names_a_folder(number: str) -> bool:
    return (
        number.isprintable()
        and len(number.encode()) <= _LONGEST
        and not _FORBIDDEN.intersection(number)
        and not number.startswith(".")
        and not number.endswith(".")
        and number.casefold() != KEY_FOLDER
    )
