"""The arrays of recurrent layers: times in front, (T, N, D), of K networks (T, K, N, D); the gates'
columns side by side.
"""

import numpy as np

from clearprop.base.arrays import Array


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
