"""The files of an exercise for one reader or for a class, and the folder that they go into."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from clearprop.base.errors import FileError
from clearprop.teaching.exercises import exercise
from clearprop.teaching.exercises.forms import answers_csv, answers_json, key_json
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, unfilled
from clearprop.teaching.exercises.students import KEY_FOLDER, Student
from clearprop.teaching.reports.publishing import publish, staging
from clearprop.teaching.reports.worksheets import answer_key, worksheet


def handouts(
    topic: str, level: int, seed: int, students: Sequence[Student]
) -> Iterator[tuple[Student, Mapping[str, bytes]]]:
    """Every student's files, by their places in the folder; the same arguments give the same bytes.

    A student with an id gets a variant and a folder of their own. All keys stand in one folder.

    Raises ConfigurationError for a topic, level or seed that cannot be.
    """
    for student in students:
        sheet = exercise(topic, level, seed=seed, key=student.id)
        yield student, _files(sheet, student)


def write_handouts(files: Mapping[str, bytes], folder: Path) -> None:
    """Put the files into `folder`, once all of them are made.

    Raises FileError where a file is there with another content (a form may have been filled in),
    and where the folder cannot be written.
    """
    new = {place: content for place, content in files.items() if _absent(folder / place, content)}
    with staging(folder) as stage:
        for place, content in new.items():
            path = stage / place
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        publish(stage, folder, last="")


def _absent(path: Path, content: bytes) -> bool:
    try:
        same = path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as problem:
        raise FileError("file_unreadable", path=path, problem=problem.strerror) from problem
    if not same:
        raise FileError("exercise_file_differs", path=path)
    return False


def _files(sheet: Exercise, student: Student) -> dict[str, bytes]:
    own = f"{student.id}/" if student.id else ""
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
