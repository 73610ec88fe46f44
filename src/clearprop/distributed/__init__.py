"""One training in several processes, on one machine or many (mpi4py)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.distributed.ranks import MpiRanks as MpiRanks
    from clearprop.distributed.ranks import OneProcess as OneProcess
    from clearprop.distributed.ranks import Ranks as Ranks
    from clearprop.distributed.ranks import ranks_here as ranks_here
    from clearprop.distributed.shard_gradients import ShardRows as ShardRows
    from clearprop.distributed.shard_sums import shards_of as shards_of
    from clearprop.distributed.sharded_training import ShardedCourse as ShardedCourse
    from clearprop.distributed.sharded_training import ShardEpoch as ShardEpoch
    from clearprop.distributed.sharded_training import sharded_course as sharded_course
    from clearprop.distributed.sharded_training import sharded_epochs as sharded_epochs

_HOMES = {
    "ranks": ("MpiRanks", "OneProcess", "Ranks", "ranks_here"),
    "shard_gradients": ("ShardRows",),
    "shard_sums": ("shards_of",),
    "sharded_training": ("ShardEpoch", "ShardedCourse", "sharded_course", "sharded_epochs"),
}
__all__ = [
    "MpiRanks",
    "OneProcess",
    "Ranks",
    "ShardEpoch",
    "ShardRows",
    "ShardedCourse",
    "ranks_here",
    "sharded_course",
    "sharded_epochs",
    "shards_of",
]


def __getattr__(name: str) -> Any:
    # A command that no launcher started asks for nothing of this room.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
