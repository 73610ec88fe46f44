"""Sums over shards: the order of the additions, whoever makes them."""

import numpy as np
import pytest

from clearprop.base.arrays import Array
from clearprop.distributed.ranks import OneProcess
from clearprop.distributed.shard_sums import branches, own_sums, shards_of, sum_over_ranks
from tests.distributed.thread_ranks import in_threads


def test_a_process_has_as_many_shards_as_another_or_one_more() -> None:
    for ranks in range(1, 14):
        held = [shards_of(rank, ranks, 13) for rank in range(ranks)]
        assert [shard for own in held for shard in own] == list(range(13))
        assert {len(own) for own in held} <= {13 // ranks, 13 // ranks + 1}


def test_branches_are_the_largest_that_lie_within() -> None:
    assert branches(range(8), 8) == [(0, 8)]
    assert branches(range(4), 8) == [(0, 4)]
    assert branches(range(2, 5), 8) == [(2, 4), (4, 5)]
    assert branches(range(1, 8), 8) == [(1, 2), (2, 4), (4, 8)]


@pytest.mark.parametrize("shards", [8, 13])
@pytest.mark.parametrize("ranks", [2, 3, 5, 8])
def test_the_sum_is_the_same_to_the_bit_for_any_number_of_processes(
    ranks: int, shards: int
) -> None:
    random = np.random.default_rng(0)
    leaves = random.normal(size=(shards, 37)) * 10.0 ** random.integers(-9, 9, (shards, 37))
    like = np.empty(37)

    def summed(one: object) -> Array:
        own = own_sums(one, shards, lambda shard: leaves[shard].copy(), like)  # type: ignore[arg-type]
        return sum_over_ranks(one, shards, own)  # type: ignore[arg-type]

    alone = summed(OneProcess())
    np.testing.assert_allclose(alone, leaves.sum(axis=0), rtol=1e-12, atol=1e-6)
    for found in in_threads(ranks, summed):
        np.testing.assert_array_equal(found, alone)
    # In another order the digits differ, so that the equality above says something.
    assert (np.add.accumulate(leaves)[-1] != alone).any()
    by_hand = ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) + (
        (leaves[4] + leaves[5]) + (leaves[6] + leaves[7])
    )
    if shards == 8:
        np.testing.assert_array_equal(alone, by_hand)
