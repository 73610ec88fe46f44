"""What a wire or an array is known by: signs that the parts of a tape are told from."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    difference,
    scale,
)
from clearprop.checking.diagnosis.recognition import BETWEEN
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Wire
from clearprop.engine.layers.activations import Activation, Identity
from clearprop.engine.layers.rectifiers import LeakyReLU

# Two arrays that are nearer than this are one, before and after an ε was added.
SAME = 1e-3


def is_sum(wire: Wire) -> bool:
    """Whether it adds or subtracts."""
    return wire.operation is not None and wire.operation.name in ("add", "subtract")


def is_entrywise(wire: Wire) -> bool:
    """Whether it works entry by entry."""
    operation = wire.operation
    if operation is None:
        return False
    return operation.family is Family.ENTRYWISE or operation.name in ("cast", "copy")


def is_pattern(operand: "int | Array") -> bool:
    """Whether it is an array of several different numbers, and no wire."""
    return not isinstance(operand, int) and operand.size > 1 and np.unique(operand).size > 1


def is_mask(pattern: Array) -> bool:
    """Whether its numbers are 0 and at most one other."""
    values = np.unique(pattern)
    return bool(values.size == 2 and values[0] == 0) or (values.size == 1 and values[0] == 0)


def is_normalized(y: Array, axes: tuple[int, ...], centred: bool, x: Array) -> bool:
    """Whether y is a normalization of x."""
    return unit_of(x, y, axes, centred) is not None


def is_shifted(logarithm: Array, axis: int, z: Array) -> bool:
    """Whether log p and z differ by a number for every sample, wherever p is not 0: what is masked
    has no share, whatever its z is."""
    with np.errstate(all="ignore"):
        array = np.where(np.isneginf(logarithm), np.nan, logarithm - z)
        if not np.isfinite(array).any(axis=axis).all() or np.isposinf(array).any():
            return False
        spread = np.nanmax(array, axis=axis) - np.nanmin(array, axis=axis)
        return bool(spread.max() <= USUAL * max(1.0, float(np.nanmax(np.abs(array)))))


def unit_of(x: Array, y: Array, axes: tuple[int, ...], centred: bool) -> Array | None:
    """S of y = s·(x − mean of x), one for every group; None where y is not that."""
    mean = x.mean(axis=axes, keepdims=True)
    if not centred and scale(mean) < USUAL * scale(x):
        return None  # centred before, which is part of it
    deviation = x - mean if centred else x
    square = np.mean(deviation * deviation, axis=axes, keepdims=True)
    if not np.all(square):
        return None
    inverse: Array = np.mean(deviation * y, axis=axes, keepdims=True) / square
    unit = inverse * inverse * square
    is_unit = np.all((unit > 0.5) & (unit < 1 + USUAL))
    # What has that scale to begin with is not normalized.
    even = difference(x, y) > SAME
    return inverse if is_unit and even and difference(y, inverse * deviation) <= USUAL else None


def activation_of(z: Array, a: Array) -> Activation | None:
    """The activation of the catalogue that makes a of z."""
    if difference(z, a) <= USUAL:
        return None
    with np.errstate(all="ignore"):
        for layer in BETWEEN:
            if isinstance(layer, Identity):
                continue
            if difference(np.asarray(layer.value(z)), a) <= USUAL and np.any(a):
                return layer
        below = z < 0
        # Any slope below 0.
        if below.any() and (z > 0).any():
            slopes = a[below] / z[below]
            slope = float(slopes.flat[0])
            if 0 < slope < 1 and difference(np.where(below, slope * z, z), a) <= USUAL:
                return LeakyReLU(slope)
    return None
