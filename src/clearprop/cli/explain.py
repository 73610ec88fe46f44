"""`clearprop explain`: one step of a saved network, for a weight, a neuron or a sample."""

from dataclasses import dataclass
from pathlib import Path

from clearprop.base.errors import ConfigurationError
from clearprop.cli.output import chosen_format, deliver
from clearprop.cli.saved import saved_step
from clearprop.cli.status import DONE
from clearprop.engine.addresses import neuron_address
from clearprop.engine.step import Step
from clearprop.engine.wires import INPUT
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.explanation.reading import Readable

FORMATS = {"text": ".txt", "latex": ".tex", "svg": ".svg", "html": ".html", "json": ".json"}


@dataclass(frozen=True)
class Question:
    """What is asked: a weight or a neuron, for one sample where that is given, or a sample alone.

    Raises ConfigurationError where nothing is asked, or two things at once.
    """

    file: Path
    data: Path | None
    target: str | None
    weight: str | None
    neuron: str | None
    sample: int | None
    depth: int
    format: str | None

    def __post_init__(self) -> None:
        if self.weight is not None and self.neuron is not None:
            raise ConfigurationError("explain_two_questions")
        if self.weight is None and self.neuron is None and self.sample is None:
            raise ConfigurationError("explain_no_question")


def explain(question: Question, out: Path | None, language: str) -> int:
    """Answer on standard output, or in the file `out`; returns the exit status."""
    form = chosen_format(question.format, out, FORMATS)
    step = saved_step(question.file, question.data, question.target)
    answer = _answer(question, step)
    if form == "json":
        text = answer.to_json()
    elif form == "latex":
        text = answer.latex(language)
    elif form == "svg":
        text = answer.svg(language).rstrip()
    elif form == "html":
        from clearprop.teaching.reports.explanation_pages import explanation_page

        text = explanation_page(answer, step, language)
    else:
        text = answer.text(language)
    inputs = tuple(path for path in (question.file, question.data) if path is not None)
    deliver(text, out, "cli.explain.written", language, inputs=inputs)
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
