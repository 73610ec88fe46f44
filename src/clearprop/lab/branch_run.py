"""One branch of a run: the steps that were taken, kept so that any of them can be had again.

Of the parameters every k-th step is kept, and what lies between is computed again: a step has the
same bits whenever it is looked at. Of the losses every m-th is kept for the curve. Where there are
too many of either, every second one is dropped and k or m doubled, so that memory stays bounded
however long a run is.
"""

import math
import time
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.network import BackwardPass
from clearprop.engine.step import Step
from clearprop.lab.lab_recipe import Problem
from clearprop.lab.planted_backward import PlantedMistake, wrong_backward
from clearprop.training.course import Course
from clearprop.training.divergence import DivergenceEvent, watched
from clearprop.training.engine_choice import ASKED_NUMPY
from clearprop.training.events import EpochEvent, StepEvent, TrainingState
from clearprop.training.numpy_events import numpy_events

# Points of a curve: more than a screen has columns.
MOST_POINTS = 4096
# Kept states: so many at most, and so many bytes.
MOST_STATES = 2048
MOST_BYTES = 48_000_000
# The clock is looked at once in so many steps.
BETWEEN_LOOKS = 8

Events = Iterator[StepEvent | EpochEvent | DivergenceEvent]


class Origin(NamedTuple):
    """Where a branch left another one."""

    branch: str
    step: int


class BranchRun:
    """The steps of one branch, from its problem's first state on.

    planted  the mistake in its backward; `hidden` where it is to be found, and `beside` is the
             branch with the right backward that runs along
    losses   every `stride`-th loss, from before its update, since the first step
    last     the state after the last step taken
    diverged  what is known of a run that broke or ran away
    """

    def __init__(
        self,
        name: str,
        problem: Problem,
        *,
        origin: Origin | None = None,
        planted: PlantedMistake | None = None,
        hidden: bool = False,
        beside: str | None = None,
    ) -> None:
        self.name, self.problem, self.origin = name, problem, origin
        self.planted, self.hidden, self.beside = planted, hidden, beside
        self.last = problem.first
        self.losses: list[float] = []
        self.stride = 1
        self.diverged: DivergenceEvent | None = None
        self.ended = False
        self._kept: dict[int, TrainingState] = {self.first_step: problem.first}
        self._apart = 1
        self._events: Events | None = None

    @property
    def first_step(self) -> int:
        """The number of the step that the branch begins with."""
        return self.problem.first.step

    @property
    def steps(self) -> int:
        """The number of steps taken, with those before the branch began."""
        return self.last.step

    @cached_property
    def course(self) -> Course:
        """What every step of it is made of."""
        return self.problem.course

    @cached_property
    def most_states(self) -> int:
        """How many states may be kept."""
        first = self.problem.first
        slots = sum(array.nbytes for array in first.optimizer.slots.values())
        return max(8, min(MOST_STATES, MOST_BYTES // (first.params.nbytes + slots + 1)))

    def advance(self, until: int | None, deadline: float) -> None:
        """Take steps until that many are taken, the deadline (of `time.monotonic`) is over, or the
        run has ended with a loss that is no finite number."""
        if self._events is None:
            again = self._from
            events: Iterator[StepEvent | EpochEvent] = again(self.last)
            self._events = watched(events, self.course, self.problem.first, again)
        taken = 0
        while not self.ended and (until is None or self.last.step < until):
            event = next(self._events)
            if isinstance(event, StepEvent):
                self._take(event)
                taken += 1
                if taken % BETWEEN_LOOKS == 0 and time.monotonic() > deadline:
                    return
            elif isinstance(event, DivergenceEvent):
                self.diverged = event
        if self.ended and self.diverged is None:
            # What the watcher says of the last step comes behind it.
            event = next(self._events)
            while not isinstance(event, StepEvent | DivergenceEvent):
                event = next(self._events)
            self.diverged = event if isinstance(event, DivergenceEvent) else None

    def seek(self, step: int) -> "Seek":
        """The way to the state after `step` steps, as far as the run has come."""
        step = min(max(step, self.first_step), self.steps)
        if step == self.steps:
            return Seek(self.last, step, iter(()))
        nearest = max(one for one in self._kept if one <= step)
        state = self._kept[nearest]
        return Seek(state, step, self._from(state))

    def step_at(self, state: TrainingState) -> Step:
        """The record of the step from a state, with the samples of its batch."""
        problem, course = self.problem, self.course
        backward = self._replayed(state)
        target = course.data.take(self.batch_of(state.step))[1]
        return Step(
            backward,
            target,
            problem.loss,
            problem.optimizer,
            state.optimizer,
            problem.data.classes,
        )

    def batch_of(self, step: int) -> Array | None:
        """The samples of a step; None where all take part."""
        order = self.course.order(self.problem.first.seed, step // self.course.steps_per_epoch)
        return self.course.rows(step, order)

    def _replayed(self, state: TrainingState) -> BackwardPass:
        right = self.course.replay(state)
        if self.planted is None:
            return right
        with np.errstate(over="ignore", invalid="ignore"):
            return wrong_backward(self.planted, right.forward, right.output_gradient)

    def _from(self, state: TrainingState) -> Iterator[StepEvent | EpochEvent]:
        if self.planted is None:
            return numpy_events(self.course, state, ASKED_NUMPY)
        return self._wrong_events(state)

    def _wrong_events(self, state: TrainingState) -> Iterator[StepEvent]:
        """The steps with the mistake in their backward."""
        course = self.course
        while True:
            before, backward = state, self._replayed(state)
            target = course.data.take(self.batch_of(state.step))[1]
            with np.errstate(over="ignore", invalid="ignore"):
                loss = float(course.loss.evaluate(backward.forward.output, target).value)
                params, remembered = course.optimizer.step(
                    state.params, state.optimizer, backward.gradient
                )
            state = before._replace(
                params=params,
                optimizer=remembered,
                layers=backward.forward.state,
                step=before.step + 1,
            )
            epoch = before.step // course.steps_per_epoch
            yield StepEvent(before.step, epoch, loss, before, state, course.replay)

    def _take(self, event: StepEvent) -> None:
        loss = float(event.loss)
        since = event.step - self.first_step
        if since % self.stride == 0:
            self.losses.append(loss)
            if len(self.losses) > MOST_POINTS:
                self.losses = self.losses[::2]
                self.stride *= 2
        self.last = event.state
        if (since + 1) % self._apart == 0:
            self._kept[event.state.step] = event.state
            if len(self._kept) > self.most_states:
                self._apart *= 2
                self._kept = {
                    step: state
                    for step, state in self._kept.items()
                    if (step - self.first_step) % self._apart == 0
                }
        self.ended = not math.isfinite(loss)


class Seek:
    """A way to the state after `step` steps, gone in pieces so that nobody waits for a long one."""

    def __init__(
        self, state: TrainingState, step: int, events: Iterator[StepEvent | EpochEvent]
    ) -> None:
        self.state, self.step = state, step
        self._events = events

    def advance(self, deadline: float) -> bool:
        """Go on until the deadline; returns whether `state` is the one that was sought."""
        while self.state.step < self.step:
            event = next(self._events)
            if isinstance(event, StepEvent):
                self.state = event.state
                if event.step % BETWEEN_LOOKS == 0 and time.monotonic() > deadline:
                    break
        return self.state.step == self.step
