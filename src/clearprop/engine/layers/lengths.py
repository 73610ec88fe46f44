"""How many times each sample of a padded sequence has: the side input `lengths` (N,)."""

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.errors import DtypeError, ShapeError
from clearprop.engine.layers.layer import Context, Layer

LENGTHS = "lengths"


def zero_behind_ends(x: Array, lengths: Array) -> Array:
    """Samples (N, T, …) with 0 behind their ends, where people may have NaN."""
    inside = np.arange(x.shape[1]) < lengths.reshape(-1, 1)
    return np.where(inside.reshape(*inside.shape, *(1,) * (x.ndim - 2)), x, x.dtype.type(0))


def lengths_of(layer: Layer, x: Array, context: Context) -> Array | None:
    """The side input `lengths` (N,) beside x (…, N, T, D), None where there is none. Raises
    ShapeError and DtypeError where they do not fit."""
    lengths = context.side_input(LENGTHS)
    if lengths is None:
        return None
    samples, times = x.shape[-3:-1]
    path = context.path or type(layer).__name__
    if lengths.dtype.kind not in "iu":
        raise DtypeError("lengths_dtype", path=path, came=lengths.dtype)
    if lengths.shape != (samples,):
        raise ShapeError(
            "lengths_shape", path=path, came=shape_text(lengths.shape), samples=samples
        )
    wrong = (lengths < 1) | (lengths > times)
    if wrong.any():
        place = int(np.argmax(wrong))
        key = "length_zero" if lengths[place] < 1 else "length_beyond"
        raise ShapeError(key, path=path, sample=place, length=int(lengths[place]), times=times)
    return lengths
