"""`clearprop grade`: the marks of one hand-in or of a class."""

from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import FileError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE, NOT_DONE, UNMARKED

if TYPE_CHECKING:
    from clearprop.teaching.grading.marked_handins import MarkingResult


def run(given: Arguments) -> int:
    """Mark what is at PATH, print the marks, and write them to `--out`; returns the exit status.

    Where nothing could be marked, no file is written.
    """
    path = Path(given.required_operand("grade_no_path"))
    key, language = given.path("--key"), given.language()
    out, statistics, roster = given.path("--out"), given.path("--stats"), given.path("--students")

    from clearprop.base.writing import write_whole
    from clearprop.cli.delivery import require_ending
    from clearprop.cli.terminal import bar, console

    # Without rich this is where it is said.
    shown = console()

    from clearprop.cli.grading_tables import ClassMarks, print_marks
    from clearprop.teaching.exercises.students import read_roster
    from clearprop.teaching.grading.absentees import absentees
    from clearprop.teaching.grading.class_marking import key_folder, mark_each
    from clearprop.teaching.grading.class_statistics import statistics_json
    from clearprop.teaching.grading.gradebook import marks_csv
    from clearprop.teaching.grading.handins import find_handins

    if out is not None:
        require_ending(out, (".csv",))
    if statistics is not None:
        require_ending(statistics, (".json",))
    keys = key_folder(path, key)
    students = () if roster is None else read_roster(roster, language)
    places = find_handins(path, keys)
    if out is not None and statistics is not None and out.resolve() == statistics.resolve():
        raise FileError("grade_same_file", path=out)
    for written in (out, statistics):
        if written is not None:
            _require_writable(written, keys, overwrite=given.given("--overwrite"))
    outcomes: list[MarkingResult] = []
    with bar() as progress:
        title = messages.text(language, "grading.summary.marking")
        task = progress.add_task(title, total=len(places))
        for outcome in mark_each(places, keys):
            outcomes.append(outcome)
            progress.advance(task)
    # One form or one student's folder is no class in which somebody could be missing.
    is_class = len(places) > 1 or roster is not None or places[0] != path
    absent = absentees(outcomes, keys, students) if is_class else ()
    marks = ClassMarks(tuple(outcomes), absent)
    if marks.marked and out is not None:
        write_whole(out, marks_csv(outcomes, language, absent))
    if marks.marked and statistics is not None:
        write_whole(statistics, statistics_json(outcomes, absent))
    print_marks(shown, marks, out, statistics, language)
    if not marks.marked:
        return NOT_DONE
    return DONE if len(marks.marked) == len(outcomes) else UNMARKED


def _require_writable(path: Path, keys: Path, *, overwrite: bool) -> None:
    """What `write_whole` would say after all the marking, and care for hand-ins, keys and marks
    that are there."""
    from clearprop.teaching.grading.handins import CODE, FORMS

    if path.is_dir():
        raise FileError("path_is_folder", path=path)
    if not path.parent.is_dir():
        raise FileError("path_missing", path=path.parent)
    if path.name in (*FORMS, CODE) or path.parent.resolve() == keys.resolve():
        raise FileError("grade_overwrites", path=path)
    if path.is_file() and not overwrite:
        raise FileError("grade_file_exists", path=path)


COMMAND = Command(
    "grade",
    run,
    (
        Option("--key", takes=Takes.FOLDER),
        Option("--students", takes=Takes.FILE),
        options.OUT_FILE,
        Option("--stats", takes=Takes.FILE),
        Option("--overwrite", takes=Takes.NOTHING),
        options.LANG,
    ),
    operand=Takes.FILE,
)
