"""Keys and values that attention has beside those of its sequence: a learned one, and one of 0.

A query may always look at them, whatever masks say: with a learned key there is a place for what
fits nothing else, and with a key of 0 the weights of the sequence need not add up to 1.

Forward      k = [k of the sequence, b_k, 0],  v = [v of the sequence, b_v, 0]      along the keys

             b_k and b_v are the same for all samples; a head has its own columns of them.

Backward     ∂C/∂b_k = Σₙ ∂C/∂k at that place, likewise b_v; the 0 is a constant and takes nothing.

Heads are (..., heads, keys, d), samples in front, of K networks (K, N, heads, keys, d).
"""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array


def with_more_keys(heads: Array, learned: Array | None, *, zero: bool) -> Array:
    """The keys or values of every head with more behind them: `learned` (1, heads·d), of K networks
    (K, 1, heads·d), and one of 0."""
    *lead, count, _, size = heads.shape
    more = [heads]
    if learned is not None:
        row = learned.reshape(*learned.shape[:-2], 1, count, 1, size)
        more.append(np.broadcast_to(row, (*lead, count, 1, size)))
    if zero:
        more.append(np.zeros((*lead, count, 1, size), heads.dtype))
    return heads if len(more) == 1 else np.concatenate(more, axis=-2)


def learned_gradient(d_more: Array) -> Array:
    """∂C/∂(the learned key or value) (1, heads·d), from that of what stands behind the sequence
    (..., N, heads, more, d)."""
    own = d_more[..., 0, :].sum(axis=-3)
    gradient: Array = own.reshape(*own.shape[:-2], 1, -1)
    return gradient


def seen_by_all(
    bias: Array | None, more: int, asking: int, dtype: "np.dtype[Any]", *, causal: bool
) -> Array | None:
    """What masks add to the scores, with 0 at so many more keys; with `causal` −∞ at later
    positions of the sequence. None where that is 0 everywhere."""
    if causal and bias is None:
        bias = np.zeros((1, 1, 1, asking), dtype)
    if bias is None:
        return None
    if causal:
        seen = np.tri(asking, bias.shape[-1], dtype=bool)
        bias = np.where(seen, bias, dtype.type(-np.inf))
    wide = [(0, 0)] * (bias.ndim - 1) + [(0, more)]
    return np.pad(bias, wide)
