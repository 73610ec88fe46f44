"""Messages of a lesson: one that is opened, and what is answered or done in it."""

from collections.abc import Mapping
from typing import Any

from clearprop.lab.lab_state import Answers, LabState
from clearprop.lab.lesson_marks import Reached


def _lesson(state: LabState, given: Mapping[str, Any]) -> Answers:
    if given["name"] is None:
        # What was built in it stays, to be played with.
        yield state.lessons.leave()
        return
    problem = state.lessons.begin(given["name"])
    state.own_data, state.table, state.checked = problem.data, None, ""
    state.begin(problem)
    yield from state.all()


def _task(state: LabState, given: Mapping[str, Any]) -> Answers:
    selected = None if state.selection is None else state.selection["address"]
    planted = state.run.planted
    reached = Reached(
        loss=state.view().step.value,
        selected=selected or "",
        checked=state.checked,
        found=planted is not None and not state.run.hidden,
    )
    yield state.lessons.mark(given["part"], given["text"], reached, state.language)


HANDLERS = {"lesson": _lesson, "task": _task}
