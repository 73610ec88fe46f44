"""The mistakes that were thought of, named or not: what each would give, and why it lost."""

from collections.abc import Mapping
from dataclasses import dataclass

from clearprop.base import messages
from clearprop.base.numbers import general
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.checking.verdict.outcomes import PlainEnum, place, say


class Standing(PlainEnum):
    """How much a reproduction of the numbers says, strongest first.

    PROVEN     the person's own code was run again and showed it
    EXACT      nothing was fitted
    FITTED     one number was fitted: a factor, a rate
    DESCRIBED  where the numbers are wrong, and nothing of why
    """

    PROVEN = "proven"
    EXACT = "exact"
    FITTED = "fitted"
    DESCRIBED = "described"

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Standing).index(self)


class Lost(PlainEnum):
    """Why a candidate was not named.

    OTHER_NUMBERS   its numbers are not the claimed ones
    ONLY_SOME       it would have made other arrays wrong as well, and those are not as it says
    NO_CHANGE       at this point it would leave every gradient right
    NO_EVIDENCE     what it gives is zero everywhere, as much else is
    BETTER_FOUNDED  a mistake with less that was fitted explains the same arrays
    EXPLAINS_FEWER  a mistake that explains more arrays was named for these
    LESS_LIKELY     what was named gives the same numbers, and is made more often
    COINCIDENCE     it does not hold at another point or for another upstream gradient, or that
                    cannot be tried and it rests on one fitted number
    NOT_ALONE       other arrays are wrong in a way that nothing explains, and it is too little
                    to stand by itself
    LAYOUT          it speaks of rows and columns of a layout that is not the person's
    """

    OTHER_NUMBERS = "other_numbers"
    ONLY_SOME = "only_some"
    NO_CHANGE = "no_change"
    NO_EVIDENCE = "no_evidence"
    BETTER_FOUNDED = "better_founded"
    EXPLAINS_FEWER = "explains_fewer"
    LESS_LIKELY = "less_likely"
    COINCIDENCE = "coincidence"
    NOT_ALONE = "not_alone"
    LAYOUT = "layout"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a candidate gives for one array, at the entry where that is farthest from the claimed.

    predicted, claimed, expected   the values there: the candidate's, backward's, the right one
    off       the largest difference between predicted and claimed, divided by the largest entry of
              the right gradient; infinite for an array of another shape, which has no `index`
    """

    array: str
    index: tuple[int, ...] | None
    predicted: float | None
    claimed: float | None
    expected: float | None
    off: float


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A mistake that was thought of.

    values       the fields of its sentences, as in `LikelyMistake`
    predictions  by array that it would change, what it gives there
    lost         why it was not named; None where it was, alone or as an alternative
    """

    key: MistakeKind
    values: Mapping[str, object]
    standing: Standing
    predictions: tuple[Prediction, ...]
    lost: Lost | None

    @property
    def off(self) -> float:
        """How far its numbers are from the claimed ones, in the array that is farthest; infinite
        where it would change none."""
        return max((one.off for one in self.predictions), default=float("inf"))

    def name(self, language: str = "en") -> str:
        """Its name, with the layer and the other function that it speaks of."""
        said = [str(self.values[part]) for part in ("where", "other") if part in self.values]
        name = messages.text(language, f"mistakes.{self.key}.name")
        return say(language, "why.at", name=name, place=", ".join(said)) if said else name

    def sentence(self, language: str = "en") -> str:
        """What it gives, how far that is off, and why it was or was not named."""
        why = say(language, f"lost.{self.lost}" if self.lost else "why.named")
        worst = max(self.predictions, key=lambda one: one.off, default=None)
        if worst is None:
            return say(language, "why.nothing", name=self.name(language), why=why)
        if worst.index is None:
            return say(language, "why.shape", name=self.name(language), array=worst.array, why=why)
        return say(
            language,
            "why.candidate",
            name=self.name(language),
            arrays=", ".join(one.array for one in self.predictions),
            array=worst.array,
            index=place(worst.index),
            predicted=general(worst.predicted),
            claimed=general(worst.claimed),
            off=general(worst.off, 2),
            why=why,
        )
