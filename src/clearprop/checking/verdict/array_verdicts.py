"""The verdict of one array's gradient, and its words."""

from collections.abc import Iterator
from dataclasses import dataclass

from clearprop.base.arrays import Shape
from clearprop.base.numbers import general
from clearprop.checking.verdict.outcomes import Outcome, PlainEnum, place, say


class Reason(PlainEnum):
    """Why an array is not right; its wording is `checking.reasons.<reason>`."""

    DIFFERS = "differs"
    NOT_FINITE = "not_finite"
    DIRECTION = "direction"
    RESOLUTION = "resolution"
    UNRESOLVED = "unresolved"
    KINKS = "kinks"
    TIES = "ties"


class ToleranceSource(PlainEnum):
    """Where a tolerance comes from: derived from dtype, step and scale; float32's, where the
    function computes in it; that of a backward which returns fewer digits than the array has; given
    by the person."""

    DERIVED = "derived"
    FLOAT32 = "float32"
    NARROW = "narrow"
    GIVEN = "given"


class Method(PlainEnum):
    """Whether every entry was compared, or a sample and some random directions; or every entry
    with the complex step, for which difference quotients are too coarse."""

    EVERY_ENTRY = "every_entry"
    SAMPLE = "sample"
    COMPLEX_STEP = "complex_step"


@dataclass(frozen=True)
class Kink:
    """A kink that was met: the entry that was moved, and the slopes on its two sides."""

    index: tuple[int, ...]
    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class ArrayVerdict:
    """What was found of one array's gradient.

    reason      why it is not right; None if it is right
    checked     how many of the `size` entries were compared one by one
    directions  how many random directions of all entries were compared beside them
    index       the worst entry, of the checked ones: that of the largest error over tolerance
    claimed, expected, absolute   both values there and their difference
    relative    the difference, divided by the array's largest entry
    tolerance   the absolute tolerance at that entry
    step        the step of the difference quotients, of an entry of size 1 or less
    kinks       the first kinks that were met; `kinks_met` counts all of them
    """

    name: str
    outcome: Outcome
    reason: Reason | None
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
    tolerance_source: ToleranceSource
    method: Method
    step: float | None
    kinks: tuple[Kink, ...]
    kinks_met: int

    def cells(self, language: str = "en") -> list[str]:
        """The row of this array in the report's table."""
        return [
            self.name,
            say(language, f"outcome.{self.outcome}"),
            f"{self.checked:,}/{self.size:,}",
            general(self.claimed),
            general(self.expected),
            general(self.relative, 2),
            general(self.tolerance, 2),
        ]

    def sentences(self, language: str = "en") -> Iterator[str]:
        """Why the array is not right, and the kinks that were met in it."""
        if self.reason is not None:
            yield say(
                language,
                f"reasons.{self.reason}",
                name=self.name,
                index=place(self.index),
                claimed=general(self.claimed),
                expected=general(self.expected),
                relative=general(self.relative, 2),
                tolerance=general(self.tolerance, 2),
            )
        if self.method == Method.COMPLEX_STEP:
            yield say(language, "by_complex_step", name=self.name)
        if self.kinks_met:
            first = self.kinks[0]
            yield say(
                language,
                "kinks",
                name=self.name,
                count=self.kinks_met,
                index=place(first.index),
                left=general(first.left),
                right=general(first.right),
            )
