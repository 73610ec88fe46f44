"""Functions of one array that several families use, for real and for complex numbers.

Complex numbers serve the complex step. Their order is lexicographic in NumPy; what is meant is the
order of the real parts, so branches go by `z.real`, which of a real array is the array itself.
"""

import numpy as np

from clearprop.base.arrays import Array


def logistic(z: Array, out: Array | None = None) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), as close to it as e⁻ᶻ is: a few units in the last place. Where e⁻ᶻ
    exceeds every number of the dtype, σ is 0. Integers give float64. Real numbers are written into
    `out` where that is given, which may be z itself."""
    if z.dtype.kind == "c":
        # ∞ has no direction, so here no exponent is positive: two branches by the real part.
        small = np.exp(np.where(z.real > 0, -z, z))
        value: Array = np.where(z.real > 0, 1, small) / (1 + small)
        return value
    # In one array, which for a large z is several times faster than one for every operation.
    if out is None:
        out = np.empty_like(z, dtype=z.dtype if z.dtype.kind == "f" else np.float64)
    np.negative(z, out=out, dtype=out.dtype)
    with np.errstate(over="ignore", under="ignore"):
        np.exp(out, out=out)
    out += 1
    # In half the time of np.reciprocal.
    np.divide(1, out, out=out)
    return out


def log_one_plus(w: Array) -> Array:
    """ln(1 + w) without losing the digits of a small w."""
    if w.dtype.kind != "c":
        logarithm: Array = np.log1p(w)
        return logarithm
    # NumPy's own loses them: ln |1 + w| = ½ ln |1 + w|², and |1 + w|² − 1 = x (2 + x) + y².
    x, y = w.real, w.imag
    value = np.empty_like(w)
    value.real = np.log1p(x * (2 + x) + y * y) / 2
    value.imag = np.arctan2(y, 1 + x)
    return value


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
