"""The claimed slope along a direction of all entries, beside the difference quotient's."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules.tolerances import Tolerance
from clearprop.checking.witnesses.quotients import Quotients


def is_steady(differences: list[float]) -> bool:
    """Whether there is the same difference at every step; kinks beside the point change it."""
    return bool(differences) and np.ptp(differences) <= 0.1 * min(np.abs(differences))


def differences_along(
    quotients: Quotients, name: str, claimed: Array, direction: Array, tolerance: Tolerance
) -> list[float]:
    """How far the claimed slope along a direction is off at three steps; nothing where it is right
    at one of them."""
    length = float(np.linalg.norm(claimed))
    claim = float(np.sum(direction * claimed))
    differences = []
    for rung in (1.0, 0.1, 0.01):
        slope, noise = quotients.along(name, direction, rung)
        if abs(claim - slope) <= tolerance.relative * length + 8 * noise:
            return []
        differences.append(claim - slope)
    return differences
