"""What a peer is."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from clearprop.bench.workloads import Workload

# Trains so many steps from the start; the last loss.
Run: TypeAlias = Callable[[int], float]


def single(workload: Workload) -> bool:
    """Whether it is of one network."""
    return workload.networks is None


class Peer(NamedTuple):
    """One way to train.

    name      as people choose it
    packages  that it needs, by the names by which they are imported
    ready     makes a workload ready to be timed
    takes     whether it can do a workload; None for every one
    trains    False for one that computes no loss: the matrix products alone
    draws     True for one that draws its start and its shuffles itself, so that its loss is near
              that of the others and no more
    """

    name: str
    packages: tuple[str, ...]
    ready: Callable[[Workload], Run]
    takes: Callable[[Workload], bool] | None = single
    trains: bool = True
    draws: bool = False
