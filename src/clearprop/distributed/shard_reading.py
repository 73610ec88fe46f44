"""A table that several processes read: each measures some of its blocks, and keeps the rows of its
shards.

What is measured does not depend on how many processes there are: blocks have one size, every block
draws its part of the sample by its own key, and what the parts tell is put together in any order
to the same. A shard is a run of rows that follow one another in the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.data.block_reading import is_readable_in_blocks
from clearprop.data.blocks import TableBlocks, measure_part, of_parts
from clearprop.distributed.ranks import Ranks, together
from clearprop.distributed.shard_gradients import ShardRows
from clearprop.distributed.shard_sums import shards_of
from clearprop.estimators.block_learning import ids_or_numbers
from clearprop.estimators.fitting_blocks import BegunFit, BlockOfRows, Spans, spans_of
from clearprop.runs.run_settings import RunSettings, memory_bytes

BLOCK_BYTES = 4 << 20
SAMPLE_ROWS = 20_000


class ReadShards(NamedTuple):
    """What a process has read: its shards, and the ranges of the target in their parts."""

    held: Mapping[int, ShardRows]
    spans: Sequence[Spans]

    @property
    def rows(self) -> int:
        """How many rows they are."""
        return sum(map(len, self.held.values()))


def measure_with_ranks(ranks: Ranks, settings: RunSettings) -> TableBlocks:
    """Go through the file once, all processes together. Raises what `measure` raises, and
    ConfigurationError for a file that is not read in blocks."""
    path = Path(settings.data)
    given: dict[str, Any] = {"block_bytes": BLOCK_BYTES, "sample_rows": SAMPLE_ROWS}
    given["categories"] = (*settings.categories, *settings.unread)

    def part() -> Any:
        if not is_readable_in_blocks(path):
            raise ConfigurationError("shards_of_file", path=path)
        return measure_part(
            path,
            part=ranks.number,
            parts=ranks.count,
            seed=settings.seed,
            encoding=settings.encoding,
            **given,
        )

    _, parts = together(ranks, part)
    return of_parts(parts, path, **given)


def shard_ends(rows: int, shards: int) -> list[int]:
    """The row behind the last one of every shard."""
    return [rows * (shard + 1) // shards for shard in range(shards)]


def rows_here(ranks: Ranks, rows: int, shards: int) -> range:
    """The rows of a file of which this process has the shards."""
    own, ends = shards_of(ranks.number, ranks.count, shards), [0, *shard_ends(rows, shards)]
    return range(ends[own.start], ends[own.stop])


def read_shards(
    ranks: Ranks, fit: BegunFit, blocks: Iterable[BlockOfRows], settings: RunSettings, rows: int
) -> ReadShards:
    """The rows of this process's shards as the network takes them, from blocks of them.

    rows  how many the file has

    Raises DataError, and ConfigurationError where they take more than `--memory` says.
    """
    shards = settings.shards or 1
    ends = [0, *shard_ends(rows, shards)]
    own = shards_of(ranks.number, ranks.count, shards)
    limit = None if settings.memory is None else memory_bytes(settings.memory)
    parts: dict[int, list[Array]] = {shard: [] for shard in own}
    spans: list[Spans] = []
    taken = 0
    for block in blocks:
        numbers, values = fit.numbers(block)
        spans.append(spans_of(fit, block, values))
        for shard, (first, end) in enumerate(pairwise(ends)):
            inside = (first <= block.rows) & (block.rows < end)
            if shard in parts and inside.any():
                parts[shard].append(numbers[inside])
        taken += _encoded_bytes(fit, numbers)
        if limit is not None and taken > limit:
            raise ConfigurationError("rank_memory", memory=settings.memory)
    held = {
        shard: rows_of_numbers(fit, np.concatenate(found)) if found else _no_rows(fit)
        for shard, found in parts.items()
    }
    return ReadShards(held, spans)


def rows_of_numbers(fit: BegunFit, numbers: Array) -> ShardRows:
    """Rows as the network takes them from what `BegunFit.numbers` gives."""
    features = fit.features.shape[1]
    return ShardRows(
        np.ascontiguousarray(fit.network.encode(numbers[:, :features])),
        np.ascontiguousarray(ids_or_numbers(fit.target, numbers[:, features:-1])),
        np.ascontiguousarray(numbers[:, -1]),
    )


def _no_rows(fit: BegunFit) -> ShardRows:
    nothing = np.zeros((0, 1), fit.recipe.dtype)
    return ShardRows(nothing, nothing, nothing[:, 0])


def _encoded_bytes(fit: BegunFit, numbers: Array) -> int:
    """How much rows take as the network is given them."""
    width = fit.network.encode(np.zeros((1, fit.features.shape[1]), numbers.dtype)).shape[1]
    return int(len(numbers) * width * numbers.itemsize)
