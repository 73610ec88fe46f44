"""Several networks trained at once on the same rows, each with rows of its own that it never sees.

Every network (a member) holds out a fold, is judged on it after each epoch, and goes back to its
own best epoch. Held-out rows have the weight 0 in that member's loss and are in the batches of all:
all members share one pass over the rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training import EpochEvent, TrainingState, start, train

# From the outputs (M, D), the targets and the weights (M,) of held-out rows to a number: less is
# better.
Metric = Callable[[Array, Array, Array], float]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as a network takes them: inputs (N, F), targets (N, D) or ids (N,), weights (N,)."""

    x: Array
    target: Array
    weight: Array

    def take(self, rows: Array) -> "Rows":
        """Some of the rows."""
        return Rows(self.x[rows], self.target[rows], self.weight[rows])


@dataclass(frozen=True, eq=False)
class Course:
    """How the members are trained.

    epochs          how many at most
    patience        how many epochs without a better one (by the held-out score, or by the loss
                    where none is held out) end it, for all members; None never does
    least           how much better an epoch has to be to count as such
    engine          what takes the steps, as for `train`
    state           the last state of a training to go on from, by this many epochs more
    """

    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    seed: int = 0
    patience: int | None = None
    least: float = 0.0
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
    (K,), and the last state."""

    params: Array
    epoch: Array
    score: Array
    state: TrainingState


def folds(count: int, members: int, seed: int, groups: Array | None = None) -> list[Array]:
    """For each member the rows that it holds out: an equal part of the rows each, drawn by `seed`;
    with `groups` (N,) (the classes), every part has its share of each group."""
    order = keyed_generator(seed, path="folds").permutation(count)
    if groups is not None:
        order = order[np.argsort(groups[order], kind="stable")]
        order = np.concatenate([order[part::members] for part in range(members)])
    size = max(1, count // members)
    return [order[part * size : (part + 1) * size] for part in range(members)]


def train_members(
    network: Network,
    params: Array,
    rows: Rows,
    held_out: list[Rows] | None,
    weights: Array,
    course: Course,
    metric: Metric,
) -> Iterator[MemberEpoch]:
    """Train K members; yields after every epoch. `best_of` gathers what is yielded.

    params    the starts (K, P)
    held_out  what each member is judged on, K of them; None judges none, and the last epoch counts
    weights   (K, N): how much each row counts for each member; 0 for what it holds out
    """
    state = start(network, params, course.optimizer, seed=course.seed)
    if course.state is not None:
        # The optimizer's memory and its place in the schedule go on; the epochs are counted anew,
        # because there may be other rows now.
        state = state._replace(optimizer=course.state.optimizer, layers=course.state.layers)
    best = np.full(len(params), np.inf)
    without_better = 0
    for event in train(
        network,
        state,
        rows.x,
        rows.target,
        loss=course.loss,
        optimizer=course.optimizer,
        epochs=course.epochs,
        batch_size=course.batch_size,
        sample_weight=weights,
        own=("sample_weight",),
        engine=course.engine,
        by="epoch",
    ):
        if not isinstance(event, EpochEvent):
            continue
        losses = np.asarray(event.loss, np.float64)
        scores = np.full(len(params), np.nan)
        if held_out is not None:
            scores = _scores(network, event.state, held_out, metric)
        better = (losses if held_out is None else scores) <= best - course.least
        best = np.where(better, losses if held_out is None else scores, best)
        # Without held-out rows the last epoch is the one that counts.
        kept = better if held_out is not None else np.ones(len(params), bool)
        yield MemberEpoch(event.epoch, losses, scores, kept, event.state)
        without_better = 0 if better.any() else without_better + 1
        if course.patience is not None and without_better >= course.patience:
            return


def best_of(epochs: Iterator[MemberEpoch], watch: Callable[[MemberEpoch], Any] | None) -> Members:
    """Every member as it was in its best epoch. `watch` is told of every epoch; where it returns
    True, the training ends there."""
    kept: Members | None = None
    for one in epochs:
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
