"""The verdict of a check, as data.

Three outcomes. `right`: every gradient agrees with the witness, and the witness could have seen a
mistake. `wrong`: one does not, or the code breaks a rule that a backward pass must keep.
`undecided`: nothing can be said at this point; it is never counted as right.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from clearprop.base.arrays import Shape
from clearprop.base.errors import GradientError
from clearprop.checking import rendering
from clearprop.checking.evidence import Mistake

Outcome = Literal["right", "wrong", "undecided"]
RIGHT: Outcome = "right"
WRONG: Outcome = "wrong"
UNDECIDED: Outcome = "undecided"


@dataclass(frozen=True)
class Kink:
    """A kink that was met: the entry that was moved, and the slopes on its two sides."""

    index: tuple[int, ...]
    left: float
    right: float


@dataclass(frozen=True)
class ArrayVerdict:
    """What was found of one array's gradient.

    reason      why it is not right, the key of a sentence `checking.reasons.<reason>`; None if it
                is right
    checked     how many of the `size` entries were compared one by one
    directions  how many random directions of all entries were compared beside them
    index       the worst entry, of the checked ones: that of the largest error over tolerance
    claimed, expected, absolute   both values there and their difference
    relative    the difference, divided by the array's largest entry
    tolerance   the absolute tolerance at that entry
    tolerance_source   `derived` from dtype, step and scale; `float32` where the function computes
                in it; `given` by the person
    step        the step of the difference quotients, of an entry of size 1 or less
    kinks       the first kinks that were met; `kinks_met` counts all of them
    """

    name: str
    outcome: Outcome
    reason: str | None
    shape: Shape
    checked: int
    size: int
    directions: int
    index: tuple[int, ...] | None
    claimed: float | None
    expected: float | None
    absolute: float | None
    relative: float | None
    tolerance: float | None
    tolerance_source: str
    method: str
    step: float | None
    kinks: tuple[Kink, ...]
    kinks_met: int


@dataclass(frozen=True)
class Finding:
    """Something that the check found beside the numbers: `checking.findings.<key>` says what."""

    key: str
    outcome: Outcome
    values: Mapping[str, object]


@dataclass(frozen=True)
class WitnessVerdict:
    """What another witness says.

    outcome   agrees, disagrees, or unused (then `reason` is `checking.unused.<reason>`)
    relative  the largest difference from the claimed gradients, divided by the largest entry of
              its array, and `array` that array's name
    """

    name: str
    outcome: Literal["agrees", "disagrees", "unused"]
    reason: str | None = None
    array: str | None = None
    relative: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check, with everything that it rests on.

    `str(verdict)` is the report in English, `text("zh-TW")` in Traditional Chinese; a notebook
    shows it as HTML.
    """

    name: str
    outcome: Outcome
    arrays: tuple[ArrayVerdict, ...]
    findings: tuple[Finding, ...] = ()
    witnesses: tuple[WitnessVerdict, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self, language: str = "en") -> str:
        """The report as lines of text in `language` ("en" or "zh-TW")."""
        return rendering.text(self, language)

    def html(self, language: str = "en") -> str:
        """The report as a piece of HTML."""
        return rendering.html(self, language)

    def _repr_html_(self) -> str:
        return self.html()

    def to_json(self) -> str:
        """Everything in the verdict as JSON; numbers that are not finite become null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, indent=2, allow_nan=False)

    def to_junit(self, language: str = "en") -> str:
        """The verdict as JUnit XML, a test case for every array, for a build server."""
        return rendering.junit((self,), language)

    def raise_if_wrong(self, *, undecided: bool = False) -> "Verdict":
        """Return the verdict. Raises GradientError, whose sentence is the verdict, where it is
        wrong; with `undecided=True` also where it is not known to be right."""
        if self.outcome == WRONG or (undecided and self.outcome == UNDECIDED):
            raise GradientError("gradient_wrong", verdict=self)
        return self

    def array(self, name: str) -> ArrayVerdict:
        """The verdict of one array. Raises KeyError."""
        for one in self.arrays:
            if one.name == name:
                return one
        raise KeyError(name)


def worst_outcome(outcomes: list[Outcome]) -> Outcome:
    """Wrong before undecided before right."""
    for outcome in (WRONG, UNDECIDED):
        if outcome in outcomes:
            return outcome
    return RIGHT


def _plain(value: Any) -> Any:
    """`value` with nothing in it but what JSON knows."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    return str(value)
