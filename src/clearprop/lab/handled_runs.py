"""Messages that build, run, stop, go to another step, and branch."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import freeze
from clearprop.base.errors import ConfigurationError
from clearprop.engine.addresses import parameter_address
from clearprop.lab.branch_run import Origin
from clearprop.lab.lab_recipe import Problem, changed, problem_of
from clearprop.lab.lab_state import Answers, LabState
from clearprop.lab.moments import StepView
from clearprop.lab.moves import Move, moved, moved_point
from clearprop.training.events import TrainingState

# A way back that takes longer goes on in `go_on`.
AT_ONCE = 0.02


def go_on(state: LabState, deadline: float) -> Answers:
    """Go on until the deadline with a way to another step, or with the run."""
    if state.seek is not None:
        yield from _found(state, deadline)
    elif state.running:
        yield from _run_on(state, deadline)


def _build(state: LabState, given: Mapping[str, Any]) -> Answers:
    state.begin(problem_of(given["recipe"], state.own_data))
    yield from state.all()


def _run(state: LabState, given: Mapping[str, Any]) -> Answers:
    rate = given["rate"]
    if rate is not None and not rate > 0:
        raise ConfigurationError("lab_rate", value=rate)
    state.start_running(rate)
    if state.running:
        yield {"type": "running", "rate": rate}
    else:
        yield state.paused()


def _frame(state: LabState, given: Mapping[str, Any]) -> Answers:
    # Of a run that stands the newest picture is there already.
    if state.running:
        yield from state.picture()


def _pause(state: LabState, given: Mapping[str, Any]) -> Answers:
    was_running, state.running = state.running, False
    yield state.paused()
    if was_running:
        yield from state.picture()
        yield state.branches_told()


def _go(state: LabState, given: Mapping[str, Any]) -> Answers:
    run = state.branch(given["branch"])
    # The newest one wins: the way to an older one is left.
    state.running = False
    state.shown = run.name
    if given["step"] > run.steps:
        # Behind the last step that was taken there is the next one.
        run.advance(run.steps + 1, float("inf"))
        yield from state.curves()
        yield state.branches_told()
    state.seek = (given["id"], given["phase"], run.seek(given["step"]))
    yield from _found(state, time.monotonic() + AT_ONCE)


def _found(state: LabState, deadline: float) -> Answers:
    """The moment that is sought, once it is there."""
    if state.seek is None:
        return
    answers, phase, seek = state.seek
    if not seek.advance(deadline):
        return
    state.show(state.run, seek.step, phase)
    state.settle(seek.state)
    for one in state.moment():
        yield {**one, "answers": answers}
    if state.selection is not None:
        yield state.why(state.selection)


def _run_on(state: LabState, deadline: float) -> Answers:
    run = state.run
    until = None
    if state.rate is not None:
        due = int((time.monotonic() - state.since) * state.rate)
        until = run.steps + max(due - state.taken, 0)
    before = run.steps
    run.advance(until, deadline)
    state.taken += run.steps - before
    beside = None if run.beside is None else state.branches.get(run.beside)
    if beside is not None:
        # The right backward runs along, so that the two curves can be seen beside each other.
        beside.advance(max(run.steps, beside.steps), math.inf)
    if state.rate is not None and run.steps == before:
        # Nothing is due: whoever calls must not spin.
        time.sleep(max(0.0, min(deadline - time.monotonic(), 1 / state.rate)))
    if run.ended:
        state.running = False
        yield state.paused()
        yield from state.picture()


def _branch(state: LabState, given: Mapping[str, Any]) -> Answers:
    run = state.branch(given["branch"])
    step = given["step"]
    if not run.first_step <= step <= run.steps:
        raise ConfigurationError(
            "lab_step_unknown", step=step, first=run.first_step, last=run.steps
        )
    seek = run.seek(step)
    seek.advance(float("inf"))
    changes = dict(given["changes"])
    values = changes.get("values") or {}
    problem = changed(run.problem, changes, seek.state)
    if values:
        if not isinstance(values, dict):
            raise ConfigurationError("lab_recipe_form", part="values")
        problem = _with_values(problem, state.view(), values)
    state.add_branch(problem, Origin(run.name, step), run.planted, hidden=run.hidden)
    yield state.branches_told()
    yield from state.curves()
    yield from state.moment()


def _with_values(problem: Problem, view: StepView, values: Mapping[str, Any]) -> Problem:
    """The problem with some parameters' entries set to other numbers."""
    params = problem.first.params.copy()
    for address, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise ConfigurationError("lab_value", address=str(address)[:60], value=str(value)[:40])
        place = parameter_address(view.step, address)
        problem.network.layout.view(params, place.path)[place.index] = value
    return replace(problem, first=problem.first._replace(params=freeze(params)))


def _move(state: LabState, given: Mapping[str, Any]) -> Answers:
    move = Move(given["what"], given["address"], given["sample"], float(given["value"]))
    view = state.view()
    yield {"type": "moved", **moved(view, move, state.language)}
    if not given["settled"]:
        return
    at: TrainingState = state.state()
    problem = replace(state.run.problem, first=at)
    if move.what == "point":
        batch = state.run.batch_of(state.step)
        row = move.row if batch is None else int(batch[move.row])
        problem = moved_point(problem, move, row)
    else:
        problem = _with_values(problem, view, {move.address: move.value})
    run = state.run
    state.add_branch(problem, Origin(run.name, state.step), run.planted, hidden=run.hidden)
    yield state.branches_told()
    yield from state.curves()
    yield from state.moment()
    if state.selection is not None:
        yield state.why(state.selection)


HANDLERS = {
    "build": _build,
    "run": _run,
    "frame": _frame,
    "pause": _pause,
    "go": _go,
    "branch": _branch,
    "move": _move,
}
