"""What became of a hand-in: its marks, those of its code, and what the student is told about it, in
the language of their sheet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from clearprop.base import messages
from clearprop.base.errors import ClearpropError
from clearprop.base.numbers import brief
from clearprop.checking.verdict import RIGHT, Outcome, Verdict
from clearprop.teaching.grading.answer_keys import AnswerKey
from clearprop.teaching.grading.handins import HandIn
from clearprop.teaching.grading.marking import BlankMark, BlankOutcome, Marked
from clearprop.teaching.grading.untrusted_files import legible

# Between sentences, between clauses, between names.
_SEPARATORS = {"en": (" ", "; ", ", "), "zh-TW": ("", "；", "、")}


# A verdict's, or none at all.
CodeOutcome: TypeAlias = Outcome | Literal["failed"]


@dataclass(frozen=True)
class CodeMark:
    """What became of a `backward.py`.

    verdict   the check's; None where the code could not be checked
    problem   why it could not; None where it was
    only_elsewhere  whether it is right at the sheet's own samples, and wrong at others alone
    attempted what it tried and may not: "file", "network", "process"
    printed   how many bytes it printed
    isolated  whether it ran without a network
    """

    verdict: Verdict | None
    problem: ClearpropError | None = None
    only_elsewhere: bool = False
    attempted: tuple[str, ...] = ()
    printed: int = 0
    isolated: bool = True

    @property
    def outcome(self) -> CodeOutcome:
        """`right`, `wrong` or `undecided` as the verdict; `failed` where there is none."""
        return "failed" if self.verdict is None else self.verdict.outcome

    def sentences(self, language: str) -> Iterator[str]:
        """What is to be said about it, the outcome first."""
        say = partial(messages.within("grading.code"), language)
        if self.problem is not None:
            yield say("failed", problem=self.problem.message(language))
        if self.verdict is not None:
            yield say(self.verdict.outcome)
            if self.only_elsewhere:
                yield say("only_elsewhere")
            yield from _diagnosis(self.verdict, language)
        for kind in self.attempted:
            yield say(f"attempted.{kind}")
        if self.printed:
            yield say("prints")


@dataclass(frozen=True)
class MarkedHandIn:
    """A hand-in with its marks.

    place  the folder or file that it was found at
    code   what became of its `backward.py`; None where there is none
    """

    place: Path
    handin: HandIn
    key: AnswerKey
    marks: Marked
    code: CodeMark | None = None

    @property
    def student_id(self) -> str:
        """The id that was handed in, otherwise the one that the sheet was made for."""
        return self.handin.student_id or self.key.student_id

    @property
    def student_name(self) -> str:
        """The name that was handed in, otherwise the one that the sheet was made for."""
        return self.handin.student_name or self.key.student_name

    @property
    def is_empty(self) -> bool:
        """Whether nothing was done: no answer, and no backward pass beyond the one to fill in."""
        left_open = self.code is None or (
            self.code.problem is not None and self.code.problem.key == "code_left_open"
        )
        return not self.handin.is_filled_in and left_open


@dataclass(frozen=True)
class Unmarked:
    """A hand-in that could not be marked, and why."""

    place: Path
    problem: ClearpropError


MarkingResult = MarkedHandIn | Unmarked


def comment(marked: MarkedHandIn, same_id: int = 1) -> str:
    """The comment on a hand-in: what is wrong, what counted all the same, what was left open.

    same_id  how many hand-ins of the class have its id
    """
    said = list(_sentences(marked))
    if marked.student_id and same_id > 1:
        key = "grading.comment.same_id"
        said.append(messages.text(marked.key.language, key, count=same_id))
    return _SEPARATORS[marked.key.language][0].join(said)


def _sentences(marked: MarkedHandIn) -> Iterator[str]:
    language, marks = marked.key.language, marked.marks
    say = partial(messages.within("grading.comment"), language)
    by_outcome = {
        outcome: [one for one in marks.blanks if one.outcome == outcome]
        for outcome in get_args(BlankOutcome)
    }
    if len(by_outcome["right"]) == len(marks.blanks):
        yield say("all_right")
    if len(by_outcome["missing"]) == len(marks.blanks):
        yield say("nothing")
    elif missing := by_outcome["missing"]:
        yield say("missing", names=_listed(language, (one.name for one in missing)))
    if wrong := by_outcome["wrong"]:
        instead = [
            say(
                # A 0 that is right, but comes from an earlier 0 that is not.
                "unearned" if one.answer == one.expected else "instead",
                name=one.name,
                answer="" if one.answer is None else brief(one.answer),
                expected=brief(one.expected),
            )
            + _mistake(one, language)
            for one in wrong
        ]
        yield say("wrong", blanks=_SEPARATORS[language][1].join(instead))
    if follows := by_outcome["follows"]:
        yield say("follows", names=_listed(language, (one.name for one in follows)))
    if unreadable := by_outcome["unreadable"]:
        answers = marked.handin.answers
        quoted = [f"{one.name} = {legible(str(answers[one.name]))}" for one in unreadable]
        yield say("unreadable", blanks=_listed(language, quoted))
    if marks.unknown:
        shown = [legible(name) for name in marks.unknown[:5]]
        yield say("unknown", names=_listed(language, shown))
    if marked.code is not None:
        yield from marked.code.sentences(language)
    handed, made_for = marked.handin.student_id, marked.key.student_id
    if handed and made_for and handed != made_for:
        yield say("other_student", id=made_for)


def _mistake(mark: BlankMark, language: str) -> str:
    """What was probably done wrong, in brackets."""
    if mark.mistake is None:
        return ""
    said = messages.text(language, f"grading.mistake.{mark.mistake.value}")
    return messages.text(language, "grading.comment.mistake", mistake=said)


def _listed(language: str, names: Iterable[str]) -> str:
    return _SEPARATORS[language][2].join(names)


def _diagnosis(verdict: Verdict, language: str) -> Iterator[str]:
    for finding in verdict.findings:
        if finding.outcome != RIGHT:
            yield finding.sentence(language)
    for mistake in verdict.mistakes:
        yield mistake.sentence(language)
    if not verdict.mistakes:
        for one in verdict.arrays:
            yield from one.sentences(language)
