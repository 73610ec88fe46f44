"""What is known of one level of a topic whose network is made of the engine's layers.

The numbers of a step are listed in the order in which they are worked out. Each has its formula,
which is what a key prints and marking works out again, and where it stands in the engine's step:
an entry of a wire, of a gradient, or of what is inside a layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.network import Network
from clearprop.engine.step import Step, take_step
from clearprop.teaching.exercises.expressions import (
    Addition,
    Expression,
    Multiplication,
    Name,
    Subtraction,
    Values,
)
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.naming import Label
from clearprop.teaching.exercises.quantities import QuantityKind

# Where a number stands in the engine's step.
Reading: TypeAlias = Callable[[Step], float]


class WorkedNumber(NamedTuple):
    """A number of a step.

    read   the same number in the engine; None where the engine has no name for it, such as the
           part of one time in a sum over times
    slips  what comes out where a usual mistake is made
    may    values that are pleasant here, though they are trivial elsewhere: the 0 of a place that
           pooling did not take
    """

    label: Label
    kind: QuantityKind
    formula: Expression
    read: Reading | None
    slips: tuple[KnownSlip, ...] = ()
    may: tuple[float, ...] = ()


class StudentProgram(NamedTuple):
    """The network as a program in NumPy: lines that end with y, and a right way back behind them.

    arrays   what forward takes, in its order
    samples  those of them whose first axis is that of the samples
    """

    arrays: tuple[str, ...]
    samples: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]


# The name in a grid of a zero that stands around an image.
BORDER = "0"


class NumberGrid(NamedTuple):
    """Numbers that stand in rows and columns: their symbol in markup, and their names."""

    symbol: str
    names: tuple[tuple[str, ...], ...]


class TimeBox(NamedTuple):
    """One time: the names of its input, of what is inside, of what goes on to the next time, and of
    what it is compared with ("" for nothing)."""

    given: str
    inside: tuple[str, ...]
    handed: tuple[str, ...]
    target: str


class UnrolledPicture(NamedTuple):
    """A network unrolled in time; `by_input` and `by_state` are the names of the weights that an
    input and a state meet, "" where they are several."""

    boxes: tuple[TimeBox, ...]
    by_input: str
    by_state: str


class GridPicture(NamedTuple):
    """Rows of grids, from the left; `given` says how many of a row's first ones are given, and
    `window` outlines so many rows and columns of the first grid, and one entry of the third."""

    rows: tuple[tuple[NumberGrid, ...], ...]
    given: int
    window: int = 0


def anything(_: object) -> bool:
    """Where every candidate will do."""
    return True


@dataclass(frozen=True, eq=False)
class LayerDesign:
    """One level of a topic.

    network      the engine's layers
    parameters   their values by path, from the given numbers
    given_x      the input, one sample
    at_output    the target, or where `derivative_given` ∂C/∂y, in the shape of y
    givens       what is given, in the order of `draw`
    draw         the given numbers of one candidate
    negatives    how many of them are below 0, the same in every variant
    numbers      of the step, in their order
    asked        the names of those that are blanks
    exact        whether every answer ends after a few decimals
    program      the same as a program
    arrays       its arrays, one sample, from the given numbers
    reference    a network whose arrays are the program's in their order; None where there is none
    picture      what its picture shows
    conventions  the keys of what a reader has to know
    explained    a weight, and its address in the engine
    accepts      whether a candidate shows what it should: no tie, no number near a kink
    tells        whether the program's arrays, of several samples, exercise everything
    """

    network: Network
    parameters: Callable[[Values], Mapping[str, Array]]
    given_x: Callable[[Values], Array]
    at_output: Callable[[Values], Array]
    derivative_given: bool
    givens: tuple[Label, ...]
    draw: Callable[[np.random.Generator], list[float]]
    negatives: int
    numbers: tuple[WorkedNumber, ...]
    asked: frozenset[str]
    exact: bool
    program: StudentProgram
    arrays: Callable[[Values], Mapping[str, Array]]
    reference: Network | None
    picture: GridPicture | UnrolledPicture
    conventions: tuple[str, ...]
    explained: tuple[Label, str]
    accepts: Callable[[Values], bool] = anything
    tells: Callable[[Mapping[str, Array]], bool] = anything

    def step(self, values: Values) -> Step:
        """One step of the engine at the given numbers. Where ∂C/∂y is given, the targets are those
        at which the mean squared error has it: ∂C/∂y = 2(y − t)/D, so t = y − D/2 · ∂C/∂y."""
        params = self.network.replace(np.zeros(self.network.size), self.parameters(values))
        x, target = self.given_x(values), self.at_output(values)
        if self.derivative_given:
            y = self.network.forward(params, x).output
            target = y - target * y.size / 2
        return take_step(self.network, params, x, target)


def array(values: Values, names: object, *shape: int) -> Array:
    """The numbers of these names as an array."""
    flat = [values[name] for name in np.ravel(np.array(names, dtype=object)).tolist()]
    return np.array(flat, dtype=np.float64).reshape(shape)


def total(terms: list[Expression]) -> Expression:
    """The sum of the terms, or the only one."""
    return terms[0] if len(terms) == 1 else Addition(tuple(terms))


def times(*factors: Expression | str) -> Expression:
    """The product of numbers or formulas; a text is a number's name."""
    return Multiplication(tuple(Name(one) if isinstance(one, str) else one for one in factors))


def minus(left: str, right: str) -> Expression:
    """The difference of two numbers."""
    return Subtraction(Name(left), Name(right))


def derivative(by: Label) -> Label:
    """∂C/∂ of a number."""
    return Label(f"dC/d{by.name}", f"∂*C*/∂{by.symbol}")


def indexed(letter: str, index: object) -> Label:
    """A letter with an index: w₁₁."""
    return Label(f"{letter}{index}", f"*{letter}*_[{index}]")
