"""A training that breaks or runs away: at which step, by which cause, and which rate to try.

A stream of events is watched from outside, whatever takes the steps. What is looked for costs one
comparison a step; only where the loss is no finite number, or has grown GROWN times, are the steps
in question made again in NumPy, with all their numbers, and the curvature of the loss measured.
"""

import math
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.engine.layers.layer import Tree
from clearprop.engine.optimizers import OptimizerState
from clearprop.engine.step import Step, take_step
from clearprop.training.course import Course
from clearprop.training.events import EpochEvent, StepEvent, TrainingState
from clearprop.training.finding import Finding, Symptom, shown

# A loss that is this many times that of the first step has run away, if the rate is above its
# bound: mini-batches differ, and a loss that began near 0 may grow without harm.
GROWN = 1e4
# A training breaks early, as a rule; so many steps are made again to find where.
MOST_STEPS = 2000

# What no learning rate makes.
NOT_THE_RATE = (Symptom.NONFINITE_INPUT, Symptom.NONFINITE_TARGET, Symptom.NONFINITE_PARAMETER)


NOT_THE_UPDATE = tuple(one for one in Symptom if one is not Symptom.NONFINITE_UPDATE)


class Rates(NamedTuple):
    """The learning rate at the start, the largest stable one there, and the one to try: none of
    them where the rate is below its bound, and no bound where none is known of the optimizer."""

    rate: float | None = None
    bound: float | None = None
    suggested: float | None = None


class DivergenceEvent(NamedTuple):
    """The step in which a training broke or ran away; one at most in a training.

    step, epoch  count from 0
    loss         of that step, from before its update: a number, or (K,) of K networks
    state        after it
    first_loss   the size of that network's loss in the first step that was watched; NaN where that
                 was not finite
    network      which of K networks it was; None for one
    findings     the first number that is not finite and what made it, as `health` finds it; empty
                 for a loss that is finite and has grown
    rate, bound, suggested  the `Rates` at the start
    """

    step: int
    epoch: int
    loss: Any
    state: TrainingState
    first_loss: float
    network: int | None
    findings: tuple[Finding, ...]
    rate: float | None
    bound: float | None
    suggested: float | None

    def message(self, language: str = "en") -> str:
        """What happened, why, and what to try."""
        loss = float(self.loss if self.network is None else self.loss[self.network])
        values = {"step": self.step, "epoch": self.epoch, "loss": shown(loss)}
        key = "grew" if math.isfinite(loss) and not self.findings else "broke"
        parts = [_say(language, key, first=shown(self.first_loss), **values)]
        if self.network is not None:
            parts.insert(0, _say(language, "network", network=self.network))
        parts += [one.sentence(language) for one in self.findings]
        if self.suggested is not None and self.rate is not None:
            rates = {"rate": shown(self.rate), "suggested": shown(self.suggested)}
            above = "adaptive" if self.bound is None else "above"
            bound = shown(self.bound if self.bound is not None else math.inf)
            parts.append(_say(language, above, bound=bound, **rates))
        else:
            parts += [one.advice(language) for one in self.findings]
        return reduce(lambda a, b: _say(language, "then", before=a, sentence=b), parts)


class DivergenceWarning(UserWarning):
    """What `fit` says of a training that broke or ran away, in the language of the locale, as the
    commands do; `event` has it as data."""

    def __init__(self, event: DivergenceEvent) -> None:
        super().__init__(event.message(messages.preferred_language()))
        self.event = event

    def message(self, language: str = "en") -> str:
        """The sentence in `language`."""
        return self.event.message(language)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.event,)


_say = messages.within("divergence")

Events = Iterator[StepEvent | EpochEvent]
Watched = Iterator[StepEvent | EpochEvent | DivergenceEvent]


