"""The arrays of recurrent layers: times in front, (T, N, D), of K networks (T, K, N, D); the gates'
columns side by side.
"""

import numpy as np

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import DataError, DtypeError, ShapeError
from clearprop.engine.layers.layer import Context


def states_from(given: Array, start: Array) -> Array:
    """Room for a state before and after every time, (T + 1, …, N, H), with the start in front."""
    times, *lead, _ = given.shape
    room = np.empty((times + 1, *lead, start.shape[-1]), given.dtype)
    room[0] = start
    return room


def parts(array: Array, size: int) -> list[Array]:
    """The gates' columns, `size` each, as views."""
    return [array[..., at : at + size] for at in range(0, array.shape[-1], size)]


def turned_over(weight: Array) -> Array:
    """Wᵀ as an array of its own: a product of few rows, done again at every time, is twice as fast
    with it as with a view."""
    return np.ascontiguousarray(weight.mT)


def rows_of(timed: Array) -> Array:
    """All times and samples as rows: (T, N, D) as (T·N, D), (T, K, N, D) as (K, T·N, D)."""
    if timed.ndim == 4:
        timed = timed.swapaxes(0, 1)
    rows: Array = timed.reshape(*timed.shape[:-3], -1, timed.shape[-1])
    return rows


def every_product(timed: Array, weight: Array) -> Array:
    """Every time's rows times the weight: one product for all times."""
    if timed.ndim == 4:
        product: Array = np.matmul(timed, weight)
    else:
        product = rows_of(timed).dot(weight).reshape(*timed.shape[:-1], weight.shape[-1])
    return product


def in_order(array: Array, lengths: Array | None, *, reverse: bool) -> Array:
    """An array (…, N, T, D) as the cell goes through it, (T, …, N, D), 0 behind the ends."""
    return np.ascontiguousarray(_turned(np.moveaxis(array, -2, 0), lengths, reverse=reverse))


def in_place(timed: Array, lengths: Array | None, *, reverse: bool) -> Array:
    """The way back: (T, …, N, D) as (…, N, T, D)."""
    return np.ascontiguousarray(np.moveaxis(_turned(timed, lengths, reverse=reverse), 0, -2))


def _turned(timed: Array, lengths: Array | None, *, reverse: bool) -> Array:
    """The order of times turned round where the cell goes backwards, every sample's own times
    within themselves; 0 behind the ends. Done twice, it changes nothing."""
    if lengths is None:
        return timed[::-1] if reverse else timed
    times = np.arange(len(timed))[:, None]
    if reverse:
        own = np.where(times < lengths, lengths - 1 - times, times)
        own = own.reshape(len(timed), *(1,) * (timed.ndim - 3), -1, 1)
        timed = np.take_along_axis(timed, own, axis=0)
    inside = (times < lengths).reshape(len(timed), *(1,) * (timed.ndim - 3), -1, 1)
    return np.where(inside, timed, timed.dtype.type(0))


def start_of(state: str, expected: Shape, weight: Array, context: Context) -> Array:
    """A state before the first time, of the `expected` shape (…, N, H) and the weight's dtype: the
    side input of its name, 0 where there is none. Raises ShapeError and DtypeError where it does
    not fit, DataError for NaN and infinities."""
    start = context.side_input(state)
    if start is None:
        return np.zeros(expected, weight.dtype)
    key = f"{context.path}.{state}" if context.path else state
    if start.shape not in (expected, expected[-2:]):
        raise ShapeError(
            "state_before_shape",
            name=key,
            came=shape_text(start.shape),
            expected=shape_text(expected[-2:]),
        )
    if not np.isfinite(start).all():
        raise DataError("state_before_numbers", name=key)
    if start.dtype != weight.dtype and not (start.dtype.kind == "f" and weight.dtype.kind == "c"):
        raise DtypeError("dtype_mixed", where=key, came=start.dtype, expected=weight.dtype)
    return np.broadcast_to(start, expected)
