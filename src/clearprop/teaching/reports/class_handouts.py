"""The files of an exercise for one reader or for a class, and the folder that they go into."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from clearprop.base.errors import FileError
from clearprop.teaching.exercises import exercise
from clearprop.teaching.exercises.forms import answers_csv, answers_json, key_json
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, unfilled
from clearprop.teaching.exercises.students import KEY_FOLDER, Student
from clearprop.teaching.reports.publishing import publish, staging
from clearprop.teaching.reports.worksheets import (
    answer_key,
    answer_keys,
    worksheet,
    worksheets,
)

# All sheets of a class in one file, and all keys: to be printed at once.
ALL_SHEETS, ALL_KEYS = "worksheets.html", f"{KEY_FOLDER}/keys.html"
# Stands in every page of ours: one of a class is written anew when somebody joins.
_OURS = b'<meta name="generator" content="clearprop exercise">'


class Handout(NamedTuple):
    """A student's sheet, and its files by their places in the folder."""

    student: Student
    sheet: Exercise
    files: Mapping[str, bytes]


def handouts(topic: str, level: int, seed: int, students: Sequence[Student]) -> Iterator[Handout]:
    """Every student's sheet and files; the same arguments give the same bytes.

    A student with an id, or with the number of a sheet, gets a variant and a folder of their own.
    All keys stand in one folder.

    Raises ConfigurationError for a topic, level or seed that cannot be.
    """
    for student in students:
        sheet = exercise(topic, level, seed=seed, key=student.folder)
        yield Handout(student, sheet, _files(sheet, student))


def class_pages(made: Sequence[Handout], language: str) -> Mapping[str, bytes]:
    """All sheets as one file to print, and all keys as another."""
    sheets = [(one.sheet, one.student) for one in made]
    return {
        ALL_SHEETS: worksheets(sheets, language).encode(),
        ALL_KEYS: answer_keys(sheets, language).encode(),
    }


def write_handouts(files: Mapping[str, bytes], folder: Path) -> None:
    """Put the files into `folder`, once all of them are made.

    Raises FileError where a file is there with another content (a form may have been filled in),
    and where the folder cannot be written. The pages of a whole class are none that is filled in,
    and are written anew.
    """
    new = {
        place: content
        for place, content in files.items()
        if _absent(folder / place, content, replaced=place in (ALL_SHEETS, ALL_KEYS))
    }
    with staging(folder) as stage:
        for place, content in new.items():
            path = stage / place
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        publish(stage, folder, last="")


def _absent(path: Path, content: bytes, *, replaced: bool) -> bool:
    try:
        there = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as problem:
        raise FileError("file_unreadable", path=path, problem=problem.strerror) from problem
    if there == content:
        return False
    if replaced and _OURS in there:
        return True
    raise FileError("exercise_file_differs", path=path)


def _files(sheet: Exercise, student: Student) -> dict[str, bytes]:
    own = f"{student.folder}/" if student.folder else ""
    files = {
        f"{own}worksheet.html": worksheet(sheet, student).encode(),
        f"{own}answers.json": answers_json(sheet, student),
        f"{own}answers.csv": answers_csv(sheet, student),
        f"{KEY_FOLDER}/{sheet.variant}.json": key_json(sheet, student),
        f"{KEY_FOLDER}/{sheet.variant}.html": answer_key(sheet, student).encode(),
    }
    if sheet.topic in TOPICS_WITH_CODE:
        files[f"{own}backward.py"] = unfilled(sheet, student.language)
    return files
