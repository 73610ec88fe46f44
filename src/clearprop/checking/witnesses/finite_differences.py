"""Finite differences: the witness that needs nothing but the function.

    ∂f/∂θᵢ ≈ (f(θ + hᵢeᵢ) − f(θ − hᵢeᵢ)) / 2hᵢ            central, error O(h²) + O(ε |f| / h)

The two errors balance near hᵢ = ∛ε · max(1, |θᵢ|): about 6e-6 in float64. Only float64 is offered;
float32 would leave two or three digits.

Where a kink of the function (`kinks`) lies between θ − h and θ + h, the quotient is a mean of two
slopes and says nothing about either; such entries are noted.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DtypeError
from clearprop.engine.kinks import Sides, same_sides, sides
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network


class Differences(NamedTuple):
    """A gradient by central differences.

    gradient  (P,) the quotients
    steps     (P,) the h of each entry
    flipped   (P,) True where a number changed sides of a kink between the two ends
    """

    gradient: Array
    steps: Array
    flipped: Array


def central_differences(function: Callable[[Array], float], point: Array) -> Differences:
    """The gradient of `function` at `point` (P,), every entry by itself, none noted as flipped.

    The function is handed a fresh array each time. Raises DtypeError unless point is float64.
    """
    return _differences(lambda params: (function(params), ()), point)


def network_differences(
    network: Network, params: Array, x: Array, target: Array, loss: Loss
) -> Differences:
    """The gradient of the loss of a network by central differences, with its kinks noted."""

    def value_and_sides(point: Array) -> tuple[float, Sides]:
        forward = network.forward(point, x)
        value = float(loss.evaluate(forward.output, target).value)
        return value, sides(forward, loss, target)

    return _differences(value_and_sides, params)


def _differences(function: Callable[[Array], tuple[float, Sides]], point: Array) -> Differences:
    if point.dtype != np.float64:
        raise DtypeError("differences_dtype", came=point.dtype)
    steps = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1.0, np.abs(point))
    gradient = np.empty_like(point)
    flipped = np.zeros(point.shape, bool)
    for index, step in enumerate(steps):
        ends = []
        for sign in (1.0, -1.0):
            moved = point.copy()
            moved[index] += sign * step
            ends.append((moved[index], *function(moved)))
        (right, above, sides_above), (left, below, sides_below) = ends
        # The distance that was really moved: θ + h is rounded.
        gradient[index] = (above - below) / (right - left)
        flipped[index] = not same_sides(sides_above, sides_below)
    return Differences(gradient, steps, flipped)
