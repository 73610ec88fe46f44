"""Several networks trained at once on the same rows, each with rows of its own that it never sees.

Every network (a member) holds out a fold, is judged on it after each epoch, and goes back to its
own best epoch. The members walk through their rows in orders of their own: what noise one batch
brings is not that of the others, and averages out of what they say together. Where so many copies
of the rows would be too large, all walk through the same batches, and what a member holds out has
the weight 0 in its loss.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import DataError
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.estimators.penalty import Penalized
from clearprop.training import DivergenceEvent, EpochEvent, TrainingState, start, train

# From the outputs (M, D), the targets and the weights (M,) of held-out rows to a number: less is
# better.
Metric = Callable[[Array, Array, Array], float]

# How much the members' own copies of the rows may take.
MOST_BYTES = 1 << 29
LEAST = 0.002
LEAST_OF_ALL = 1e-4
# Members that walk through the same batches need some that are not all held out by one of them:
# with two members a batch of so many rows is so once in 2^64 times, with more less often.
SAFE_BATCH = 64


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as a network takes them: inputs (N, F), targets (N, D) or ids (N,), weights (N,).

    own  which of "x", "target" and "sample_weight" have an axis K before these, for K members
    """

    x: Array
    target: Array
    weight: Array
    own: tuple[str, ...] = ()

    def take(self, rows: Array) -> "Rows":
        """Some of the rows."""
        return Rows(self.x[rows], self.target[rows], self.weight[rows])


@dataclass(frozen=True, eq=False)
class MemberCourse:
    """How the members are trained.

    epochs          how many at most
    patience        how many epochs without a better one (by the held-out score, or by the loss
                    where none is held out) are borne, of all members; one more ends it; None
                    bears any number
    least           how much better an epoch has to be to count as such for patience; None: LEAST of
                    the best so far, and LEAST_OF_ALL
    engine          what takes the steps, as for `train`
    state           the last state of a training to go on from, by this many epochs more
    """

    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    seed: int = 0
    patience: int | None = None
    least: float | None = None
    engine: str = "auto"
    state: TrainingState | None = None


class MemberEpoch(NamedTuple):
    """One epoch: the losses (K,) of training, the scores (K,) of held-out rows (NaN without any),
    and which members (K,) are at their best."""

    epoch: int
    losses: Array
    scores: Array
    best: Array
    state: Any


class Members(NamedTuple):
    """Trained members: each one's parameters of its best epoch (K, P), that epoch and its score
    (K,), the last state, and what ended the training where it diverged."""

    params: Array
    epoch: Array
    score: Array
    state: TrainingState
    divergence: DivergenceEvent | None = None


