"""Gradients that are averages: dW = 1/m · dZ Aᵀ and db = 1/m · Σ dZ beside dA = Wᵀ dZ.

Where a person says so, the gradients of the parameters are taken m times, those of the data as
they are. Which axis the samples stand along, and which arrays hold them, is seen by moving one
sample: it moves its own output and no other.
"""

from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.one_reading import Reading, point_of
from clearprop.checking.subjects.undisturbed import undisturbed


def averaged(reading: Reading) -> Reading:
    """The reading with the gradients of its parameters m times as large.

    Raises ConfigurationError where nothing shows which axis the samples stand along.
    """
    arrays = point_of(reading.handed, reading.claims)
    first = next(iter(arrays.values()), None)
    y = _output(reading, arrays)
    for axis in (0, -1):
        if first is None or min(first.ndim, y.ndim) < 2 or first.shape[axis] != y.shape[axis]:
            continue
        holding = {name for name in arrays if _is_by_sample(reading, arrays, name, y, axis)}
        if next(iter(arrays)) in holding:
            count = float(y.shape[axis])
            factors = {name: count for name in reading.claims if name not in holding}
            return replace(reading, factors=factors)
    raise ConfigurationError("check_averaged", function=reading.forward.title)


def _is_by_sample(
    reading: Reading, arrays: dict[str, Array], name: str, y: Array, axis: int
) -> bool:
    """Whether moving one sample of an array moves that sample of the output, and no other."""
    array = arrays[name]
    if array.dtype.kind != "f" or not array.ndim or array.shape[axis] != y.shape[axis]:
        return False
    moved = array.copy()
    place = [slice(None)] * array.ndim
    place[axis] = slice(0, 1)
    moved[tuple(place)] += 0.1 * (1 + np.abs(moved[tuple(place)]))
    after = _output(reading, {**arrays, name: moved})
    if after.shape != y.shape:
        return False
    others = tuple(n for n in range(y.ndim) if n != axis % y.ndim)
    differs = np.any(after != y, axis=others)
    return bool(not differs[1:].any()) and len(differs) > 1


def _output(reading: Reading, arrays: dict[str, Array]) -> Array:
    with undisturbed(reading.functions):
        run = reading.run({name: array.copy() for name, array in arrays.items()})
        return reading.output(run)
