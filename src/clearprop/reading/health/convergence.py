"""Whether a network has converged: its gradient is 0 but for rounding, or what is left to gain is.

Where the gradient is larger than its rounding and yet tiny, the best step along it says how much
is left: with the curvature vᵀHv along v = g / ‖g‖ it lowers the loss by ½ ‖g‖² / vᵀHv. Where that
is less than the rounding of the loss, no training on these samples shows.

A gradient of 0 is also that of a saddle, from which the loss falls along a direction of negative
curvature. So the smallest eigenvalue of the Hessian is asked for as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clearprop.engine.addresses import Address
from clearprop.engine.step import Step
from clearprop.reading.health.rounding import Rounding
from clearprop.training.curvature import curvature, left_to_gain
from clearprop.training.finding import Finding, Severity, Symptom, Values

# A negative curvature that is this much smaller than the largest is rounding of the differences of
# gradients that it comes from.
BENT = 1e-6


@dataclass(frozen=True)
class Convergence:
    """What was found out about the gradient of a step.

    largest     max |∂L/∂p|
    place       the address where that is; "" without parameters
    rounding    how large the rounding of that entry can be
    is_zero     whether every entry is 0 but for rounding
    left        how much the best step along the gradient lowers the loss; 0 where `is_zero`, NaN
                where the loss does not curve upwards along it
    of_loss     how large the rounding of the loss can be
    downwards   λmin of the Hessian where nothing is left and it is negative all the same, which
                makes the place a saddle; None otherwise
    """

    largest: float
    place: str
    rounding: float
    is_zero: bool
    left: float
    of_loss: float
    downwards: float | None = None

    @property
    def reached(self) -> bool:
        """Whether there is nothing left to gain, and this is no saddle."""
        return (self.is_zero or self.left <= self.of_loss) and self.downwards is None


def convergence_of(step: Step, rounding: Rounding) -> Convergence:
    """Whether the gradient is 0 but for rounding, and otherwise what is left to gain."""
    gradient = np.abs(step.backward.gradient.astype(np.float64))
    is_zero = bool((gradient <= rounding.gradient).all())
    position = int(np.argmax(gradient))
    found = Convergence(
        largest=float(gradient[position]),
        place=_place(step, position),
        rounding=float(rounding.gradient[position]),
        is_zero=is_zero,
        left=0.0 if is_zero else left_to_gain(step, step.backward.gradient),
        of_loss=rounding.loss,
    )
    return replace(found, downwards=_downwards(step)) if found.reached else found


def converged(step: Step, found: Convergence, others: Sequence[Finding]) -> Iterator[Finding]:
    """A finding where a network has converged: to a saddle, to what something else that was found
    leaves it, or to where nothing has to be done."""
    values: Values = {
        "largest": found.largest,
        "rounding": found.rounding,
        "loss": step.value,
        "left": found.left,
        "of_loss": found.of_loss,
        "dtype": step.forward.params.dtype.name,
    }
    if found.is_zero and found.downwards is not None:
        # Where something is left of the gradient, training goes on along that direction.
        bent = {**values, "curvature": found.downwards}
        yield Finding(Symptom.SADDLE, Severity.WARNING, (found.place,), bent)
    # A loss without a slope says so itself.
    if not found.reached or any(one.kind == Symptom.UNMOVED_FLAT for one in others):
        return
    symptom = Symptom.CONVERGED if found.is_zero else Symptom.CONVERGED_TO_DIGITS
    if any(one.severity != Severity.NOTE for one in others):
        symptom = Symptom.CONVERGED_ALL_THE_SAME
    yield Finding(symptom, Severity.NOTE, (found.place,), values)


def _downwards(step: Step) -> float | None:
    smallest = -curvature(step, downwards=True).largest
    bent = BENT * abs(curvature(step).largest)
    return smallest if smallest < -bent else None


def _place(step: Step, position: int) -> str:
    for slot in step.forward.network.layout.slots.values():
        if slot.start <= position < slot.stop:
            index = np.unravel_index(position - slot.start, slot.shape)
            return str(Address(slot.path, tuple(int(i) for i in index)))
    return ""
