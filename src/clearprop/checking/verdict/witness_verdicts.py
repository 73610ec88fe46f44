"""What another witness says, and its words."""

from dataclasses import dataclass

from clearprop.base import messages
from clearprop.base.numbers import general
from clearprop.checking.verdict.outcomes import PlainEnum, say


class WitnessName(PlainEnum):
    """Who is heard: difference quotients always, the others where they can be."""

    FINITE_DIFFERENCES = "finite-differences"
    COMPLEX_STEP = "complex-step"
    TORCH = "torch"
    JAX = "jax"
    REFERENCE = "reference"


class WitnessOutcome(PlainEnum):
    """Whether a witness agrees with the claimed gradients, or could not be heard."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNUSED = "unused"


@dataclass(frozen=True)
class WitnessVerdict:
    """What another witness says.

    reason    why it is unused, `checking.unused.<reason>` of the message tables
    relative  the largest difference from the claimed gradients, divided by the largest entry of
              its array, and `array` that array's name
    """

    name: str
    outcome: WitnessOutcome
    reason: str | None = None
    array: str | None = None
    relative: float | None = None

    def sentence(self, language: str = "en") -> str:
        """What the witness says, in words."""
        if self.outcome == WitnessOutcome.UNUSED:
            known = messages.table(language, "checking")
            reason = f"unused.{self.reason}"
            why = say(language, reason if reason in known else "unused.other")
            return say(language, "witness.unused", witness=self.name, why=why)
        return say(
            language,
            f"witness.{self.outcome}",
            witness=self.name,
            relative=general(self.relative, 2),
            name=self.array,
        )
