"""Where a gradient stands after a backward: in what it returned or kept, or in what was changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.subjects.structures import (
    Path,
    at,
    children,
    is_number,
    placed,
)
from clearprop.checking.subjects.written_names import (
    gradient_keys,
    keys_of,
)

RETURNED = "returned"


# Where an object took its gradients off its parameters: the gradient is what they lost.
CHANGED = "changed"


# How deep in an object a place for a gradient is looked for.
NEAR = 3


class Spot(NamedTuple):
    """Where numbers stand: in which of the things handed over, and the way to them there."""

    root: str
    path: Path


class Variable(NamedTuple):
    """An array that a gradient may be claimed for: where it stands, wherever that is, and whether
    it is one of forward's arguments itself."""

    name: str
    spots: tuple[Spot, ...]
    value: Any

    @property
    def is_argument(self) -> bool:
        """Whether it was handed to forward as it is."""
        return any(not spot.path and spot.root != "self" for spot in self.spots)


# variable's name → where its gradient stands, after a backward
Claims = Mapping[str, Spot]


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any], variables: Sequence[Variable]
) -> dict[str, Spot]:
    """Where an object's numbers were changed by a backward."""
    found = {}
    for variable in variables:
        spot = variable.spots[0]
        if spot.root != "self" or variable.name not in before:
            continue
        now = read(spot, None, after)
        if np.shape(now) == np.shape(before[variable.name]) and not np.array_equal(
            now, before[variable.name], equal_nan=True
        ):
            found[variable.name] = Spot(CHANGED, spot.path)
    return found


def awaits(variable: Variable, roots: Mapping[str, Any]) -> bool:
    """Whether a gradient of it is expected where it stands: a name of one, which is None so far."""
    wanted = {key for spot in variable.spots for key in keys_of(spot.path)}
    return any(
        gradient_keys(path, headless=False) & wanted
        for spot in variable.spots
        for path in _nothing_yet(roots[spot.root], ())
    )


def _nothing_yet(value: Any, path: Path) -> Iterator[Path]:
    """The places of what is None, in an object and what it keeps."""
    for step, child in children(value):
        if child is None:
            yield (*path, step)
        elif len(path) < NEAR and not is_number(child):
            yield from _nothing_yet(child, (*path, step))


def read(claim: Spot, returned: Any, after: Mapping[str, Any]) -> Any:
    """The gradient at a spot; None where there is none. Plain lists are made arrays."""
    try:
        if claim.root == CHANGED:
            return at(after["self"], claim.path)
        return at(returned if claim.root == RETURNED else after[claim.root], claim.path)
    except (LookupError, AttributeError, TypeError):
        return None


def cleared(roots: dict[str, Any], kept: Sequence[Spot]) -> None:
    """Set gradients that an earlier call left behind to zero, as people do between two steps."""
    for spot in kept:
        old = read(spot, None, roots)
        if isinstance(old, np.ndarray) and old.dtype.kind == "f":
            roots[spot.root] = placed(roots[spot.root], spot.path, np.zeros_like(old))
        elif isinstance(old, float | int) and not isinstance(old, bool):
            roots[spot.root] = placed(roots[spot.root], spot.path, type(old)(0))
