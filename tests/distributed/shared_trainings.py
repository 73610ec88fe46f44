"""Small trainings that are shared, and what came of them."""

from typing import Any

import numpy as np

from clearprop import (
    MSE,
    BatchNorm,
    CrossEntropy,
    Dropout,
    Linear,
    Network,
    ReLU,
    Sequential,
)
from clearprop.base.arrays import Array
from clearprop.distributed import (
    Ranks,
    ShardEpoch,
    ShardRows,
    sharded_course,
    sharded_epochs,
    shards_of,
)
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Adam, Optimizer
from clearprop.training import TrainingState, start

SHARDS, ROWS = 6, 103
NETWORK = Network(Sequential(Linear(4, 7), BatchNorm(7), ReLU(), Linear(7, 3)))
WITH_DROPOUT = Network(Sequential(Linear(4, 7), ReLU(), Dropout(0.3), Linear(7, 3)))


def rows(loss: Loss, dtype: str = "float64", count: int = ROWS) -> ShardRows:
    """x (N, 4), targets of three outputs or classes, and weights of which none is 1."""
    random = np.random.default_rng(1)
    x = random.normal(size=(count, 4)).astype(dtype)
    target: Array = np.tanh(x @ random.normal(size=(4, 3))).astype(dtype)
    if isinstance(loss, CrossEntropy):
        target = target.argmax(axis=1)
    return ShardRows(x, target, random.uniform(0.5, 2, count).astype(dtype))


def shared(
    ranks: Ranks,
    network: Network = NETWORK,
    *,
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    networks: int | None = None,
    batch_size: int = 24,
    epochs: int = 2,
    dtype: str = "float64",
    begun: TrainingState | None = None,
    **more: Any,
) -> list[ShardEpoch]:
    """The epochs of a training of which this process has its part; `begun` is one to go on from."""
    optimizer, loss = optimizer or Adam(0.01), loss or MSE()
    whole = rows(loss, dtype)
    ends = [len(whole) * shard // SHARDS for shard in range(SHARDS + 1)]
    held = {
        shard: ShardRows(*(array[ends[shard] : ends[shard + 1]] for array in whole))
        for shard in shards_of(ranks.number, ranks.count, SHARDS)
    }
    course = sharded_course(
        ranks, network, held, shards=SHARDS, loss=loss, optimizer=optimizer, epochs=epochs,
        batch_size=batch_size, **more,
    )  # fmt: skip
    seeds: Any = 0 if networks is None else list(range(networks))
    state = start(network, network.initialize(seeds, dtype=dtype), optimizer, seed=3)
    return list(sharded_epochs(ranks, course, begun or state))
