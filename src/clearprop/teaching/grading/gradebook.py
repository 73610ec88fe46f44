"""The marks of a class as a table, and that table as CSV for a spreadsheet."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

from clearprop.base import messages
from clearprop.teaching.exercises.students import same_id
from clearprop.teaching.grading.absentees import Absentee
from clearprop.teaching.grading.marked_handins import MarkedHandIn, MarkingResult, Unmarked, comment
from clearprop.teaching.grading.untrusted_files import legible

# A spreadsheet takes a cell that begins with one of these for a formula and runs it.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_LONGEST_NAME = 100


def marks_csv(
    outcomes: Sequence[MarkingResult], language: str, absent: Sequence[Absentee] = ()
) -> bytes:
    """One row a hand-in: id, name, variant, the points of every blank, total, out of, comment; and
    behind them one for everybody who handed in nothing.

    The header is in `language`, a comment in that of the student's sheet. UTF-8 with a byte order
    mark, without which a spreadsheet may take Chinese for something else.
    """
    marked = [one for one in outcomes if isinstance(one, MarkedHandIn)]
    blanks = dict.fromkeys(blank.name for one in marked for blank in one.marks.blanks)
    code = ["backward"] if any(one.code is not None for one in marked) else []
    fields = ("id", "name", "variant", *blanks, "total", "out_of", *code, "comment")
    heads = {
        name: messages.text(language, f"grading.column.{name}")
        for name in fields
        if name not in blanks
    }
    ids = Counter(one.student_id for one in marked)
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, fields)
    writer.writerow({**dict(zip(blanks, blanks, strict=True)), **heads})
    for outcome in outcomes:
        if isinstance(outcome, Unmarked):
            row = _unmarked_row(outcome, language)
        else:
            row = _row(outcome, ids[outcome.student_id], language)
        writer.writerow({name: _inert(cell) for name, cell in row.items()})
    empty = {same_id(outcome.student_id or outcome.place.name) for outcome in marked}
    for one in absent:
        # Whose form came back empty has a row of their own.
        if same_id(one.id) not in empty:
            said = messages.text(language, "grading.comment.absent")
            row = {"id": one.id, "name": one.name, "variant": one.variant, "comment": said}
            writer.writerow({name: _inert(cell) for name, cell in row.items()})
    return stream.getvalue().encode("utf-8-sig")


Row = dict[str, str | int]


def _row(marked: MarkedHandIn, same_id: int, language: str) -> Row:
    row: Row = {
        "id": legible(marked.student_id, _LONGEST_NAME) or marked.place.name,
        "name": legible(marked.student_name, _LONGEST_NAME),
        "variant": marked.key.exercise.variant,
        "total": marked.marks.points,
        "out_of": marked.key.exercise.points,
        "comment": comment(marked, same_id),
    }
    if marked.code is not None:
        row["backward"] = messages.text(language, f"grading.outcome.{marked.code.outcome}")
    return {**row, **{blank.name: blank.points for blank in marked.marks.blanks}}


def _unmarked_row(unmarked: Unmarked, language: str) -> Row:
    problem = unmarked.problem.message(language)
    said = messages.text(language, "grading.comment.unmarked", problem=problem)
    return {"id": unmarked.place.name, "comment": said}


def _inert(cell: str | int) -> str | int:
    """The cell as text that no spreadsheet runs: an apostrophe before it, where it would."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell
