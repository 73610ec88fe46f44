"""`clearprop explain`: one step of a saved network, for a weight, a neuron or a sample."""

import sys
from dataclasses import dataclass
from pathlib import Path

from clearprop import messages
from clearprop.cli.saved import saved_step
from clearprop.cli.status import DONE
from clearprop.errors import ConfigurationError
from clearprop.explanation import (
    Step,
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.explanation.addresses import neuron_address
from clearprop.explanation.reading import Readable
from clearprop.explanation.wires import INPUT
from clearprop.writing import write_whole

FORMATS = ("text", "latex", "json")


@dataclass(frozen=True)
class Question:
    """What is asked: a weight or a neuron, for one sample where that is given, or a sample alone.

    Raises ConfigurationError where nothing is asked, or two things at once, and for a format that
    does not exist.
    """

    file: Path
    data: Path | None
    target: str | None
    weight: str | None
    neuron: str | None
    sample: int | None
    depth: int
    format: str

    def __post_init__(self) -> None:
        if self.weight is not None and self.neuron is not None:
            raise ConfigurationError("explain_two_questions")
        if self.weight is None and self.neuron is None and self.sample is None:
            raise ConfigurationError("explain_no_question")
        if self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ConfigurationError("format_unknown", name=self.format, known=known)


def explain(question: Question, out: Path | None, language: str) -> int:
    """Answer on standard output, or in the file `out`; returns the exit status."""
    answer = _answer(question, saved_step(question.file, question.data, question.target))
    if question.format == "json":
        text = answer.to_json()
    elif question.format == "latex":
        text = answer.latex(language)
    else:
        text = answer.text(language)
    if out is None:
        sys.stdout.write(f"{text}\n")
    else:
        write_whole(out, f"{text}\n".encode())
        sys.stdout.write(messages.text(language, "cli.explain.written", path=out) + "\n")
    return DONE


def _answer(question: Question, step: Step) -> Readable:
    sample, depth = question.sample, question.depth
    if question.weight is not None:
        return explain_weight(step, question.weight, sample=sample, depth=depth)
    if question.neuron is not None:
        if neuron_address(step, question.neuron).path == INPUT:
            return explain_input(step, question.neuron, sample=sample, depth=depth)
        return explain_neuron(step, question.neuron, sample=sample, depth=depth)
    # The question asks for one of the three.
    return explain_sample(step, step.check_sample(sample))
