"""What a check did not look at: arrays that were not compared, and what the point leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

from clearprop.checking.verdict.outcomes import PlainEnum, say


class NotComparedReason(PlainEnum):
    """Why the gradient of an array was not compared; `checking.not_compared.<reason>`.

    INTEGERS   it holds whole numbers, of which there is no gradient
    EMPTY      it has no entries
    NOT_ASKED  `wrt` leaves it out
    """

    INTEGERS = "integers"
    EMPTY = "empty"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class NotCompared:
    """An array whose gradient was not compared; `dtype` is the array's."""

    name: str
    reason: NotComparedReason
    dtype: str

    def sentence(self, language: str = "en") -> str:
        """Which array, and why."""
        return say(language, f"not_compared.{self.reason}", name=self.name, dtype=self.dtype)


class NotExercisedKind(PlainEnum):
    """What a point can leave open; its wording is `checking.not_exercised.<kind>`.

    COMPARISON    a comparison of the forward came out the same for every number
    MAXIMUM       a maximum or minimum took the same argument everywhere
    BOUND         a bound was never reached, or everywhere
    SIGN          an absolute value or a sign met numbers of one sign only
    KINK          every number that a layer took lies on one side of its kink
    LOSS_KINK     the same of a loss
    MASK          dropout dropped nothing
    ZERO_GRADIENT a whole array, row or column has the gradient 0
    ONE_ROW       there is one sample, of which a sum is the mean
    SYMMETRIC     a square array equals its transpose
    UPSTREAM_ONES the upstream gradient that was handed over is 1 everywhere
    """

    COMPARISON = "comparison"
    MAXIMUM = "maximum"
    BOUND = "bound"
    SIGN = "sign"
    KINK = "kink"
    LOSS_KINK = "loss_kink"
    MASK = "mask"
    ZERO_GRADIENT = "zero_gradient"
    ONE_ROW = "one_row"
    SYMMETRIC = "symmetric"
    UPSTREAM_ONES = "upstream_ones"


@dataclass(frozen=True)
class NotExercised:
    """Something that the point does not show, so that a mistake there would not have been seen.

    side        which one of two wordings holds: "all" or "none", "above" or "below"; "" for none
    values      the fields of its sentence
    suggestion  a line of Python that gives a point which shows it, tried; None without one
    """

    key: NotExercisedKind
    side: str
    values: Mapping[str, object]
    suggestion: str | None = None

    def sentence(self, language: str = "en") -> str:
        """What was not exercised, and a point that would."""
        wording = f"{self.key}_{self.side}" if self.side else str(self.key)
        text = say(language, f"not_exercised.{wording}", **self.values)
        if self.suggestion is None:
            return text
        return text + say(language, "not_exercised.suggestion", line=self.suggestion)
