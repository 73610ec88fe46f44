"""Sums over shards that do not depend on which process computes which shard.

Adding floating-point numbers in another order gives other digits. So the order is fixed: a binary
tree over the S shards, each half of it halved again,

    Σ[a, b) = Σ[a, m) + Σ[m, b)        m = ⌊(a + b) / 2⌋

A process that has the shards [a, b) adds up every branch of the tree that lies within them. The sum
is then finished slice by slice: each of R processes is sent everybody's branches of its R-th part
of the entries, finishes the tree there, and gives the result to all. Of a gradient of n entries
each process sends and is sent 2 n (R − 1) / R numbers, as few as any sum over all takes, where the
shards divide evenly; at most log₂ S times the first half of that where they do not.

Source: the reduce-scatter and allgather of Rabenseifner, "Optimization of collective reduction
operations", 2004, with the order of the additions fixed.
"""

from collections.abc import Callable, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.distributed.ranks import Ranks

Branch = tuple[int, int]


def shards_of(rank: int, ranks: int, shards: int) -> range:
    """The shards that a process has: as many as every other, or one more."""
    return range(rank * shards // ranks, (rank + 1) * shards // ranks)


def branches(own: range, shards: int) -> list[Branch]:
    """The largest branches of the tree that lie within `own`, from left to right."""

    def within(first: int, end: int) -> list[Branch]:
        if end <= own.start or first >= own.stop:
            return []
        if own.start <= first and end <= own.stop:
            return [(first, end)]
        middle = (first + end) // 2
        return within(first, middle) + within(middle, end)

    return within(0, shards)


def branch_sum(branch: Branch, leaf: Callable[[int], Array]) -> Array:
    """The sum over a branch; `leaf` gives a shard's array, which is edited."""
    first, end = branch
    if end - first == 1:
        return leaf(first)
    middle = (first + end) // 2
    left = branch_sum((first, middle), leaf)
    left += branch_sum((middle, end), leaf)
    return left


def finished(shards: int, known: Mapping[Branch, Array]) -> Array:
    """The sum over the whole tree from the sums of branches that make it up."""

    def sum_of(first: int, end: int) -> Array:
        if (first, end) in known:
            return known[first, end]
        middle = (first + end) // 2
        total: Array = sum_of(first, middle) + sum_of(middle, end)
        return total

    return sum_of(0, shards)


def own_sums(ranks: Ranks, shards: int, leaf: Callable[[int], Array], like: Array) -> Array:
    """The sums of this process's branches, (branches, n); `leaf` gives a shard's array like
    `like`."""
    held = branches(shards_of(ranks.number, ranks.count, shards), shards)
    sums = np.empty((len(held), like.size), like.dtype)
    for row, branch in zip(sums, held, strict=True):
        row[:] = branch_sum(branch, leaf).ravel()
    return sums


def sum_over_ranks(ranks: Ranks, shards: int, own: Array) -> Array:
    """The sum (n,) over all shards from what `own_sums` gives in every process: the same to the bit
    in all of them, and for any number of them."""
    held = [branches(shards_of(rank, ranks.count, shards), shards) for rank in range(ranks.count)]
    size = own.shape[1]
    ends = [size * (rank + 1) // ranks.count for rank in range(ranks.count)]
    received = ranks.slices(own, list(map(len, held)), ends)
    known = {
        branch: part
        for of_rank, parts in zip(held, received, strict=True)
        for branch, part in zip(of_rank, parts, strict=True)
    }
    return ranks.joined(finished(shards, known), ends)
