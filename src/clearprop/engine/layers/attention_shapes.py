"""What attention keeps, and how its arrays are cut into heads and put together again."""

from typing import NamedTuple

from clearprop.base.arrays import Array, sum_columns


class AttentionCache(NamedTuple):
    """What the derivatives are made of; of every head in an axis (..., heads, positions, features).

    x        the layer's input
    q, k, v  what asks, what is asked, what is taken; turned with `rotary`; a head of keys and
             values that several look at stands here for each of them
    capped   tanh(s/u) of a softcap; None without one
    weights  the softmax's shares (..., heads, T, S)
    merged   the heads' outputs side by side, (..., T, E)
    kept     what dropout multiplied the weights with; None where nothing was left out
    bias     what masks added to the scores; None where there are none
    """

    x: Array
    q: Array
    k: Array
    v: Array
    capped: Array | None
    weights: Array
    merged: Array
    kept: Array | None
    bias: Array | None


def heads_of(merged: Array, size: int) -> Array:
    """(..., T, h·d) as (..., h, T, d) with `size` d: a view."""
    heads = merged.shape[-1] // size
    return merged.reshape(*merged.shape[:-1], heads, size).swapaxes(-2, -3)


def cut_apart(
    packed: Array, sizes: tuple[int, int, int], size: int, memory: int | None
) -> tuple[Array, Array, Array]:
    """q, k and v (..., heads, positions, d) of (..., positions, columns of W_in), as views, which
    have `sizes` of these columns; with a memory q is what asks, and k and v are what is asked."""
    queries, keys, _ = sizes
    parts = (slice(queries), slice(queries, queries + keys), slice(queries + keys, None))
    q, k, v = (heads_of(packed[..., part], size) for part in parts)
    if memory is None:
        return q, k, v
    asking = packed.shape[-2] - memory
    return q[..., :asking, :], k[..., asking:, :], v[..., asking:, :]


def taken_off(merged: Array, d_merged: Array, heads: int) -> Array:
    """Σ_l w_il ∂C/∂w_il = Σ_c do_ic o_ic, (..., heads, positions, 1)."""
    together = (d_merged * merged).reshape(-1, merged.shape[-1] // heads)
    taken = sum_columns(together).reshape(*d_merged.shape[:-1], heads, 1)
    return taken.swapaxes(-2, -3)


def all_rows(array: Array) -> Array:
    """(N, T, D) as one matrix (N·T, D), of K networks (K, N·T, D)."""
    return array.reshape(*array.shape[:-3], -1, array.shape[-1])
