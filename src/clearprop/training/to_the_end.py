"""A training run to its end, without its events: what `fit` and `fit_many` do."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from clearprop.base.arrays import Array
from clearprop.training.events import StepEvent, Training, TrainingInterrupted
from clearprop.training.interruption import Interruption, ctrl_c_noted
from clearprop.training.machine import CALL_SECONDS, Machine
from clearprop.training.preparing import Prepared

# What is called with the steps that are done and those of the whole training.
Progress = Callable[[int, int], object]


def run_to_the_end(
    prepared: Prepared, *, stop_at_nonfinite: bool = False, progress: Progress | None = None
) -> Training:
    """Take all steps. Raises TrainingInterrupted after Ctrl-C."""
    with ctrl_c_noted() as noted:
        if prepared.machine is not None:
            return _by_machine(prepared.machine, noted, stop_at_nonfinite, progress)
        return _by_numpy(prepared, noted, stop_at_nonfinite, progress)


def _by_machine(
    machine: Machine, noted: Interruption, stop_at_nonfinite: bool, progress: Progress | None
) -> Training:
    losses: list[Array] = [np.empty((0, *machine.shape), machine.dtype)]
    while machine.step < machine.last:
        left = machine.last - machine.step
        losses.append(machine.advance(left, stop_at_nonfinite=stop_at_nonfinite)[0])
        if progress is not None:
            progress(machine.step, machine.last)
        if noted.asked:
            raise TrainingInterrupted(_done(losses, machine))
        if stop_at_nonfinite and not np.isfinite(losses[-1][-1]).any():
            break
    return _done(losses, machine)


def _done(losses: list[Array], machine: Machine) -> Training:
    return Training(np.concatenate(losses), machine.state(last=True), machine.engine)


def _by_numpy(
    prepared: Prepared, noted: Interruption, stop_at_nonfinite: bool, progress: Progress | None
) -> Training:
    course, state, engine, _ = prepared
    losses = []
    last, told = course.epochs * course.steps_per_epoch, perf_counter()
    for event in prepared.events(stop_at_nonfinite=stop_at_nonfinite):
        state = event.state
        if not isinstance(event, StepEvent):
            continue
        losses.append(event.loss)
        if progress is not None and (perf_counter() - told > CALL_SECONDS or state.step == last):
            progress(state.step, last)
            told = perf_counter()
        # An epoch's last step has its sums at 0 already: any step is a whole one.
        if noted.asked:
            raise TrainingInterrupted(Training(np.array(losses), state, engine))
    return Training(np.array(losses), state, engine)
