"""A class of 200 worksheets with their keys, written to a folder, and marking 200 hand-ins from
their files."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import Row, print_rows
from clearprop.base.configuration import encode
from clearprop.bench.timing import cores, interleaved
from clearprop.teaching.exercises import exercise
from clearprop.teaching.exercises.students import Student
from clearprop.teaching.grading import mark_folder
from clearprop.teaching.grading.gradebook import marks_csv
from clearprop.teaching.reports.class_handouts import handouts, write_handouts

STUDENTS = 200


def write_class() -> None:
    """The files of a class, in both languages."""
    students = [Student(("en", "zh-TW")[n % 2], str(n), "Ann") for n in range(STUDENTS)]
    files: dict[str, bytes] = {}
    for _, own in handouts("step", 3, 0, students):
        files |= own
    with TemporaryDirectory() as folder:
        write_handouts(files, Path(folder))


def measure() -> list[Row]:
    with TemporaryDirectory() as name, cores(1):
        folder = Path(name)
        _hand_in(folder)
        seconds = interleaved(
            {
                f"write {STUDENTS} worksheets and keys of step, level 3": write_class,
                f"mark {STUDENTS} hand-ins of step, level 3": lambda: marks_csv(
                    mark_folder(folder), "en"
                ),
            },
            repeats=1,
        )
    bounds = (20.0, 5.0)
    return [
        Row(name, value, "s", at_most=bound)
        for (name, value), bound in zip(seconds.items(), bounds, strict=True)
    ]


def _hand_in(folder: Path) -> None:
    """A class on disk: a variant for every student, and every answer of theirs wrong."""
    (folder / "key").mkdir()
    for student in range(STUDENTS):
        sheet = exercise("step", 3, key=str(student))
        key = {"format": "clearprop-exercise", "version": 1, "language": "en"}
        (folder / "key" / f"{sheet.variant}.json").write_text(
            json.dumps({**key, "exercise": encode(sheet)})
        )
        form = {"format": "clearprop-answers", "version": 1, "variant": sheet.variant}
        answers = {blank.name: str(blank.value + 0.1) for blank in sheet.blanks}
        (folder / str(student)).mkdir()
        (folder / str(student) / "answers.json").write_text(
            json.dumps({**form, "answers": answers})
        )


if __name__ == "__main__":
    print_rows(measure())
