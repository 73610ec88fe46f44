"""The events of a training in machine code."""

from collections.abc import Iterator

import numpy as np

from clearprop.training.events import EpochEvent, StepEvent
from clearprop.training.machine import Machine


def machine_events(
    machine: Machine, *, by_epoch: bool, stop_at_nonfinite: bool
) -> Iterator[StepEvent | EpochEvent]:
    """The events to the end of the training. `by_epoch` leaves out those of the steps, each of
    which costs a call and a copy of the state."""
    per_epoch, course = machine.course.steps_per_epoch, machine.course
    before = machine.state()
    while machine.step < machine.last:
        step = machine.step
        epoch = step // per_epoch
        left = per_epoch - step % per_epoch
        losses, mean = machine.advance(left if by_epoch else 1, stop_at_nonfinite=stop_at_nonfinite)
        state = before if by_epoch and mean is None else machine.state()
        if not by_epoch:
            yield StepEvent(step, epoch, losses[0], before, state, course.replay, machine.engine)
        if mean is not None:
            yield EpochEvent(epoch, mean, state, machine.engine, machine.penalty)
        if stop_at_nonfinite and not np.isfinite(losses[-1]).any():
            return
        before = state