def watched(
    events: Events, course: Course, first: TrainingState, again: Callable[[TrainingState], Events]
) -> Watched:
    """The events of a training that began at `first`, and behind that of the step in which it broke
    or ran away one that says so. `again` are the events from a state on, taken in NumPy."""
    # `since` is the state before the event before: an update that overflows shows one step later.
    since, before, is_stepwise = first, first, False
    firsts: Any = None
    limits: Any = math.inf
    is_watched = True
    event: StepEvent | EpochEvent | None = None
    for event in events:
        yield event
        is_stepwise |= isinstance(event, StepEvent)
        if not is_watched or (is_stepwise and isinstance(event, EpochEvent)):
            continue
        since, before = before, event.before if isinstance(event, StepEvent) else event.state
        sizes = abs(event.loss)
        if not _is_finite(sizes):
            is_watched = False
            yield _broken(event, course, first, since, firsts, again)
            continue
        if firsts is None:
            firsts, limits = sizes, _limits(sizes)
        if np.any(sizes > limits):
            # Once: a rate that is below its bound stays so.
            limits = math.inf
            grown = _grown(event, course, first, firsts)
            if grown is not None:
                is_watched = False
                yield grown
    if is_watched and event is not None and not _is_finite(event.state.params):
        yield _broken(event, course, first, since, firsts, again)


def _is_finite(numbers: Any) -> bool:
    # Of one number, which is the usual case, NumPy's own takes ten times as long.
    if isinstance(numbers, np.ndarray):
        return bool(np.isfinite(numbers).all())
    return math.isfinite(numbers)


def _limits(firsts: Any) -> Any:
    """The losses from which on a training has run away; none for a loss that began at 0."""
    return np.where(firsts > 0, GROWN * np.asarray(firsts), math.inf)


def divergence_in(
    losses: Array,
    last: TrainingState,
    course: Course,
    first: TrainingState,
    again: Callable[[TrainingState], Events],
) -> DivergenceEvent | None:
    """The same of a training from `first` that has ended in `last`, by its `losses` (steps,) or
    (steps, K); None where nothing was wrong. After more steps than are made again, the first number
    that is not finite is not looked for."""
    if not len(losses):
        return None
    with np.errstate(all="ignore"):
        sizes = np.abs(losses)
        wrong = ~(sizes <= _limits(sizes[0])) | ~np.isfinite(sizes)
    steps = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    step = int(steps[0]) if len(steps) else len(losses) - 1
    if not len(steps) and np.isfinite(last.params).all():
        return None
    if step >= MOST_STEPS:
        network, number = _which(losses[step]), first.step + step
        rates = _rates(course, first, network)
        if np.isfinite(losses[step]).all() and rates.bound is None:
            return None
        place = number, number // course.steps_per_epoch, losses[step], last
        return DivergenceEvent(*place, _first_of(sizes[0], network), network, (), *rates)
    so_far = takewhile(lambda event: event.state.step <= first.step + step + 1, again(first))
    found = watched(so_far, course, first, again)
    return next((one for one in found if isinstance(one, DivergenceEvent)), None)


def _grown(
    event: StepEvent | EpochEvent, course: Course, first: TrainingState, firsts: Any
) -> DivergenceEvent | None:
    """The event of a loss that has grown; None where the rate is not too high."""
    network = _which(event.loss)
    with np.errstate(all="ignore"):
        rates = _rates(course, first, network)
    if rates.bound is None:
        return None
    place = event.state.step - 1, event.epoch, event.loss, event.state
    return DivergenceEvent(*place, _first_of(firsts, network), network, (), *rates)


def _broken(
    event: StepEvent | EpochEvent,
    course: Course,
    first: TrainingState,
    since: TrainingState,
    firsts: Any,
    again: Callable[[TrainingState], Events],
) -> DivergenceEvent:
    """The event of a number that is not finite, which `event` shows and a step since `since`
    made."""
    network = _which(event.loss)
    with np.errstate(all="ignore"):
        broken = _where(since, again, network) or event
        before = broken.before if isinstance(broken, StepEvent) else since
        findings = _findings(course, before, network)
        # Before the first update no rate has made anything.
        is_first = before.step == first.step
        blameless = NOT_THE_UPDATE if is_first else NOT_THE_RATE
        rates = Rates()
        if not any(one.kind in blameless for one in findings):
            rates = _rates(course, first, network)
    place = broken.state.step - 1, broken.epoch, broken.loss, broken.state
    return DivergenceEvent(*place, _first_of(firsts, network), network, findings, *rates)


