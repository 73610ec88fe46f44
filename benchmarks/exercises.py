"""A class of 200 worksheets with their keys, written to a folder, and marking 200 hand-ins."""

import tempfile
from pathlib import Path

from benchmarks.measuring import Row, cores, interleaved, print_rows
from clearprop.exercises import exercise
from clearprop.exercises.students import Student
from clearprop.grading import mark
from clearprop.reports.handouts import handouts, write_handouts

STUDENTS = 200


def write_class() -> None:
    """The files of a class, in both languages."""
    students = [Student(("en", "zh-TW")[n % 2], str(n), "Ann") for n in range(STUDENTS)]
    files: dict[str, bytes] = {}
    for _, own in handouts("step", 3, 0, students):
        files |= own
    with tempfile.TemporaryDirectory() as folder:
        write_handouts(files, Path(folder))


def measure() -> list[Row]:
    sheet = exercise("step", 3)
    answers = {blank.name: str(blank.value + 0.1) for blank in sheet.blanks}
    with cores(1):
        seconds = interleaved(
            {
                f"write {STUDENTS} worksheets and keys of step, level 3": write_class,
                f"mark {STUDENTS} hand-ins of step, level 3": lambda: [
                    mark(sheet, answers) for _ in range(STUDENTS)
                ],
            },
            repeats=1,
        )
    bounds = (20.0, 5.0)
    return [
        Row(name, value, "s", at_most=bound)
        for (name, value), bound in zip(seconds.items(), bounds, strict=True)
    ]


if __name__ == "__main__":
    print_rows(measure())
