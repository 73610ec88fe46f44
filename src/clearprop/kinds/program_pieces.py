"""What a row is given to write its part of a program, and what it gives back.

A layer is given its `Site` and gives its `Passes`; a loss gives `LossLines`, an optimizer
`UpdateLines`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clearprop.base.arrays import Shape
from clearprop.engine.schedules import ConstantRate, Rate, Schedule
from clearprop.kinds.program_lines import Line, Symbol


class SideInput(NamedTuple):
    """What a program hands to its forward pass beside x: what it is called, whether it is of
    booleans, and how many axes it has."""

    symbol: Symbol
    is_boolean: bool
    axes: int


@dataclass(frozen=True)
class Site:
    """One layer in its place.

    x, y        its input and output
    dx, dy      ∂L/∂x, which backward assigns, and ∂L/∂y, which it reads; dx is None where x is ids
    params      its parameters by the layer's own names
    gradients   what their gradients are called
    number      that of the layer's group, for variables of its own
    path        its place in the network
    shape       that of one sample of x
    beside      what stands beside x, by the names of the network's side inputs
    """

    layer: Any
    x: Symbol
    y: Symbol
    dx: Symbol | None
    dy: Symbol
    params: Mapping[str, Symbol]
    gradients: Mapping[str, Symbol]
    number: int
    path: str
    shape: Shape
    beside: Mapping[str, SideInput] = field(default_factory=dict)

    def own(self, name: str, math: str) -> Symbol:
        """A variable of this layer's group: from "mu" and "μ" mu1 and μ₁ in the first."""
        return Symbol(name, math).numbered(self.number)


@dataclass(frozen=True)
class Mask:
    """The entries that a dropout layer keeps: their name, and what they are drawn with."""

    symbol: Symbol
    path: str
    shape: Shape
    probability: float


@dataclass(frozen=True)
class Statistics:
    """What a batch normalization remembers of a step: its batch's mean and variance, each of
    `places` numbers of every sample."""

    mean: Symbol
    variance: Symbol
    running_mean: Symbol
    running_variance: Symbol
    path: str
    momentum: float | None
    places: int = 1


@dataclass(frozen=True)
class Passes:
    """The two passes of one layer, line by line."""

    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    masks: tuple[Mask, ...] = ()
    statistics: tuple[Statistics, ...] = ()


@dataclass(frozen=True)
class UsedLines:
    """The forward pass of a layer in use, and what its running statistics are called in it."""

    forward: tuple[Line, ...]
    state: Mapping[str, Symbol] = field(default_factory=dict)


@dataclass(frozen=True)
class LossLines:
    """The lines from y and t to `loss` and `dy`, and the constants that they read."""

    lines: tuple[Line, ...]
    constants: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """One array that an optimizer remembers: its name in `update`, in equations and in the
    optimizer's state, and the number that it starts from."""

    name: str
    math: str
    slot: str
    start: float = 0.0


@dataclass(frozen=True)
class UpdateLines:
    """The update of one array.

    rule        the optimizer's name, without its clippings
    lines       from w, dw and the memory to the new memory
    result      the code and equation of the new w
    memory      what it remembers
    constants   name, value and symbol of every constant that the lines read
    counts      whether it reads n, the number of the step from 1
    rate        the learning rate; one that never changes stands among the constants
    clipping    the lines of `clip`, from `gradients` to `gradients`
    """

    rule: str
    lines: tuple[Line, ...]
    result: Line
    memory: tuple[Memory, ...]
    constants: tuple[tuple[str, float, str], ...]
    counts: bool
    rate: Rate
    clipping: tuple[Line, ...] = ()

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate where it changes from step to step."""
        return self.rate if isinstance(self.rate, Schedule) and not is_constant(self.rate) else None


def is_constant(rate: Rate) -> bool:
    """Whether a learning rate never changes."""
    return isinstance(rate, float | ConstantRate)


def two_lines(site: Site, value: tuple[str, str], slope: tuple[str, str]) -> Passes:
    """The lines `a = value` and `dz = slope`, given the code and equation of each right side."""
    return Passes(
        (Line(f"{site.y} = {value[0]}", f"{site.y:math} = {value[1]}"),),
        (Line(f"{site.dx} = {slope[0]}", f"{site.dx:math} = {slope[1]}"),),
    )


def sum_of_samples(terms: str, shape: Shape) -> str:
    """The code of a sum over everything but the features, as one row."""
    if len(shape) > 1:
        return f"{_bracketed(terms)}.reshape(-1, {shape[-1]}).sum(axis=0, keepdims=True)"
    return f"{_bracketed(terms)}.sum(axis=0, keepdims=True)"


def _bracketed(terms: str) -> str:
    return terms if terms.isidentifier() else f"({terms})"
