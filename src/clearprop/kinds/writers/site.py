"""What the writer of a layer is given, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.base.arrays import Shape
from clearprop.kinds.program_lines import Line, Symbol


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
    """What a batch normalization remembers of a step: its batch's mean and variance."""

    mean: Symbol
    variance: Symbol
    running_mean: Symbol
    running_variance: Symbol
    path: str
    momentum: float | None


@dataclass(frozen=True)
class Passes:
    """The two passes of one layer, line by line."""

    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    masks: tuple[Mask, ...] = ()
    statistics: tuple[Statistics, ...] = ()


@dataclass(frozen=True)
class Writer:
    """How a layer class is written.

    passes   from a layer in its place to its lines
    output   what its output is called, before the number of its group
    params   the same of its parameters
    opens    whether it begins a group: a weighted sum and what is made of it share a number
    """

    passes: Callable[[Site], Passes]
    output: Symbol
    params: Mapping[str, Symbol] = field(default_factory=dict)
    opens: bool = False


def sum_of_samples(terms: str, shape: Shape) -> str:
    """The code of a sum over everything but the features, as one row."""
    if len(shape) > 1:
        return f"{_bracketed(terms)}.reshape(-1, {shape[-1]}).sum(axis=0, keepdims=True)"
    return f"{_bracketed(terms)}.sum(axis=0, keepdims=True)"


def _bracketed(terms: str) -> str:
    return terms if terms.isidentifier() else f"({terms})"
