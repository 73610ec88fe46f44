"""Kinks between two points: where a layer or a loss has no derivative, a difference quotient across
it is a mean of two slopes and says nothing about either.

Every layer and every loss says with `kinks()` where it has them: a ReLU at 0, a Hardtanh at its two
bounds, the absolute error where output and target are the same.
"""

from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses import Loss
from clearprop.engine.network import ForwardPass

# For every kink of every layer and of the loss: −1 below it, 0 on it, 1 above it, entry by entry.
Sides: TypeAlias = tuple[Array, ...]


def sides(forward: ForwardPass, loss: Loss, target: Array) -> Sides:
    """On which side of every kink each number of a pass stands."""
    found = [np.sign(r.input - kink) for r in forward.records for kink in r.layer.kinks()]
    found += [np.sign(forward.output - target - kink) for kink in loss.kinks()]
    return tuple(found)


def same_sides(one: Sides, other: Sides) -> bool:
    """Whether every number of two passes stands on the same side of every kink."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def leaves_side(start: Sides, end: Sides) -> bool:
    """Whether a number reaches a kink on the way. One that starts on a kink takes a side and meets
    none."""
    return any(bool(np.any((a != b) & (a != 0))) for a, b in zip(start, end, strict=True))
