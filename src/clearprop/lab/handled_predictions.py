"""Messages of predicting: blanks instead of numbers, and what was filled in."""

from collections.abc import Mapping
from typing import Any

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.lab.answer_sheet import sheet_of
from clearprop.lab.blanks import AskedBlank, asked_next
from clearprop.lab.lab_state import Answers, LabState, say
from clearprop.teaching.exercises.sheet import TOLERANCE
from clearprop.teaching.grading.answer_mistakes import likely_mistake
from clearprop.teaching.grading.marking import read_number

# A wrong answer that is off by no more than this part is nearly right: somebody rounded too early.
NEARLY = 0.02
# A number that is 0 but for rounding.
SMALLEST = 1e-12


def _blank(state: LabState, given: Mapping[str, Any]) -> Answers:
    state.predicting = given["on"]
    yield state.blanks()


def _answer(state: LabState, given: Mapping[str, Any]) -> Answers:
    name, text = given["blank"], given["text"]
    found = {one.name: one for one in asked_next(state.view(), state.phases_done)}
    if name not in found:
        raise ConfigurationError("lab_blank_unknown", name=name[:60])
    asked = found[name]
    answer, value = read_number(text), asked.blank.value
    if answer is not None and name not in state.answered:
        state.answered[name] = (asked, text)
        state.right += is_right(answer, value)
    outcome = _outcome(text, answer, value)
    if outcome == "right":
        state.solved.add(name)
    yield {
        "type": "mark",
        "of": "blank",
        "name": name,
        "outcome": outcome,
        "says": say(
            state.language, f"session.mark.{outcome}", symbol=asked.symbol, value=brief(value)
        ),
        "mistake": _mistake(state, asked, answer) if outcome == "wrong" else None,
        "right": state.right,
        "asked": len(state.answered),
    }
    yield state.blanks()


def is_right(answer: float, value: float) -> bool:
    """Whether an answer counts as the value. The tolerance is that of the exercises, but for small
    numbers, which in a sheet there are none of: there it is as large a part of the number."""
    return abs(answer - value) <= TOLERANCE * abs(value) + SMALLEST


def _outcome(text: str, answer: float | None, value: float) -> str:
    if answer is None:
        return "unreadable" if text.strip() else "missing"
    if is_right(answer, value):
        return "right"
    return "near" if abs(answer - value) <= NEARLY * abs(value) else "wrong"


def _mistake(state: LabState, asked: AskedBlank, answer: float | None) -> str | None:
    """What would give the wrong number, where that is known."""
    if answer is None:
        return None
    sheet = sheet_of([asked], state.view().step)
    found = likely_mistake(sheet, asked.blank, answer, asked.given, is_right)
    if found is None:
        return None
    return messages.text(state.language, f"grading.mistake.{found.value}")


HANDLERS = {"blank": _blank, "answer": _answer}
