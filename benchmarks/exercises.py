"""A class of 200 variants of an exercise, and marking the answers of 200 hand-ins."""

from benchmarks.measuring import Row, cores, interleaved, print_rows
from clearprop.exercises import exercise
from clearprop.grading import mark

STUDENTS = 200


def measure() -> list[Row]:
    sheet = exercise("step", 3)
    answers = {blank.name: str(blank.value + 0.1) for blank in sheet.blanks}
    with cores(1):
        seconds = interleaved(
            {
                f"{STUDENTS} variants of chain, level 2": lambda: [
                    exercise("chain", 2, key=str(student)) for student in range(STUDENTS)
                ],
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