def folds(count: int, members: int, seed: int, groups: Array | None = None) -> list[Array]:
    """For each member the rows that it holds out: an equal part of the rows each, drawn by `seed`;
    with `groups` (N,) (the classes), every part has its share of each group."""
    order = keyed_generator(seed, path="folds").permutation(count)
    if groups is not None:
        order = order[np.argsort(groups[order], kind="stable")]
        order = np.concatenate([order[part::members] for part in range(members)])
    size = max(1, count // members)
    return [order[part * size : (part + 1) * size] for part in range(members)]


def rows_of_members(rows: Rows, parts: list[Array], batch_size: int, seed: int) -> Rows:
    """The rows that K members learn from, each all but its part, in an order of its own.

    parts  what each holds out, all of one size
    """
    count, members = len(rows.x), len(parts)
    if batch_size >= count and not any(map(len, parts)):
        return rows
    copies = members * rows.x.nbytes
    if members == 1 or copies <= MOST_BYTES or batch_size < SAFE_BATCH:
        chosen = [np.setdiff1d(np.arange(count), part) for part in parts]
        if members == 1:
            return rows.take(chosen[0])
        own = np.stack(
            [
                keyed_generator(seed, member, path="orders").permutation(part)
                for member, part in enumerate(chosen)
            ]
        )
        return replace(rows.take(own), own=("x", "target", "sample_weight"))
    weights = np.repeat(rows.weight[None], members, axis=0)
    for member, part in enumerate(parts):
        weights[member, part] = 0
    return Rows(rows.x, rows.target, weights, own=("sample_weight",))


def train_members(
    network: Network,
    params: Array,
    rows: Rows,
    held_out: list[Rows] | None,
    course: MemberCourse,
    metric: Metric,
) -> Iterator[MemberEpoch | DivergenceEvent]:
    """Train K members; yields after every epoch, and what happened where a loss is not finite any
    more, which is the end. `best_of` gathers what is yielded.

    params    the starts (K, P)
    held_out  what each member is judged on, K of them; None judges none, and the last epoch counts
    """
    weigh = bool((rows.weight != rows.weight.flat[0]).any())
    state = start(network, params, course.optimizer, seed=course.seed)
    if course.state is not None:
        # The optimizer's memory and its place in the schedule go on; the epochs are counted anew,
        # because there may be other rows now.
        state = state._replace(optimizer=course.state.optimizer, layers=course.state.layers)
    best = np.full(len(params), np.inf)
    without_better = 0
    divergence: DivergenceEvent | None = None
    penalty = course.optimizer.value if isinstance(course.optimizer, Penalized) else None
    penalties, steps = np.zeros(len(params)), 0
    for event in train(
        network,
        state,
        rows.x,
        rows.target,
        loss=course.loss,
        optimizer=course.optimizer,
        epochs=course.epochs,
        batch_size=course.batch_size,
        sample_weight=rows.weight if weigh else None,
        own=tuple(name for name in rows.own if weigh or name != "sample_weight"),
        engine=course.engine,
        by="step" if penalty is not None else "epoch",
    ):
        if isinstance(event, DivergenceEvent):
            divergence = event
            if not np.isfinite(event.loss).all():
                yield event
                return
            continue
        if not isinstance(event, EpochEvent):
            # What the loss of a step has on top: that of the parameters before it.
            if penalty is not None:
                penalties, steps = penalties + penalty(event.before.params), steps + 1
            continue
        losses = np.asarray(event.loss, np.float64) + penalties / max(steps, 1)
        penalties, steps = np.zeros(len(params)), 0
        scores = np.full(len(params), np.nan)
        if held_out is not None:
            # A training that diverges is told by its scores, and not by warnings.
            with np.errstate(over="ignore", invalid="ignore"):
                scores = _scores(network, event.state, held_out, metric)
        judged = losses if held_out is None else scores
        is_better, is_notable = judged <= best, judged <= best - _least(course, best)
        best = np.where(is_better, judged, best)
        # Without held-out rows the last epoch is the one that counts.
        kept = is_better if held_out is not None else np.ones(len(params), bool)
        yield MemberEpoch(event.epoch, losses, scores, kept, event.state)
        # It ran away before, which is told once, and has broken now.
        if divergence is not None and not np.isfinite(losses).all():
            yield divergence
            return
        without_better = 0 if is_notable.any() else without_better + 1
        if course.patience is not None and without_better > course.patience:
            return


def _least(course: MemberCourse, best: Array) -> Array | float:
    if course.least is not None:
        return course.least
    return np.where(np.isfinite(best), np.maximum(LEAST * np.abs(best), LEAST_OF_ALL), 0.0)


def best_of(
    epochs: Iterator[MemberEpoch | DivergenceEvent], watch: Callable[[MemberEpoch], Any] | None
) -> Members:
    """Every member as it was in its best epoch. `watch` is told of every epoch; where it returns
    True, the training ends there. Raises DataError for one that diverges in its first epoch."""
    kept: Members | None = None
    for one in epochs:
        if isinstance(one, DivergenceEvent):
            if kept is None:
                raise DataError("training_diverged", problem=one)
            return kept._replace(divergence=one)
        params = one.state.params
        if kept is None:
            kept = Members(params.copy(), np.zeros(len(params), int), one.scores, one.state)
        else:
            kept.params[one.best] = params[one.best]
            kept = Members(
                kept.params,
                np.where(one.best, one.epoch, kept.epoch),
                np.where(one.best, one.scores, kept.score),
                one.state,
            )
        if watch is not None and watch(one) is True:
            break
    if kept is None:
        raise ValueError("a training of no epochs has no best one")
    return kept


def _scores(network: Network, state: TrainingState, held_out: list[Rows], metric: Metric) -> Array:
    sizes = {len(rows.x) for rows in held_out}
    if len(sizes) == 1:
        x = np.stack([rows.x for rows in held_out])
        outputs = list(network.predict(state.params, x, state=state.layers, own_input=True))
    else:
        outputs = [
            network.predict(member, rows.x, state=_of_member(state.layers, k))
            for k, (member, rows) in enumerate(zip(state.params, held_out, strict=True))
        ]
    return np.array(
        [
            metric(output, rows.target, rows.weight)
            for output, rows in zip(outputs, held_out, strict=True)
        ],
        np.float64,
    )


def _of_member(layers: Any, member: int) -> dict[str, dict[str, Array]]:
    """One member's running statistics."""
    return {
        path: {name: array[member] for name, array in arrays.items()}
        for path, arrays in layers.items()
    }
