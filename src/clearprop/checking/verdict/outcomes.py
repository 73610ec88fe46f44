"""The three outcomes, and how the places of a verdict are written."""

from collections.abc import Iterable
from enum import StrEnum

from clearprop.base import messages

say = messages.within("checking")


class PlainEnum(StrEnum):
    """Words of a verdict: in a list, too, they are shown as the strings that they are."""

    def __repr__(self) -> str:
        return repr(self.value)


class Outcome(PlainEnum):
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


def place(index: object) -> str:
    """An index as it is written in brackets; `—` for none."""
    if not isinstance(index, tuple) or not index:
        return "[]" if index == () else "—"
    return f"[{', '.join(map(str, index))}]"
