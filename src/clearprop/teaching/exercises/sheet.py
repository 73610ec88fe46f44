"""An exercise as data: what is given, and blanks with their values, formulas and points."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.expressions import Expression, Values, names
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.quantities import QuantityKind
from clearprop.teaching.exercises.small_network import SmallNetwork

# An answer counts as right when it is off by no more than this, or by this part of itself where it
# is larger than 1.
TOLERANCE = 0.001
# Answers that do not end are rounded to so many decimals.
DECIMALS = 4

# Of a number, or of the number of a program's wrong line.
BlankKind: TypeAlias = QuantityKind | Literal["line"]


def is_near(answer: float, value: float) -> bool:
    """Whether an answer counts as the value."""
    # The last summand lets an answer count that is off by the tolerance exactly, whatever the
    # binary digits of the two are.
    return abs(answer - value) <= TOLERANCE * max(1.0, abs(value)) + 1e-9


@dataclass(frozen=True)
class Given(Configurable):
    """A number that the sheet tells: its name, its symbol in markup, and its value."""

    name: str
    symbol: str
    value: float


@dataclass(frozen=True)
class Blank(Configurable):
    """A number to fill in.

    formula  from given numbers and earlier blanks alone, so that it can be worked out again from
             a student's own numbers
    value    the right answer
    points   what it is worth
    slips    usual mistakes in it, as the formulas that they make of the right one
    """

    name: str
    symbol: str
    kind: BlankKind
    formula: Expression
    value: float
    points: int
    slips: tuple[KnownSlip, ...] = ()

    def settings(self) -> dict[str, Any]:
        """As every Configurable's, without an empty list of slips."""
        found = super().settings()
        return found if self.slips else {k: v for k, v in found.items() if k != "slips"}

    @property
    def rests_on(self) -> frozenset[str]:
        """The given numbers and blanks in its formula."""
        return frozenset(names(self.formula))


@dataclass(frozen=True)
class Exercise(Configurable):
    """One sheet: its topic and level, the number of its variant, the network and the blanks.

    `givens` and `blanks` hold what the sheet tells and asks; `network` is the same in the engine,
    with targets that give the derivatives which the sheet starts from. `program` is the numbered
    text in which a mistake is to be found, or "".
    """

    topic: str
    level: int
    variant: str
    network: SmallNetwork | LayerNetwork
    givens: tuple[Given, ...]
    blanks: tuple[Blank, ...]
    program: str = ""

    @property
    def linear_layers(self) -> SmallNetwork:
        """The network, where it is one of linear layers. Raises ConfigurationError for another."""
        if not isinstance(self.network, SmallNetwork):
            raise ConfigurationError("exercise_not_linear", topic=self.topic)
        return self.network

    @property
    def given_values(self) -> Values:
        """The given numbers by name."""
        return {given.name: given.value for given in self.givens}

    @property
    def points(self) -> int:
        """The points of all blanks."""
        return sum(blank.points for blank in self.blanks)

    @property
    def digits(self) -> int:
        """How many decimals all answers have together: what two variants are compared by."""
        return sum(map(_decimals, (blank.value for blank in self.blanks)))


def _decimals(value: float) -> int:
    text = f"{value:.{DECIMALS}f}".rstrip("0")
    return len(text.partition(".")[2])
