"""The marks of a class on the terminal: a table of the hand-ins, and what the class got wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from clearprop.base import messages
from clearprop.base.numbers import percent
from clearprop.teaching.grading.absentees import Absentee
from clearprop.teaching.grading.class_statistics import SheetStatistics, class_statistics
from clearprop.teaching.grading.marked_handins import (
    MarkedHandIn,
    MarkingResult,
    Unmarked,
    comment,
)
from clearprop.teaching.grading.untrusted_files import legible

if TYPE_CHECKING:
    from rich.console import Console

say = messages.within("grading.summary")


@dataclass(frozen=True)
class ClassMarks:
    """What was marked and what could not be, and who handed in nothing."""

    outcomes: tuple[MarkingResult, ...]
    absent: tuple[Absentee, ...]

    @property
    def marked(self) -> tuple[MarkedHandIn, ...]:
        """The hand-ins that have marks."""
        return tuple(one for one in self.outcomes if isinstance(one, MarkedHandIn))


def print_marks(
    console: "Console",
    marks: ClassMarks,
    out: Path | None,
    statistics: Path | None,
    language: str,
) -> None:
    """The table of the hand-ins, those that could not be marked, how the class did, and where the
    files are."""
    marked = marks.marked
    if marked:
        console.print(_table(marked, language))
    for outcome in marks.outcomes:
        if isinstance(outcome, Unmarked):
            sentence = f"{outcome.place.name}: {outcome.problem.message(language)}"
            console.print(escape(legible(sentence, 1000)), style="bold red", soft_wrap=True)
    lines = []
    if len(marks.outcomes) == 1 and marked and not marks.absent:
        lines.append(comment(marked[0]))
    else:
        for sheet in class_statistics(marks.outcomes) if len(marked) > 1 else ():
            console.print(_statistics_table(sheet, language))
            lines += _code_lines(sheet, marked, language)
        lines += _class_lines(marks, out, language)
    if any(one.code is not None and not one.code.isolated for one in marked):
        lines.append(say(language, "not_isolated"))
    if marked and out is not None:
        lines.append(say(language, "written", path=out))
    if marked and statistics is not None:
        lines.append(say(language, "statistics", path=statistics))
    for line in lines:
        console.print(escape(line), soft_wrap=True)


def _class_lines(marks: ClassMarks, out: Path | None, language: str) -> Iterator[str]:
    marked = marks.marked
    share = sum(one.marks.points for one in marked)
    whole = sum(one.key.exercise.points for one in marked)
    average = percent(share / whole) if whole else "—"
    yield say(language, "marked", marked=len(marked), count=len(marks.outcomes), average=average)
    if marks.absent:
        who = [legible(f"{one.id} {one.name}".strip()) for one in marks.absent]
        separator = say(language, "separator")
        yield say(language, "absent", count=len(who), names=separator.join(who))
    if marked and out is None:
        yield say(language, "comments")


def _table(marked: Sequence[MarkedHandIn], language: str) -> Table:
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


def _statistics_table(sheet: SheetStatistics, language: str) -> Table:
    head = partial(messages.within("grading.statistics"), language)
    topic = messages.text(language, f"exercises.title.{sheet.topic}")
    title = head("title", topic=topic, level=sheet.level, count=sheet.hand_ins)
    table = Table(title=title, title_justify="left")
    for name in ("blank", "earned", "wrong", "missing", "mistakes"):
        numeric = name not in ("blank", "mistakes")
        table.add_column(head(name), justify="right" if numeric else "left")
    for blank in sheet.blanks:
        wrong = blank.outcomes["wrong"] + blank.outcomes["unreadable"]
        table.add_row(
            escape(blank.name),
            head("of", count=blank.earned, asked=blank.asked),
            str(wrong or ""),
            str(blank.outcomes["missing"] or ""),
            _counted("grading.mistake", blank.mistakes, language),
        )
    return table


def _code_lines(
    sheet: SheetStatistics, marked: Sequence[MarkedHandIn], language: str
) -> Iterator[str]:
    """What became of the class's `backward.py`, and the mistakes in them."""
    if not sheet.code:
        return
    outcomes = _counted("grading.outcome", sheet.code, language)
    yield say(language, "code", outcomes=outcomes)
    words = {
        mistake.key.value: mistake.words(language).name
        for one in marked
        if one.code is not None and one.code.verdict is not None
        for mistake in one.code.verdict.mistakes
    }
    for key, count in sheet.code_mistakes.items():
        yield "  " + say(language, "code_mistake", mistake=words[key], count=count)


def _counted(table: str, counts: Mapping[str, int], language: str) -> str:
    return say(language, "separator").join(
        f"{messages.text(language, f'{table}.{key}')} × {count}" for key, count in counts.items()
    )
