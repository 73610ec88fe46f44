"""How far a gradient may be off, in float64 and in float32.

The tolerance of an entry g of an array whose largest entry is `scale`:

    rtol · |g|       1e-6 in float64, 1e-2 where the function computes in float32: what a person
                     calls the same number, far above a backward pass's own rounding
    8 · error        the quotient's error, from the two steps that agree best and from the rounding
                     of the outputs (see `quotients`), with room for an unlucky entry
    floor · scale    1e-10 (1e-4): the rounding of sums whose terms cancel

An array is decided only where the error is below a small part of its own scale, `resolution`: 5e-5
(5e-2). Otherwise a mistake could hide in the error, and agreement proves nothing: undecided.
"""

from dataclasses import dataclass, replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.verdict.array_verdicts import ToleranceSource
from clearprop.checking.witnesses.quotients import RUNGS, RUNGS_FLOAT32


@dataclass(frozen=True)
class Tolerance:
    """How far a gradient may be off; see the module.

    source    what the verdict says of it
    epsilon, rungs   the rounding of the outputs, and the steps of the quotients, that go with it
    absolute  given by the person: then `absolute` + `relative`·|expected| is all of it
    """

    relative: float
    floor: float
    resolution: float
    source: ToleranceSource
    epsilon: float
    rungs: tuple[float, ...]
    absolute: float | None = None

    def of(self, expected: Array, error: Array | float, scale: float) -> Array:
        """The absolute tolerance of every entry."""
        if self.absolute is not None:
            return self.absolute + self.relative * np.abs(expected)
        return self.relative * np.abs(expected) + 8 * error + self.floor * scale


FLOAT64 = Tolerance(
    relative=1e-6,
    floor=1e-10,
    resolution=5e-5,
    source=ToleranceSource.DERIVED,
    epsilon=float(np.finfo(np.float64).eps),
    rungs=RUNGS,
)
FLOAT32 = Tolerance(
    relative=1e-2,
    floor=1e-4,
    resolution=5e-2,
    source=ToleranceSource.FLOAT32,
    epsilon=float(np.finfo(np.float32).eps),
    rungs=RUNGS_FLOAT32,
)


# Of the digits that a claim came with: what rounding leaves of sums of a few dozen terms.
OF_NARROW_CLAIMS = 64


def narrowed(tolerance: Tolerance, digits: float | None) -> Tolerance:
    """The tolerance for claims that came with `digits` of rounding, fewer than their array has;
    None for claims with all of them, and what a person gave stays what it is."""
    if digits is None or tolerance.absolute is not None:
        return tolerance
    allowed = max(OF_NARROW_CLAIMS * digits, tolerance.relative)
    return replace(tolerance, relative=allowed, floor=allowed, source=ToleranceSource.NARROW)


def given(tolerance: Tolerance, rtol: float | None, atol: float | None) -> Tolerance:
    """The tolerance with what the person gave in place of what was derived."""
    if rtol is None and atol is None:
        return tolerance
    return replace(
        tolerance,
        relative=tolerance.relative if rtol is None else rtol,
        absolute=0.0 if atol is None else atol,
        source=ToleranceSource.GIVEN,
    )
