"""The training of members, epoch by epoch: what each is judged by, when it is at its best, and when
nothing gets better any more."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Clipped, Optimizer
from clearprop.engine.schedules import rate_at
from clearprop.estimators.falling_rates import FallingRate, at_rate, memory_at_rate
from clearprop.estimators.members import MemberCourse, MemberEpoch, Members, Metric, Rows
from clearprop.training import DivergenceEvent, EpochEvent, StepEvent, TrainingState, start, train
from clearprop.training.penalized import Penalized

LEAST = 0.002
LEAST_OF_ALL = 1e-4


class TrainedEpoch(NamedTuple):
    """An epoch that was trained and not judged yet: the losses (K,), the state behind it, and what
    took the steps."""

    epoch: int
    losses: Array
    state: TrainingState
    engine: str


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

    def phase(course: MemberCourse) -> Iterator[MemberEpoch | DivergenceEvent]:
        events = train(
            network,
            first_state(network, params, course),
            rows.x,
            rows.target,
            loss=course.loss,
            optimizer=course.optimizer,
            epochs=course.epochs,
            batch_size=course.batch_size,
            sample_weight=rows.weight if weigh else None,
            own=tuple(name for name in rows.own if weigh or name != "sample_weight"),
            engine=course.engine,
            by="epoch",
        )
        return judged_epochs(trained_epochs(events), network, len(params), held_out, course, metric)

    return phase(course) if course.falling is None else _phases(phase, course, course.falling)


def _phases(
    phase: Callable[[MemberCourse], Iterator[MemberEpoch | DivergenceEvent]],
    course: MemberCourse,
    falling: FallingRate,
) -> Iterator[MemberEpoch | DivergenceEvent]:
    """A training whose rate changes between epochs: one of phases, each of one rate and up to where
    nothing gets better any more."""
    rate = falling.first
    while True:
        course = replace(course, optimizer=at_rate(course.optimizer, rate))
        last: MemberEpoch | None = None
        for one in phase(course):
            yield one
            if isinstance(one, DivergenceEvent):
                return
            last, is_over = one, _is_over(course, one.waited)
            following = falling.after(rate, one.epoch, is_over=is_over)
            if is_over or following != rate:
                break
        if last is None or following is None or last.epoch + 1 >= course.epochs:
            return
        memory = memory_at_rate(last.state.optimizer, rate, following)
        state = last.state._replace(optimizer=memory)
        # Of what has been trained the parameters, the record and the waiting go on.
        begun = Members(
            params=state.params,
            epoch=np.full(len(last.record), last.epoch),
            score=last.scores,
            state=state,
            record=last.record,
            waited=0 if is_over else last.waited,
        )
        course, rate = replace(course, begun=begun), following


def first_state(network: Network, params: Array, course: MemberCourse) -> TrainingState:
    """The state that a training of these starts (K, P) begins with, or goes on from."""
    if course.begun is not None:
        return course.begun.state
    state = start(network, params, course.optimizer, seed=course.seed)
    if course.state is None:
        return state
    # Epochs are counted anew, because there may be other rows now.
    state = state._replace(layers=course.state.layers)
    memory = course.state.optimizer
    # Another optimizer, which remembers something else, begins without memory.
    is_own = memory.slots.keys() == state.optimizer.slots.keys()
    return state._replace(optimizer=memory) if is_own else state


def trained_epochs(
    events: Iterator[StepEvent | EpochEvent | DivergenceEvent],
) -> Iterator[TrainedEpoch | DivergenceEvent]:
    """The epochs of a training, with what a penalty adds to their losses; up to a divergence."""
    for event in events:
        if isinstance(event, DivergenceEvent):
            yield event
            return
        if isinstance(event, EpochEvent):
            losses = np.asarray(event.loss, np.float64) + event.penalty
            yield TrainedEpoch(event.epoch, losses, event.state, event.engine.name)


def judged_epochs(
    epochs: Iterator[TrainedEpoch | DivergenceEvent],
    network: Network,
    members: int,
    held_out: list[Rows] | None,
    course: MemberCourse,
    metric: Metric,
) -> Iterator[MemberEpoch | DivergenceEvent]:
    """The epochs with what the members are judged by, until nothing gets better any more."""
    record, waited = np.full(members, np.inf), 0
    if course.begun is not None:
        record, waited = course.begun.record, course.begun.waited
    if _is_over(course, waited):
        return
    for one in epochs:
        if isinstance(one, DivergenceEvent):
            yield one
            return
        scores = np.full(members, np.nan)
        if held_out is not None:
            # A training that diverges is told by its scores, and not by warnings.
            with np.errstate(over="ignore", invalid="ignore"):
                scores = _scores(network, one.state, held_out, metric)
        judged = one.losses if held_out is None else scores
        is_better, is_notable = judged <= record, judged <= record - _least(course, record)
        record = np.where(is_better, judged, record)
        waited = 0 if is_notable.any() else waited + 1
        yield MemberEpoch(
            epoch=one.epoch,
            losses=one.losses,
            scores=scores,
            # Without held-out rows the last epoch is the one that counts.
            best=is_better if held_out is not None else np.ones(members, bool),
            state=one.state,
            record=record,
            waited=waited,
            rate=_rate(course.optimizer, one.state),
            engine=one.engine,
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
