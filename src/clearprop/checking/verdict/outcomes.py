"""The three outcomes, and how numbers and places of a verdict are written."""

from collections.abc import Iterable
from enum import StrEnum

from clearprop.base import messages


class Outcome(StrEnum):
    """How a check, or one part of it, came out.

    RIGHT      every gradient agrees with the witness, and the witness could have seen a mistake
    WRONG      one does not, or the code breaks a rule that a backward pass must keep
    UNDECIDED  nothing can be said at this point; it is never counted as right
    """

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"


RIGHT, WRONG, UNDECIDED = Outcome


def worst_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """Wrong before undecided before right."""
    met = set(outcomes)
    return next((outcome for outcome in (WRONG, UNDECIDED) if outcome in met), RIGHT)


def say(language: str, key: str, **values: object) -> str:
    """The sentence `checking.<key>`."""
    return messages.text(language, f"checking.{key}", **values)


def number(value: float | None, digits: int = 7) -> str:
    """A number of the report."""
    return "—" if value is None else f"{value:.{digits}g}"


def place(index: object) -> str:
    """An index as it is written in brackets; `—` for none."""
    if not isinstance(index, tuple) or not index:
        return "[]" if index == () else "—"
    return f"[{', '.join(map(str, index))}]"
