"""One training in several processes: each computes the gradients of its shards, and all take the
same step.

The rows are in S shards, whatever number of processes there is. In an epoch of T steps a step takes
the next part of every shard, in an order that the shard draws by itself:

    g = Σ_s Σ_{n in part of s} ∂ℓₙ/∂θ        W = Σ_s Σ_n sₙ        θ ← optimizer(θ, g / W)

The sums over shards are taken in a fixed order (`shard_sums`), every random draw is keyed by the
shard, and matrix products have the shapes of shards. So the parameters are the same to the bit for
1, 2 or S processes. Running statistics are those of the shards' own batches, averaged by rows: a
batch norm normalises by its shard's part of the batch, as others' do by a device's.

Source: synchronous data parallelism as in Li et al., "PyTorch Distributed", 2020, with the order of
the sums fixed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, freeze, keyed_generator
from clearprop.base.errors import ClearpropError, ConfigurationError, DataError
from clearprop.compiled.blas import on_one_thread
from clearprop.distributed.ranks import Ranks, together
from clearprop.distributed.shard_gradients import (
    GradientSource,
    Planned,
    ShardGradient,
    ShardRows,
    gradient_sources,
    planned,
)
from clearprop.distributed.shard_sums import own_sums, shards_of, sum_over_ranks
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training.engine_choice import EngineChoice, require_engine
from clearprop.training.events import TrainingState
from clearprop.training.penalized import Penalized, mean_penalty


class ShardEpoch(NamedTuple):
    """The end of an epoch, or of the training where a step's loss is not finite.

    loss     the mean of its steps, a number or (K,), with what a penalty adds
    is_broken  whether the last step's loss, or what the epoch left behind, is not finite
    """

    epoch: int
    loss: Any
    is_broken: bool
    state: TrainingState
    engine: EngineChoice


@dataclass(frozen=True, eq=False)
class ShardedCourse:
    """What stays the same from step to step.

    held    this process's shards: those of `shards_of`
    counts  how many rows each of all shards has
    steps   in an epoch
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    held: Mapping[int, ShardRows]
    counts: tuple[int, ...]
    epochs: int
    steps: int
    engine: str = "auto"

    @property
    def shards(self) -> int:
        """How many shards there are in all processes."""
        return len(self.counts)

    def part(self, shard: int) -> int:
        """How many rows a step takes of a shard; the last one may take fewer."""
        return -(-self.counts[shard] // self.steps)


def sharded_course(
    ranks: Ranks,
    network: Network,
    held: Mapping[int, ShardRows],
    *,
    shards: int,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    engine: str = "auto",
) -> ShardedCourse:
    """The course of a training whose shards are spread over processes.

    batch_size  how many rows a step takes, of all shards together

    Raises ConfigurationError for more processes than shards, more shards than rows in a batch, and
    a loss that is no number.
    """
    require_engine(engine)
    require_shards(ranks, shards, batch_size)
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    own = {shard: len(rows) for shard, rows in held.items()}
    counts = {shard: n for part in ranks.gather(own) for shard, n in part.items()}
    rows = sum(counts.values())
    if rows < shards:
        raise ConfigurationError("shards_of_rows", shards=shards, rows=rows)
    return ShardedCourse(
        network=network,
        loss=loss,
        optimizer=optimizer,
        held=held,
        counts=tuple(counts.get(shard, 0) for shard in range(shards)),
        epochs=epochs,
        steps=steps_of(rows, batch_size),
        engine=engine,
    )


def steps_of(rows: int, batch_size: int) -> int:
    """The steps of an epoch: batches are evened out, so that none is small."""
    return max(1, round(rows / batch_size))


def require_shards(ranks: Ranks, shards: int, batch_size: int) -> None:
    """Refuse more processes than shards, and more shards than rows in a batch. Raises
    ConfigurationError."""
    if ranks.count > shards:
        raise ConfigurationError("ranks_of_shards", ranks=ranks.count, shards=shards)
    if shards > batch_size:
        raise ConfigurationError("shards_of_batch", shards=shards, batch=batch_size)


def sharded_epochs(
    ranks: Ranks, course: ShardedCourse, state: TrainingState
) -> Iterator[ShardEpoch]:
    """An event for every epoch, from `state` to the end of the course, in every process."""
    given = {shard: (rows, course.part(shard)) for shard, rows in course.held.items()}
    chosen, plans = _planned(ranks, course, given, state)
    sources = gradient_sources(
        course.network, course.loss, given, state.params, plans=plans, seed=state.seed
    )
    last, is_broken = course.epochs * course.steps, False
    while state.step < last and not is_broken:
        epoch = state.step // course.steps
        orders = {shard: _order(course, shard, state.seed, epoch) for shard in course.held}
        total = weight = np.zeros(state.params.shape[:-1])
        penalties: list[Array] = []
        with on_one_thread(), np.errstate(over="ignore", invalid="ignore"):
            for k in range(course.steps):
                if isinstance(course.optimizer, Penalized):
                    penalties.append(course.optimizer.value(state.params))
                step = _step(ranks, course, sources, state, orders, k)
                total, weight, state = total + step.total, weight + step.weight, step.state
                is_broken = not np.isfinite(step.total).all()
                if is_broken:
                    break
            mean = total / weight + mean_penalty(penalties)
        is_broken = is_broken or not np.isfinite(state.params).all()
        yield ShardEpoch(epoch, mean, is_broken, state, chosen)


def digest(*arrays: Array) -> str:
    """What arrays hold, in a few letters, to compare processes by."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


class _Stepped(NamedTuple):
    state: TrainingState
    total: Array
    weight: Array


def _planned(
    ranks: Ranks,
    course: ShardedCourse,
    given: Mapping[int, tuple[ShardRows, int]],
    state: TrainingState,
) -> Planned:
    """The engine that all processes have."""

    def plan() -> Planned:
        return planned(
            course.network,
            course.loss,
            given,
            state.params,
            engine=course.engine,
            # What a step takes of all shards, so that the number of processes does not matter.
            samples=sum(map(course.part, range(course.shards))),
            steps=course.epochs * course.steps,
        )

    own = together(ranks, plan, share=lambda one: one.engine)
    refused = [engine for engine in own[1] if engine.name == "numpy"]
    return Planned(refused[0], {}) if refused else own[0]


def _order(course: ShardedCourse, shard: int, seed: int, epoch: int) -> Array:
    """The rows of a shard in the order of an epoch."""
    return keyed_generator(seed, epoch, f"shard{shard}").permutation(course.counts[shard])


def _step(
    ranks: Ranks,
    course: ShardedCourse,
    sources: Mapping[int, GradientSource],
    state: TrainingState,
    orders: Mapping[int, Array],
    k: int,
) -> _Stepped:
    """The k-th step of an epoch."""
    params, networks = state.params, state.params.shape[:-1]
    statistics = _flat(state.layers)
    like = np.empty(params.size + statistics.size, params.dtype)
    own = shards_of(ranks.number, ranks.count, course.shards)
    # Of every shard: total and weight of each network, how many rows, whether it was refused.
    width = 2 * int(np.prod(networks, dtype=int)) + 2
    said = np.zeros((len(own), width))
    refusal: ClearpropError | None = None

    def leaf(shard: int) -> Array:
        nonlocal refusal
        rows = orders[shard][k * course.part(shard) : (k + 1) * course.part(shard)]
        # A shard that has fewer rows than others may have none left.
        if not len(rows) or refusal is not None:
            return np.zeros_like(like)
        number = state.step // course.steps * _own_steps(course, shard) + k
        try:
            found = sources[shard].of(params, state.layers, number, rows)
        except ClearpropError as problem:
            refusal = problem
            return np.zeros_like(like)
        said[shard - own.start] = _said(found, len(rows))
        if not statistics.size:
            return found.gradient.reshape(-1)
        return np.concatenate([found.gradient.ravel(), _flat(found.layers) * len(rows)])

    sums = own_sums(ranks, course.shards, leaf, like)
    said[:, -1] = refusal is not None
    counts = [len(shards_of(rank, ranks.count, course.shards)) for rank in range(ranks.count)]
    heard = ranks.rows(said, counts)
    if heard[:, -1].any():
        together(ranks, lambda: _raise(refusal))
    total, weight = np.split(np.add.accumulate(heard)[-1][:-2], 2)
    total, weight = total.reshape(networks), weight.reshape(networks)
    if course.loss.reduction == "sum":
        weight = np.ones_like(weight)
    if not weight.all():
        raise DataError("weights_zero")
    summed = sum_over_ranks(ranks, course.shards, sums)
    layers = _layers(summed[params.size :] / heard[:, -2].sum(), state.layers)
    gradient = summed[: params.size].reshape(params.shape)
    gradient /= (weight[:, None] if networks else weight).astype(params.dtype)
    stepped, remembered = course.optimizer.step(params, state.optimizer, gradient)
    after = TrainingState(freeze(stepped), remembered, layers, state.step + 1, state.seed)
    return _Stepped(after, total, weight)


def _own_steps(course: ShardedCourse, shard: int) -> int:
    """The steps of an epoch in which a shard takes part: its draws and its places count them."""
    return -(-course.counts[shard] // max(course.part(shard), 1))


def _said(found: ShardGradient, rows: int) -> Array:
    total = np.asarray(found.total, np.float64)
    weight = np.broadcast_to(np.asarray(found.weight, np.float64), total.shape)
    return np.concatenate([total.ravel(), weight.ravel(), [rows, 0]])


def _raise(problem: ClearpropError | None) -> None:
    if problem is not None:
        raise problem


def _flat(layers: Tree) -> Array:
    """The running statistics as one array; what counts batches is no statistic."""
    parts = [array.ravel() for _, array in _statistics(layers)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _statistics(layers: Tree) -> list[tuple[tuple[str, str], Array]]:
    return [
        ((path, name), array)
        for path, arrays in sorted(layers.items())
        for name, array in sorted(arrays.items())
        if array.dtype.kind == "f"
    ]


def _layers(flat: Array, before: Tree) -> Tree:
    """The layers' state with these statistics, one batch later."""
    found: dict[str, dict[str, Array]] = {}
    first = 0
    for path, arrays in sorted(before.items()):
        found[path] = {}
        for name, array in sorted(arrays.items()):
            if array.dtype.kind == "f":
                end = first + array.size
                found[path][name] = freeze(flat[first:end].astype(array.dtype).reshape(array.shape))
                first = end
            else:
                found[path][name] = freeze(array + 1)
    return found or before
