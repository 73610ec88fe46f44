"""The marks of a class as a table, and that table as CSV for a spreadsheet."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

from clearprop import messages
from clearprop.grading.comments import comment, legible
from clearprop.grading.folder import MarkedHandIn, Outcome, Unmarked

# A spreadsheet takes a cell that begins with one of these for a formula and runs it.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_LONGEST_NAME = 100


def marks_csv(outcomes: Sequence[Outcome], language: str) -> bytes:
    """One row a hand-in: id, name, variant, the points of every blank, total, out of, comment.

    The header is in `language`, a comment in that of the student's sheet. UTF-8 with a byte order
    mark, without which a spreadsheet may take Chinese for something else.
    """
    blanks = tuple(
        dict.fromkeys(
            one.name
            for outcome in outcomes
            if isinstance(outcome, MarkedHandIn)
            for one in outcome.marks.blanks
        )
    )
    ids = Counter(one.student_id for one in outcomes if isinstance(one, MarkedHandIn))

    def column(name: str) -> str:
        return messages.text(language, f"grading.column.{name}")

    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    before, after = ("id", "name", "variant"), ("total", "out_of", "comment")
    writer.writerow([*map(column, before), *blanks, *map(column, after)])
    for outcome in outcomes:
        if isinstance(outcome, Unmarked):
            row = _unmarked_row(outcome, blanks, language)
        else:
            row = _row(outcome, blanks, ids[outcome.student_id])
        writer.writerow([_inert(cell) for cell in row])
    return stream.getvalue().encode("utf-8-sig")


def _row(marked: MarkedHandIn, blanks: Sequence[str], same_id: int) -> list[str | int]:
    points = {one.name: one.points for one in marked.marks.blanks}
    said = comment(marked)
    if marked.student_id and same_id > 1:
        again = messages.text(marked.key.language, "grading.comment.same_id", count=same_id)
        said = f"{said} {again}"
    return [
        legible(marked.student_id, _LONGEST_NAME) or marked.place.name,
        legible(marked.student_name, _LONGEST_NAME),
        marked.key.exercise.variant,
        *(points.get(name, "") for name in blanks),
        marked.marks.points,
        marked.key.exercise.points,
        said,
    ]


def _unmarked_row(unmarked: Unmarked, blanks: Sequence[str], language: str) -> list[str | int]:
    said = messages.text(
        language, "grading.comment.unmarked", problem=unmarked.problem.message(language)
    )
    return [unmarked.place.name, "", "", *("" for _ in blanks), "", "", said]


def _inert(cell: str | int) -> str | int:
    """The cell as text that no spreadsheet runs: an apostrophe before it, where it would."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell
