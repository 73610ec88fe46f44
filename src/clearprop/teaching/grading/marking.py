"""Marks for the blanks of one exercise, where an answer that follows rightly from an earlier wrong
one counts.

Every blank's formula is worked out a second time, from the numbers that the student wrote in the
blanks before it. A blank that is not filled in, or is no number, is replaced by the right one.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from clearprop.teaching.exercises.expressions import evaluate
from clearprop.teaching.exercises.sheet import Blank, Exercise, is_near
from clearprop.teaching.grading.answer_mistakes import AnswerMistake, likely_mistake

BlankOutcome = Literal["right", "follows", "wrong", "unreadable", "missing"]

_DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,2})?"
_NUMBER = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL}))?", re.IGNORECASE)
# Dashes that are typed for a minus; NFKC leaves them as they are.
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014", "-"))
# A number in a form is short; a longer text is none, and is not worked on.
_LONGEST = 40


@dataclass(frozen=True)
class BlankMark:
    """What one blank is worth.

    outcome   right     within the tolerance of the right answer, and no 0 out of an earlier wrong 0
              follows   wrong, but rightly worked out from the student's own earlier numbers
              wrong, unreadable (no number), missing
    answer    the number that was read; None of the last two
    expected  the right answer
    points    the blank's points for `right` and `follows`, otherwise 0
    mistake   what was probably done wrong, of a wrong answer; None where nothing is recognized
    """

    name: str
    outcome: BlankOutcome
    answer: float | None
    expected: float
    points: int
    mistake: AnswerMistake | None = None


@dataclass(frozen=True)
class Marked:
    """The marks of one hand-in's blanks, and the names in it that the sheet has no blank for."""

    blanks: tuple[BlankMark, ...]
    unknown: tuple[str, ...]

    @property
    def points(self) -> int:
        """All points together."""
        return sum(blank.points for blank in self.blanks)


def mark(exercise: Exercise, answers: Mapping[str, object]) -> Marked:
    """Mark answers by the names of their blanks; each is a number or a text that is one."""
    own = dict(exercise.given_values)
    # Wrong answers of exactly 0: what is multiplied with one is 0 without any work, even where 0 is
    # right.
    zeros: set[str] = set()
    marks = []
    for blank in exercise.blanks:
        one = _mark(blank, answers.get(blank.name), own, zeros)
        if one.outcome == "wrong" and one.answer is not None:
            one = replace(one, mistake=likely_mistake(exercise, blank, one.answer, own))
        own[blank.name] = blank.value if one.answer is None else one.answer
        if one.outcome == "wrong" and one.answer == 0:
            zeros.add(blank.name)
        marks.append(one)
    unknown = tuple(name for name in answers if name not in {one.name for one in marks})
    return Marked(tuple(marks), unknown)


def read_number(answer: object) -> float | None:
    """The number that an answer is, or None where it is none.

    Read are decimals with a point, fractions, powers of ten (2e-3), full-width characters and the
    real minus sign, behind a name and = too, and the number of a line as #4 or (4). A decimal comma
    is not: in 1,234 it would be another number.
    """
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    if isinstance(answer, int) and abs(answer) >= 10**_LONGEST:
        return None  # Python refuses to write out a whole number of thousands of digits
    text = str(answer)
    if len(text) > _LONGEST:
        return None
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).translate(_MINUS))
    text = text.rpartition("=")[2].removeprefix("#")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    below = Fraction(match[2] or 1)
    return float(Fraction(match[1]) / below) if below else None


def _mark(blank: Blank, text: object, own: Mapping[str, float], zeros: set[str]) -> BlankMark:
    if text is None or (isinstance(text, str) and not text.strip()):
        return BlankMark(
            name=blank.name, outcome="missing", answer=None, expected=blank.value, points=0
        )
    answer = read_number(text)
    if answer is None:
        return BlankMark(
            name=blank.name, outcome="unreadable", answer=None, expected=blank.value, points=0
        )
    worked_out = not (answer == 0 and zeros & blank.rests_on)
    if worked_out and is_near(answer, blank.value):
        return BlankMark(
            name=blank.name,
            outcome="right",
            answer=answer,
            expected=blank.value,
            points=blank.points,
        )
    if worked_out and _follows(answer, blank, own):
        return BlankMark(
            name=blank.name,
            outcome="follows",
            answer=answer,
            expected=blank.value,
            points=blank.points,
        )
    return BlankMark(
        name=blank.name, outcome="wrong", answer=answer, expected=blank.value, points=0
    )


def _follows(answer: float, blank: Blank, own: Mapping[str, float]) -> bool:
    try:
        return is_near(answer, evaluate(blank.formula, own))
    # A student's own numbers may have no logarithm, or a power that is too large.
    except (ArithmeticError, ValueError):
        return False
