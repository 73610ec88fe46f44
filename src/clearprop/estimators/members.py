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
from clearprop.engine.optimizers import Clipped, Optimizer
from clearprop.engine.schedules import rate_at
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
    begun           where this very training stood, to end it as if it had never stopped
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
    begun: "Members | None" = None


class MemberEpoch(NamedTuple):
    """One epoch.

    losses, scores  (K,) of training, and of held-out rows; NaN without any
    best            (K,) which members are at their best
    record          (K,) the best that each was judged by so far
    waited          epochs since one that was notably better
    rate            the learning rate of the last step; NaN of an optimizer without one
    engine          what took the steps
    """

    epoch: int
    losses: Array
    scores: Array
    best: Array
    state: Any
    record: Array
    waited: int
    rate: float
    engine: str


class Members(NamedTuple):
    """Trained members, or where their training stands after an epoch: all that it takes to go on.

    params      (K, P) each one's of its best epoch
    epoch       (K,) that epoch
    score       (K,) its score
    state       the last state
    record, waited  as in MemberEpoch
    divergence  what ended the training where it diverged
    """

    params: Array
    epoch: Array
    score: Array
    state: TrainingState
    record: Array
    waited: int = 0
    divergence: DivergenceEvent | None = None


def folds(count: int, members: int, seed: int, classes: Array | None = None) -> list[Array]:
    """For each member the rows that it holds out: an equal part of the rows each, drawn by `seed`;
    with `classes` (N,) every part has its share of each."""
    order = keyed_generator(seed, path="folds").permutation(count)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
        order = np.concatenate([order[part::members] for part in range(members)])
    size = max(1, count // members)
    return [order[part * size : (part + 1) * size] for part in range(members)]


def folds_of_groups(groups: Array, members: int, seed: int) -> list[Array]:
    """For each member the rows that it holds out, whole groups (N,) of them; the largest group
    goes to the part that has the fewest rows, and so on. With fewer groups than members some hold
    out the same.

    Raises DataError where all rows are of one group.
    """
    names, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError("group_alone", value=names[0])
    parts = min(members, len(names))
    drawn = keyed_generator(seed, path="folds").permutation(len(names))
    part_of, filled = np.zeros(len(names), int), np.zeros(parts, int)
    for group in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        part_of[group] = filled.argmin()
        filled[part_of[group]] += sizes[group]
    rows = [np.flatnonzero(part_of[which] == part) for part in range(parts)]
    return [rows[member % parts] for member in range(members)]


def rows_of_members(rows: Rows, parts: list[Array], batch_size: int, seed: int) -> Rows:
    """The rows that K members learn from, each all but its part, in an order of its own.

    parts  what each holds out
    """
    count, members = len(rows.x), len(parts)
    if batch_size >= count and not any(map(len, parts)):
        return rows
    copies = members * rows.x.nbytes
    if members == 1 or copies <= MOST_BYTES or batch_size < SAFE_BATCH:
        chosen = [np.setdiff1d(np.arange(count), part) for part in parts]
        if members == 1:
            return rows.take(chosen[0])
        longest = max(map(len, chosen))
        # Where parts differ in size some rows are repeated, and count as nothing there.
        own = np.stack(
            [
                keyed_generator(seed, member, path="orders").permutation(np.resize(part, longest))
                for member, part in enumerate(chosen)
            ]
        )
        taken = replace(rows.take(own), own=("x", "target", "sample_weight"))
        if any(len(part) < longest for part in chosen):
            taken = replace(taken, weight=taken.weight * _first_of_each(own))
        return taken
    weights = np.repeat(rows.weight[None], members, axis=0)
    for member, part in enumerate(parts):
        weights[member, part] = 0
    return Rows(rows.x, rows.target, weights, own=("sample_weight",))


def _first_of_each(rows: Array) -> Array:
    """Where a row (K, N) stands for the first time, (K, N) booleans."""
    first = np.zeros(rows.shape, bool)
    for member, own in enumerate(rows):
        first[member, np.unique(own, return_index=True)[1]] = True
    return first


def train_members(
    network: Network,
    params: Array,
    rows: Rows,
    held_out: list[Rows] | None,
    course: MemberCourse,
    metric: Metric,
) -> Iterator[MemberEpoch | DivergenceEvent]:
    """Train K members; yields after every epoch, and what happened where the training breaks or
    runs away, which is the end. `best_of` gathers what is yielded.

    params    the starts (K, P)
    held_out  what each member is judged on, K of them; None judges none, and the last epoch counts
    """
    weigh = bool((rows.weight != rows.weight.flat[0]).any())
    state = start(network, params, course.optimizer, seed=course.seed)
    if course.state is not None:
        # The optimizer's memory and its place in the schedule go on; the epochs are counted anew,
        # because there may be other rows now.
        state = state._replace(optimizer=course.state.optimizer, layers=course.state.layers)
    record, waited = np.full(len(params), np.inf), 0
    if course.begun is not None:
        state, record, waited = course.begun.state, course.begun.record, course.begun.waited
        if _is_over(course, waited):
            return
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
            yield event
            return
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
        is_better, is_notable = judged <= record, judged <= record - _least(course, record)
        record = np.where(is_better, judged, record)
        waited = 0 if is_notable.any() else waited + 1
        yield MemberEpoch(
            epoch=event.epoch,
            losses=losses,
            scores=scores,
            # Without held-out rows the last epoch is the one that counts.
            best=is_better if held_out is not None else np.ones(len(params), bool),
            state=event.state,
            record=record,
            waited=waited,
            rate=_rate(course.optimizer, event.state),
            engine=event.engine.name,
        )
        if _is_over(course, waited):
            return


def _is_over(course: MemberCourse, waited: int) -> bool:
    return course.patience is not None and waited > course.patience


def _rate(optimizer: Optimizer, state: TrainingState) -> float:
    inner = optimizer.optimizer if isinstance(optimizer, Penalized | Clipped) else optimizer
    rate = getattr(inner, "learning_rate", None)
    return float("nan") if rate is None else float(rate_at(rate, state.optimizer.step - 1))


def _least(course: MemberCourse, best: Array) -> Array | float:
    if course.least is not None:
        return course.least
    return np.where(np.isfinite(best), np.maximum(LEAST * np.abs(best), LEAST_OF_ALL), 0.0)


def best_of(
    epochs: Iterator[MemberEpoch | DivergenceEvent],
    watch: Callable[[MemberEpoch, Members], Any] | None = None,
    begun: Members | None = None,
) -> Members:
    """Every member as it was in its best epoch.

    watch  told of every epoch and of where the training stands then, whose arrays are good until
           the next one; where it returns True, the training ends there
    begun  where a training stood that is gone on with

    Raises DataError for one that diverges in its first epoch.
    """
    kept = None if begun is None else begun._replace(params=begun.params.copy())
    for one in epochs:
        if isinstance(one, DivergenceEvent):
            if kept is None:
                raise DataError("training_diverged", problem=one)
            return kept._replace(divergence=one)
        params = one.state.params
        if kept is None:
            first = np.zeros(len(params), int)
            kept = Members(params.copy(), first, one.scores, one.state, one.record)
        kept.params[one.best] = params[one.best]
        kept = Members(
            kept.params,
            np.where(one.best, one.epoch, kept.epoch),
            np.where(one.best, one.scores, kept.score),
            one.state,
            one.record,
            one.waited,
        )
        if watch is not None and watch(one, kept) is True:
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
