"""The other witnesses: the complex step, and computations of somebody else's (PyTorch, JAX, a
reference that the person has).

The complex step   ∂S/∂θᵢ = Im S(θ + i·h·eᵢ) / h with h = 1e-30: no subtraction, so it is right to
the last digits where S is analytic. Code that drops the imaginary part (np.abs, a cast) gives a
wrong number without a word, so it speaks only where it agrees with the difference quotients.
Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
40, 1998.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.checking.subjects.subject import Subject, Twin
from clearprop.checking.verdict.array_verdicts import ArrayVerdict
from clearprop.checking.verdict.outcomes import UNDECIDED
from clearprop.checking.verdict.witness_verdicts import WitnessName, WitnessOutcome, WitnessVerdict
from clearprop.checking.witnesses.quotients import chunks

COMPLEX_STEP = 1e-30
# Entries of an array that the complex step is taken at; fewer where moving one takes many numbers.
ENTRIES = 300
NUMBERS = 10_000_000
# What two computations without differences may differ by in float64: of the array's largest entry,
# and of dy·y, beside which a small gradient keeps few digits (1 − tanh² where tanh is nearly 1).
EXACT = 1e-8
ROUNDING = 1e-13


class Expecting(Protocol):
    """What difference quotients have said of one array: the gradient, NaN where it is not known,
    where kinks are among it, and how far it may be off."""

    @property
    def expected(self) -> Array:
        """Of the array's shape."""

    @property
    def kinks(self) -> Array:
        """Of the array's shape, True at a kink."""

    @property
    def tolerance(self) -> float:
        """Absolute."""

    @property
    def verdict(self) -> ArrayVerdict:
        """Of the array."""


def complex_step(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Expecting],
    exact: float,
    allowed: float,
) -> WitnessVerdict:
    """What the complex step says of the claimed gradients; unused where it cannot be trusted.

    They agree within `exact` of an array's largest entry, and `allowed`.
    """
    name = WitnessName.COMPLEX_STEP
    there = widened(subject, dy)
    floor = _floor(subject, dy) + allowed
    differences = []
    for array, judgement in judgements.items():
        # Of an array of which nothing is known, nobody can say whether the step is right.
        if judgement.verdict.outcome == UNDECIDED:
            continue
        flat = judgement.expected.ravel()
        known = np.flatnonzero(np.isfinite(flat) & ~judgement.kinks.ravel())
        most = max(16, min(ENTRIES, NUMBERS // max(1, subject.widest)))
        indices = known[:: max(1, len(known) // most)]
        try:
            slopes, imaginary = complex_slopes(there, array, indices, dy)
        except Exception:
            return WitnessVerdict(name, WitnessOutcome.UNUSED, "complex_refused")
        scale = float(np.max(np.abs(flat[known]), initial=0.0))
        apart = np.abs(slopes - flat[indices])
        if not np.all(apart <= judgement.tolerance + 1e-6 * scale):
            reason = "complex_differs" if imaginary else "complex_dropped"
            return WitnessVerdict(name, WitnessOutcome.UNUSED, reason, array)
        differences.append(difference(array, claimed[array].ravel()[indices], slopes, floor))
    return _said(name, differences, exact)


def widened(subject: Subject, dy: Array) -> Subject:
    """The subject with complex arrays: every one that is differentiated, so that none is asked to
    take complex numbers into real."""
    wide = {
        one: values.astype(complex) if one in subject.variables else values
        for one, values in subject.arrays.items()
    }
    return subject.at(wide, dy)


def complex_slopes(there: Subject, array: str, indices: Array, dy: Array) -> tuple[Array, bool]:
    """The complex step's slopes of the entries at flat `indices` of a subject that is `widened`,
    and whether any output has an imaginary part."""
    slopes, imaginary = np.empty(len(indices)), False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # Code that drops an imaginary part is seen by its numbers.
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        for part in chunks(len(indices), there):
            moves = np.full(len(indices[part]), 1j * COMPLEX_STEP)
            outputs = there.mover(array, indices[part], moves)
            slopes[part] = outputs.imag @ dy.ravel() / COMPLEX_STEP
            imaginary |= bool(outputs.imag.any())
    return slopes, imaginary


def compared(
    name: str,
    twin: Twin,
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    kinks: Mapping[str, Array],
    exact: float,
    allowed: float,
) -> WitnessVerdict:
    """What another computation says of the output and of the claimed gradients.

    Entries at a kink are left out: conventions differ there. What a reference raises is raised: the
    person asked for it.
    """
    try:
        y, gradients = twin(subject.arrays, dy)
    except ClearpropError as problem:
        if name == WitnessName.REFERENCE:
            raise
        return WitnessVerdict(name, WitnessOutcome.UNUSED, problem.key)
    floor = _floor(subject, dy) + allowed
    differences = [difference("y", subject.output, y, 0.0)]
    for array, values in claimed.items():
        if array in gradients:
            mask = ~kinks[array] if array in kinks else np.ones(values.shape, bool)
            other = np.asarray(gradients[array])[mask]
            differences.append(difference(array, values[mask], other, floor))
    return _said(name, differences, exact)


class LargestDifference(NamedTuple):
    """The largest difference of two arrays, divided by the second one's largest entry (by 1 where
    that is 0), and by how much it is more than rounding explains."""

    array: str
    relative: float
    beyond: float


def difference(array: str, values: Any, reference: Any, floor: float) -> LargestDifference:
    """How far `values` are from `reference`, where `floor` may be rounding."""
    values, reference = np.asarray(values), np.asarray(reference)
    if values.shape != reference.shape:
        return LargestDifference(array, float("inf"), float("inf"))
    largest = float(np.max(np.abs(values - reference), initial=0.0))
    if not np.isfinite(largest):
        return LargestDifference(array, float("inf"), float("inf"))
    scale = float(np.max(np.abs(reference), initial=0.0)) or 1.0
    return LargestDifference(array, largest / scale, max(0.0, largest - floor) / scale)


def _floor(subject: Subject, dy: Array) -> float:
    # Numbers that cancel inside leave the rounding of the large ones that they were.
    numbers = (subject.output, *subject.arrays.values())
    size = max(1.0, *(float(np.max(np.abs(one), initial=0.0)) for one in numbers))
    return ROUNDING * size * float(np.max(np.abs(dy), initial=0.0))


def _said(name: str, differences: Sequence[LargestDifference], exact: float) -> WitnessVerdict:
    if not differences:
        return WitnessVerdict(name, WitnessOutcome.UNUSED, "other")
    worst = max(differences, key=lambda one: (one.beyond, one.relative))
    agrees = worst.beyond <= exact
    outcome = WitnessOutcome.AGREES if agrees else WitnessOutcome.DISAGREES
    return WitnessVerdict(name, outcome, None, worst.array, worst.relative)
