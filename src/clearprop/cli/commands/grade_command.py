"""`clearprop grade`: the marks of one hand-in or of a class."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import FileError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE, NOT_DONE, UNMARKED

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clearprop.teaching.grading.marked_handins import MarkedHandIn, MarkingResult


def run(given: Arguments) -> int:
    """Mark what is at PATH, print the marks, and write them to `--out`; returns the exit status.

    Where nothing could be marked, no file is written.
    """
    path = Path(given.required_operand("grade_no_path"))
    key, out, language = given.path("--key"), given.path("--out"), given.language()

    from clearprop.base.writing import write_whole
    from clearprop.cli.delivery import require_ending
    from clearprop.cli.terminal import bar, console
    from clearprop.teaching.grading.class_marking import key_folder, mark_each
    from clearprop.teaching.grading.gradebook import marks_csv
    from clearprop.teaching.grading.handins import find_handins
    from clearprop.teaching.grading.marked_handins import MarkedHandIn

    if out is not None:
        require_ending(out, (".csv",))
    shown = console()
    keys = key_folder(path, key)
    places = find_handins(path, keys)
    if out is not None:
        _require_writable(out, keys)
    outcomes: list[MarkingResult] = []
    with bar() as progress:
        title = messages.text(language, "grading.summary.marking")
        task = progress.add_task(title, total=len(places))
        for outcome in mark_each(places, keys):
            outcomes.append(outcome)
            progress.advance(task)
    marked = [one for one in outcomes if isinstance(one, MarkedHandIn)]
    if marked and out is not None:
        write_whole(out, marks_csv(outcomes, language))
    _print(shown, outcomes, marked, out, language)
    if not marked:
        return NOT_DONE
    return DONE if len(marked) == len(outcomes) else UNMARKED


def _require_writable(out: Path, keys: Path) -> None:
    """What `write_whole` would say after all the marking, and care for hand-ins and keys."""
    from clearprop.teaching.grading.handins import CODE, FORMS

    if out.is_dir():
        raise FileError("path_is_folder", path=out)
    if not out.parent.is_dir():
        raise FileError("path_missing", path=out.parent)
    if out.name in (*FORMS, CODE) or out.parent.resolve() == keys.resolve():
        raise FileError("grade_overwrites", path=out)


def _print(
    console: "Console",
    outcomes: Sequence["MarkingResult"],
    marked: Sequence["MarkedHandIn"],
    out: Path | None,
    language: str,
) -> None:
    from rich.markup import escape

    from clearprop.base.numbers import percent
    from clearprop.teaching.grading.marked_handins import Unmarked, comment
    from clearprop.teaching.grading.untrusted_files import legible

    say = partial(messages.within("grading.summary"), language)

    lines = []
    if marked:
        console.print(_table(marked, language))
    for outcome in outcomes:
        if isinstance(outcome, Unmarked):
            sentence = f"{outcome.place.name}: {outcome.problem.message(language)}"
            console.print(escape(legible(sentence, 1000)), style="bold red", soft_wrap=True)
    if len(outcomes) == 1 and marked:
        lines.append(comment(marked[0]))
    else:
        share = sum(one.marks.points for one in marked)
        whole = sum(one.key.exercise.points for one in marked)
        average = percent(share / whole) if whole else "—"
        lines.append(say("marked", marked=len(marked), count=len(outcomes), average=average))
        if marked and out is None:
            lines.append(say("comments"))
    if any(one.code is not None and not one.code.isolated for one in marked):
        lines.append(say("not_isolated"))
    if marked and out is not None:
        lines.append(say("written", path=out))
    for line in lines:
        console.print(escape(line), soft_wrap=True)


def _table(marked: Sequence["MarkedHandIn"], language: str) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from clearprop.teaching.grading.untrusted_files import legible

    names = ["id", "name", "variant", "total", "out_of"]
    with_code = any(one.code is not None for one in marked)
    table = Table()
    for name in (*names, *(["backward"] if with_code else [])):
        right = name in ("total", "out_of")
        head = messages.text(language, f"grading.column.{name}")
        table.add_column(head, justify="right" if right else "left")
    for one in marked:
        cells = [one.student_id or one.place.name, one.student_name, one.key.exercise.variant]
        cells += [str(one.marks.points), str(one.key.exercise.points)]
        if with_code:
            outcome = "" if one.code is None else f"grading.outcome.{one.code.outcome}"
            cells.append(messages.text(language, outcome) if outcome else "")
        table.add_row(*(escape(legible(cell)) for cell in cells))
    return table


COMMAND = Command(
    "grade",
    run,
    (Option("--key", takes=Takes.FOLDER), options.OUT_FILE, options.LANG),
    operand=Takes.FILE,
)