def _first_of(firsts: Any, network: int | None) -> float:
    if firsts is None:
        return math.nan
    return float(firsts if network is None else firsts[network])


def _which(loss: Any) -> int | None:
    """The first of K networks that is not finite, or the one with the largest loss."""
    if np.ndim(loss) == 0:
        return None
    broken = ~np.isfinite(loss)
    return int(np.argmax(broken if broken.any() else np.abs(loss)))


def _where(
    since: TrainingState, again: Callable[[TrainingState], Events], network: int | None
) -> StepEvent | None:
    """The first step from `since` on that makes a number which is not finite."""
    for count, event in enumerate(again(since)):
        if count > 2 * MOST_STEPS:
            return None
        if isinstance(event, StepEvent):
            loss = event.loss if network is None else event.loss[network]
            params = event.state.params if network is None else event.state.params[network]
            if not (np.isfinite(loss) and np.isfinite(params).all()):
                return event
    return None


def _findings(course: Course, state: TrainingState, network: int | None) -> tuple[Finding, ...]:
    from clearprop.training.nonfinite import first_nonfinite, nonfinite_data

    data = course.data
    x = _own(data.x.array, network, own=data.x.own)
    found = nonfinite_data(x, _own(data.target.array, network, own=data.target.own))
    if found is None:
        try:
            found = first_nonfinite(_step_from(course, state, network))
        except ClearpropError:  # a loss or a layer that refuses what the broken numbers are
            return ()
        found = None if found is None else _among_all(found, course, state)
    return () if found is None else (found,)


def _among_all(found: Finding, course: Course, state: TrainingState) -> Finding:
    """The finding with its sample counted among all, not in its batch."""
    rows = _rows(course, state)
    if rows is None or "sample" not in found.values:
        return found
    sample = int(rows[int(found.values["sample"])])
    return Finding(found.kind, found.severity, found.places, {**found.values, "sample": sample})


def _rates(course: Course, first: TrainingState, network: int | None) -> Rates:
    from clearprop.training.curvature import curvature
    from clearprop.training.rate_bound import RateRule, bound_of, inside_clipping, rate_of

    optimizer = inside_clipping(course.optimizer)
    try:
        step = _step_from(course, first, network)
        rate = rate_of(optimizer, step)
        rule, bound = bound_of(optimizer, curvature(step))
    except ClearpropError:  # a loss or a layer that refuses such numbers
        return Rates()
    if rate is None:
        return Rates()
    if rule is RateRule.ADAPTIVE:
        return Rates(rate, None, _two_digits(rate / 10))
    # Half the bound goes to the lowest point along the sharpest direction.
    return Rates(rate, bound, _two_digits(bound / 2)) if rate > bound else Rates()


def _two_digits(value: float) -> float:
    """Rounded down to two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit) * unit:.1e}")


def _step_from(course: Course, state: TrainingState, network: int | None) -> Step:
    """The step from `state`, of one network, as a record; sample weights are left out."""
    data, rows = course.data, _rows(course, state)
    x, target, _ = data.take(rows)
    memory, layers = state.optimizer, state.layers
    if network is not None:
        slots = {name: slot[network] for name, slot in memory.slots.items()}
        memory = OptimizerState(memory.step, slots)
        layers = _layers_of(layers, network)
    return take_step(
        course.network,
        state.params if network is None else state.params[network],
        _own(x, network, own=data.x.own),
        _own(target, network, own=data.target.own),
        loss=course.loss,
        optimizer=course.optimizer,
        state=memory,
        layer_state=layers or None,
        seed=state.seed,
        number=state.step,
    )


def _rows(course: Course, state: TrainingState) -> Array | None:
    return course.rows(state.step, course.order(state.seed, state.step // course.steps_per_epoch))


def _own(array: Array, network: int | None, *, own: bool) -> Array:
    return array[network] if own and network is not None else array


def _layers_of(layers: Tree, network: int) -> Tree:
    return {
        path: {name: array[network] for name, array in own.items()} for path, own in layers.items()
    }
