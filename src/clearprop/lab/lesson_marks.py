"""What a lesson asks, worked out: where it begins, the right numbers, and the marks.

The numbers of a lesson are those of its own network before training, whatever a person has done
with it since; only what is to be done is looked for in their session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import ClearpropError, DamagedFileError
from clearprop.base.numbers import brief
from clearprop.engine.addresses import neuron_address, parameter_address
from clearprop.engine.step import Step, take_step
from clearprop.lab.lab_recipe import Problem, problem_of
from clearprop.lab.lesson_files import FILE, Asked, Goal, Lesson, LessonPart, in_language
from clearprop.teaching.exercises.sheet import is_near
from clearprop.teaching.grading.marking import read_number

# An answer that is off by no more than this part of the right one is nearly right.
_NEARLY = 0.05


@dataclass(frozen=True)
class Reached:
    """What a session has come to: what goals are held against.

    loss      L at the end of the branch that is shown
    selected  the address of the selection
    checked   the outcome of the last backward that was pasted; "" before one was
    found     whether a planted mistake was found
    """

    loss: float | None = None
    selected: str = ""
    checked: str = ""
    found: bool = False


def lesson_problem(lesson: Lesson) -> Problem:
    """Where the lesson begins. Raises what its recipe and its values are refused with."""
    problem = problem_of(lesson.recipe, lesson.data)
    if not lesson.values:
        return problem
    step = _first_step(problem)
    arrays = {
        path: np.array(one) for path, one in step.forward.network.named(step.forward.params).items()
    }
    for text, value in lesson.values.items():
        address = parameter_address(step, text)
        arrays[address.path][address.index] = value
    params = problem.network.replace(problem.first.params, arrays)
    return replace(problem, first=problem.first._replace(params=params))


def require_sound(lesson: Lesson, folder: Path) -> Problem:
    """Where the lesson begins, after everything in it was tried once. Raises DamagedFileError, with
    the place, for a recipe, value, address or question that cannot be."""
    place = "recipe"
    try:
        problem = lesson_problem(lesson)
        step = _first_step(problem)
        for number, part in enumerate(lesson.parts, 1):
            place = f"parts[{number}]"
            if part.ask is not None:
                right = _number(part.ask, step, 0.0)
                for slip in part.slips:
                    _number(slip.asked, step, right)
            if part.goal is not None and part.goal.selected:
                parameter_address(step, part.goal.selected)
    except ClearpropError as problem_found:
        raise DamagedFileError(
            "lesson_refused", path=folder / FILE, place=place, problem=problem_found
        ) from problem_found
    return problem


def lesson_content(lesson: Lesson, language: str) -> dict[str, Any]:
    """The lesson as a page shows it, in one language."""
    return {
        "title": in_language(lesson.titles, language),
        "parts": [_part_told(one, language) for one in lesson.parts],
    }


def mark_part(
    lesson: Lesson, number: int, text: str | None, reached: Reached, language: str
) -> dict[str, Any]:
    """The mark of one part, as fields of `mark`: of an answer, or of what is to be done.

    Raises DamagedFileError for a part that asks nothing, or that the lesson does not have.
    """
    part = lesson.parts[number] if 0 <= number < len(lesson.parts) else None
    if part is not None and part.ask is not None:
        outcome, says = _mark_answer(lesson, part, text, language)
    elif part is not None and part.goal is not None:
        outcome = "right" if _is_reached(part.goal, reached) else "missing"
        says = _goal_says(part.goal, reached, outcome, language)
    else:
        raise DamagedFileError("lesson_asks_nothing", number=number + 1)
    return {"name": str(number), "outcome": outcome, "says": says}


def _mark_answer(
    lesson: Lesson, part: LessonPart, text: str | None, language: str
) -> tuple[str, str]:
    if text is None or not text.strip():
        return "missing", messages.text(language, "lessons.answer.missing")
    answer = read_number(text)
    if answer is None:
        return "unreadable", messages.text(language, "lessons.answer.unreadable")
    step = _first_step(lesson_problem(lesson))
    assert_asked = part.ask or Asked()
    right = _number(assert_asked, step, 0.0)
    if is_near(answer, right):
        return "right", messages.text(language, "lessons.answer.right", number=brief(right))
    for slip in part.slips:
        if is_near(answer, _number(slip.asked, step, right)):
            return "wrong", in_language(slip.texts, language)
    if is_near(answer, -right):
        return "wrong", messages.text(language, "lessons.answer.sign")
    if abs(answer - right) <= _NEARLY * abs(right):
        return "near", messages.text(language, "lessons.answer.near")
    return "wrong", messages.text(language, "lessons.answer.wrong")


def _number(asked: Asked, step: Step, right: float) -> float:
    if asked.number is not None:
        return float(asked.number)
    if asked.factor is not None:
        return asked.factor * right
    if asked.of in ("value", "signal"):
        address = neuron_address(step, asked.address)
        backward = step.backward
        array = (
            step.forward.value(address.path)
            if asked.of == "value"
            else backward.gradient_at(address.path)
        )
        return float(np.asarray(array)[(_sample(asked, step), *address.index)])
    if asked.of in ("parameter", "gradient", "updated"):
        address = parameter_address(step, asked.address)
        flat = {
            "parameter": step.forward.params,
            "gradient": step.backward.gradient,
            "updated": step.stepped,
        }[asked.of]
        return float(step.forward.network.named(np.asarray(flat))[address.path][address.index])
    if asked.of == "cost":
        return step.cost(_sample(asked, step))
    if asked.of == "loss":
        return step.value
    after = step.forward.network.forward(np.asarray(step.stepped), step.forward.input).output
    return float(step.loss.evaluate(after, step.target).value)


def _sample(asked: Asked, step: Step) -> int:
    if asked.sample >= step.samples:
        raise DamagedFileError("lesson_sample", sample=asked.sample, last=step.samples - 1)
    return asked.sample


def _first_step(problem: Problem) -> Step:
    first = problem.first
    return take_step(
        problem.network,
        first.params,
        problem.data.x,
        problem.target,
        loss=problem.loss,
        optimizer=problem.optimizer,
        state=first.optimizer,
        layer_state=first.layers or None,
        seed=first.seed,
    )


def _is_reached(goal: Goal, reached: Reached) -> bool:
    if goal.loss_below is not None:
        return reached.loss is not None and reached.loss < goal.loss_below
    if goal.selected:
        return reached.selected == goal.selected
    if goal.checked:
        return reached.checked == goal.checked
    return reached.found


def _goal_says(goal: Goal, reached: Reached, outcome: str, language: str) -> str:
    name = next(name for name, value in goal._asdict().items() if value)
    key = f"lessons.goal.{name}.{outcome}"
    loss = "—" if reached.loss is None else brief(reached.loss)
    return messages.text(language, key, most=goal.loss_below, loss=loss)


def _part_told(part: LessonPart, language: str) -> dict[str, Any]:
    told: Mapping[str, Any] = {
        "kind": part.kind,
        "paragraphs": [one.strip() for one in in_language(part.texts, language).split("\n\n")],
        "formulas": list(part.formulas),
        "code": part.code or None,
        "at": None if part.step is None else {"step": part.step, "phase": part.phase},
        "select": part.select,
        "asks": part.ask is not None,
        "goal": next((k for k, v in part.goal._asdict().items() if v), None) if part.goal else None,
    }
    return dict(told)
