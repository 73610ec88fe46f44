"""A training made ready: what it is made of, which engine takes its steps, and why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, require_count
from clearprop.base.cores import default_threads
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training.arguments import data_of, loss_of, optimizer_of
from clearprop.training.course import Course, course_of
from clearprop.training.engine_choice import (
    EngineChoice,
    numpy_seconds,
    parameter_uses,
    require_engine,
    without_a_plan,
)
from clearprop.training.events import EpochEvent, StepEvent, TrainingState
from clearprop.training.machine import Machine
from clearprop.training.machine_events import machine_events
from clearprop.training.numpy_events import numpy_events


class Prepared(NamedTuple):
    """A training that can begin. `machine` is None where NumPy takes its steps."""

    course: Course
    state: TrainingState
    engine: EngineChoice
    machine: Machine | None

    def events(
        self, *, by_epoch: bool = False, stop_at_nonfinite: bool = False
    ) -> Iterator[StepEvent | EpochEvent]:
        """The events to the end of the training; only those of the epochs where that is asked."""
        if self.machine is not None:
            return machine_events(
                self.machine, by_epoch=by_epoch, stop_at_nonfinite=stop_at_nonfinite
            )
        events = numpy_events(self.course, self.state, self.engine)
        if stop_at_nonfinite:
            events = _until_nonfinite(events, self.course.steps_per_epoch)
        if by_epoch:
            return (event for event in events if isinstance(event, EpochEvent))
        return events

    def again(self, state: TrainingState) -> Iterator[StepEvent | EpochEvent]:
        """The events from a state on, taken in NumPy, whichever engine takes the steps."""
        return numpy_events(self.course, state, self.engine)


def prepare(
    network: Network,
    state: TrainingState,
    x: Array,
    target: Array,
    *,
    loss: Loss | str | None,
    optimizer: Optimizer | str | None,
    epochs: int,
    batch_size: int | None,
    sample_weight: Array | None,
    own: Collection[str],
    engine: str,
    settings: Mapping[str, Sequence[float]] | None = None,
    threads: int | None = None,
    by_step: bool = False,
    side_inputs: Mapping[str, Array] = EMPTY,
) -> Prepared:
    """What `train` and `fit` were handed, made ready. Raises what `train` raises.

    settings  of K networks: numbers of the optimizer that each has of its own, which machine code
              alone can take
    threads   how many threads take the steps; unless told otherwise one for every core, and of one
              network no more than its steps keep busy
    by_step   whether the state after every step will be asked for
    """
    require_engine(engine)
    if threads is not None:
        require_count("threads", threads)
    loss, optimizer = loss_of(loss), optimizer_of(optimizer)
    data = data_of(network, state.params, x, target, sample_weight, own)
    course = course_of(network, state, data, loss, optimizer, epochs, batch_size, side_inputs)
    _try_rest(course, state)
    steps = course.epochs * course.steps_per_epoch
    uses = course.batch_size * parameter_uses(network, data.x.array.shape[1 + data.x.own :])
    seconds = numpy_seconds(network, uses=uses * (course.networks or 1), steps=steps)
    dtype = state.params.dtype.name
    call_seconds = seconds / steps if by_step and steps else None
    chosen = without_a_plan(engine, seconds, call_seconds)
    if chosen is not None:
        return Prepared(course, state, chosen, None)
    # Here, so that a program that trains nothing for long need not load them.
    from clearprop.compiled.plan import TrainingPlan, paying_threads
    from clearprop.training.kernel_choice import choose
    from clearprop.training.kernel_memory import memory_of, plan_course

    sharing = 1
    if course.networks is None:
        sharing = threads or paying_threads(uses, default_threads())
    plan = plan_course(course, dtype, sharing)
    chosen, kernels = choose(engine, plan, seconds)
    machine = None
    if kernels is not None and isinstance(plan, TrainingPlan):
        memory = memory_of(course, plan, kernels, threads=threads, settings=settings or {})
        machine = Machine(course, memory, state, dtype=dtype, engine=chosen)
    return Prepared(course, state, chosen, machine)


def _try_rest(course: Course, state: TrainingState) -> None:
    """Try the forward pass of the epoch's last step where a single sample is left for it: what a
    layer refuses of one, as its variance, it refuses before the first step and not behind all
    others. Raises what the pass raises."""
    per_epoch = course.steps_per_epoch
    left = course.epochs * per_epoch - state.step
    if left > 0 and course.samples % course.batch_size == 1 < course.batch_size:
        with np.errstate(over="ignore", invalid="ignore"):
            course.forward(state._replace(step=(state.step // per_epoch + 1) * per_epoch - 1))


def _until_nonfinite(
    events: Iterator[StepEvent | EpochEvent], per_epoch: int
) -> Iterator[StepEvent | EpochEvent]:
    """The events up to the first step that left no finite loss, and the end of its epoch if it
    was the last one of it."""
    for event in events:
        yield event
        if isinstance(event, StepEvent) and not np.isfinite(event.loss).any():
            if (event.step + 1) % per_epoch == 0:
                yield next(events)
            return
