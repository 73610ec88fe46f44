"""What was predicted as an exercise with its answers, which `clearprop grade` takes."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from clearprop.engine.step import Step
from clearprop.lab.blanks import AskedBlank
from clearprop.teaching.exercises.expressions import Expression, Name, rebuilt
from clearprop.teaching.exercises.forms import answers_json, key_json
from clearprop.teaching.exercises.sheet import Exercise, Given
from clearprop.teaching.exercises.small_network import SmallNetwork
from clearprop.teaching.exercises.students import Student


def sheet_of(asked: Sequence[AskedBlank], step: Step) -> Exercise:
    """An exercise of what was asked. Its numbers are those of the blanks alone: the network that
    stands with it has the samples' count and nothing else of the one on the page."""
    givens: dict[str, float] = {}
    blanks = []
    for number, one in enumerate(asked):
        # Of two blanks each has its own w₁₁.
        mark = f" #{number}" if number else ""
        givens |= {f"{name}{mark}": value for name, value in one.given.items()}
        blanks.append(replace(one.blank, formula=_marked(one.blank.formula, mark)))
    code = hashlib.sha256("/".join(one.name for one in asked).encode()).hexdigest()[:8].upper()
    rows = ((0.0,),) * step.samples
    network = SmallNetwork(
        activations=("",), weights=(((1.0,),),), biases=((0.0,),), x=rows, t=rows, rate=1.0
    )
    return Exercise(
        topic="step",
        level=1,
        variant=f"lab-{code}",
        network=network,
        givens=tuple(Given(name, name, value) for name, value in givens.items()),
        blanks=tuple(blanks),
    )


def _marked(formula: Expression, mark: str) -> Expression:
    if isinstance(formula, Name):
        return Name(f"{formula.name}{mark}")
    return rebuilt(formula, lambda part: _marked(part, mark))


class SheetFile(NamedTuple):
    """A file of an exercise; `variant` is what its key has to be called."""

    variant: str
    content: str


def answer_files(
    answered: Sequence[tuple[AskedBlank, str]], step: Step, language: str
) -> tuple[SheetFile, SheetFile]:
    """The answers as a hand-in, and the key that marks them, for the folder `key`."""
    sheet = sheet_of([asked for asked, _ in answered], step)
    student = Student(language)
    texts = {asked.name: text for asked, text in answered}
    return (
        SheetFile(sheet.variant, answers_json(sheet, student, texts).decode()),
        SheetFile(sheet.variant, key_json(sheet, student).decode()),
    )
