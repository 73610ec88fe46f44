"""One hand-written pair, the slip in it, and the names that are true of the slip."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict

# The slip of a right backward, and the names of one that has none in the catalogue.
RIGHT = ""
NONE: frozenset[str] = frozenset()


class Case(NamedTuple):
    """A function and its backward or gradient at a point.

    truth   the names that say what was done; none for a right one, NONE for a stranger
    """

    style: str
    slip: str
    truth: frozenset[str]
    function: Callable[..., Any]
    back: Callable[..., Any]
    arrays: Mapping[str, Any]
    wrt: Sequence[str] | None
    is_scalar: bool

    def verdict(self) -> Verdict:
        """What `check` says of it."""
        arguments: dict[str, Any] = {"gradient" if self.is_scalar else "backward": self.back}
        return check(self.function, *self.arrays.values(), wrt=self.wrt, witnesses=(), **arguments)


def said(verdict: Verdict) -> list[set[str]]:
    """For every mistake that is named its key, and those of its alternatives."""
    return [
        {str(one.key), *(str(other.key) for other in one.alternatives)} for one in verdict.mistakes
    ]


def family(
    style: str,
    function: Callable[..., Any],
    back: Callable[..., Any],
    arrays: Mapping[str, Any],
    slips: Mapping[str, str],
    wrt: Sequence[str] | None = None,
    *,
    is_scalar: bool = True,
) -> list[Case]:
    """One code with every slip by itself: `back(slip, ...)`; the truth as words."""

    def bound(slip: str) -> Callable[..., Any]:
        return lambda *given: back(slip, *given)

    return [
        Case(style, slip, frozenset(truth.split()), function, bound(slip), arrays, wrt, is_scalar)
        for slip, truth in {RIGHT: "", **slips}.items()
    ]


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^(−z))."""
    s: Array = 1 / (1 + np.exp(-z))
    return s


def normal(seed: int, *shape: int) -> Array:
    """Drawn from N(0, 1)."""
    drawn: Array = np.random.default_rng(seed).normal(size=shape)
    return drawn
