"""Functions of one array that several families use, for real and for complex numbers.

Complex numbers serve the complex step. Their order is lexicographic in NumPy; what is meant is the
order of the real parts, so branches go by `z.real`, which of a real array is the array itself.
"""

import numpy as np

from clearprop.base.arrays import Array


def logistic(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), in a form that never overflows."""
    if z.dtype.kind == "c":
        # Two branches by the sign of the real part, so that no exponent is positive.
        small = np.exp(np.where(z.real > 0, -z, z))
        value: Array = np.where(z.real > 0, 1, small) / (1 + small)
        return value
    from scipy.special import expit  # imported here: SciPy costs more to import than NumPy

    squashed: Array = expit(z)
    return squashed


def clip(z: Array, low: float, high: float) -> Array:
    """Hold z between low and high by its real part; NaN stays NaN."""
    if z.dtype.kind == "c":
        return np.where(z.real <= low, low, np.where(z.real >= high, high, z))
    held: Array = np.clip(z, low, high)
    return held


def slopes(positive: Array, above: float, below: float, z: Array) -> Array:
    """`above` where the mask `positive` holds and `below` elsewhere, in z's dtype."""
    kind = z.dtype.type
    chosen: Array = np.where(positive, kind(above), kind(below))
    return chosen
