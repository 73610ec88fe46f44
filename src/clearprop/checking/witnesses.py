"""The other witnesses: the complex step, and computations of somebody else's (PyTorch, JAX, a
reference that the person has).

The complex step   ∂S/∂θᵢ = Im S(θ + i·h·eᵢ) / h with h = 1e-30: no subtraction, so it is right to
the last digits where S is analytic. Code that drops the imaginary part (np.abs, a cast) gives a
wrong number without a word, so it speaks only where it agrees with the difference quotients.
Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
40, 1998.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.arrays import Array
from clearprop.checking.judging import Judgement
from clearprop.checking.subject import Subject, Twin
from clearprop.checking.verdict import WitnessVerdict
from clearprop.errors import ClearpropError

COMPLEX_STEP = 1e-30
ENTRIES = 300  # of an array, that the complex step is taken at
# What two exact computations in float64 may differ by, of the array's largest entry.
EXACT = 1e-9


def complex_step(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Judgement],
) -> WitnessVerdict:
    """What the complex step says of the claimed gradients; unused where it cannot be trusted."""
    name = "complex-step"
    # Every array that is differentiated, so that none is asked to take complex numbers into real.
    wide = {
        one: values.astype(complex) if one in subject.variables else values
        for one, values in subject.arrays.items()
    }
    there = subject.at(wide, dy)
    worst, where = 0.0, None
    for array, judgement in judgements.items():
        flat = judgement.expected.ravel()
        known = np.flatnonzero(np.isfinite(flat) & ~judgement.kinks.ravel())
        indices = known[:: max(1, len(known) // ENTRIES)]
        try:
            with np.errstate(all="ignore"):
                outputs = there.mover(array, indices, np.full(len(indices), 1j * COMPLEX_STEP))
        except Exception:
            return WitnessVerdict(name, "unused", "complex_refused")
        if not np.iscomplexobj(outputs):
            return WitnessVerdict(name, "unused", "complex_dropped")
        slopes = outputs.imag @ dy.ravel() / COMPLEX_STEP
        scale = float(np.max(np.abs(flat[known]), initial=0.0))
        apart = np.abs(slopes - flat[indices])
        if not np.all(apart <= judgement.tolerance + 1e-6 * scale):
            return WitnessVerdict(name, "unused", "complex_differs", array)
        off = float(np.max(np.abs(slopes - claimed[array].ravel()[indices]), initial=0.0))
        relative = off / scale if scale else 0.0
        if where is None or relative > worst:
            worst, where = relative, array
    return WitnessVerdict(name, "agrees" if worst <= EXACT else "disagrees", None, where, worst)


def compared(
    name: str,
    twin: Twin,
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    kinks: Mapping[str, Array],
    exact: float = EXACT,
) -> WitnessVerdict:
    """What another computation says of the output and of the claimed gradients.

    Entries at a kink are left out: conventions differ there.
    """
    try:
        y, gradients = twin(subject.arrays, dy)
    except ClearpropError as problem:
        return WitnessVerdict(name, "unused", problem.key)
    worst, where = relative_difference(subject.output, y), "y"
    for array, values in claimed.items():
        if array not in gradients:
            continue
        mask = ~kinks[array] if array in kinks else np.ones(values.shape, bool)
        off = relative_difference(values[mask], np.asarray(gradients[array])[mask])
        if off >= worst:
            worst, where = off, array
    return WitnessVerdict(name, "agrees" if worst <= exact else "disagrees", None, where, worst)


def relative_difference(values: Any, reference: Any) -> float:
    """The largest difference, divided by the reference's largest entry (0 where both are 0)."""
    values, reference = np.asarray(values), np.asarray(reference)
    if values.shape != reference.shape:
        return float("inf")
    difference = float(np.max(np.abs(values - reference), initial=0.0))
    scale = float(np.max(np.abs(reference), initial=0.0))
    return difference / scale if scale else difference


# A witness by its name: who makes a twin of a subject, or raises a ClearpropError.
TwinMaker = Callable[[Subject], Twin]
