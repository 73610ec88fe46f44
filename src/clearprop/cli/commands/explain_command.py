"""`clearprop explain`: one step of a saved network, for a weight, a neuron or a sample."""

from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from clearprop.engine.step import Step
    from clearprop.reading.explanation.readable import Readable

FORMATS = {
    "text": ".txt",
    "latex": ".tex",
    "svg": ".svg",
    "html": ".html",
    "pdf": ".pdf",
    "json": ".json",
}


def run(given: Arguments) -> int:
    """Answer on standard output, or in the file `--out`; returns the exit status."""
    file = Path(given.required_operand("explain_no_file"))
    weight, neuron = given.text("--weight"), given.text("--neuron")
    sample = given.whole("--sample", None, least=0)
    depth = given.whole("--depth", 2)
    if weight is not None and neuron is not None:
        raise ConfigurationError("explain_two_questions")
    if weight is None and neuron is None and sample is None:
        raise ConfigurationError("explain_no_question")
    out, language = given.path("--out"), given.language()

    from clearprop.cli.delivery import chosen_format, deliver
    from clearprop.cli.saved_networks import opened
    from clearprop.cli.terminal import width_of_output

    form = chosen_format(given.text("--format"), out, FORMATS)
    step, _, inputs = opened(given, file)
    answer = _answer(step, weight, neuron, sample, depth)
    content: str | bytes
    if form == "json":
        content = answer.to_json()
    elif form == "latex":
        content = answer.latex(language)
    elif form == "svg":
        content = answer.svg(language).rstrip()
    elif form in ("html", "pdf"):
        from clearprop.teaching.reports.explanation_pages import explanation_page
        from clearprop.teaching.reports.printing import printed

        page = explanation_page(answer, step, language)
        content = printed(page) if form == "pdf" else page
    else:
        width = width_of_output() if out is None else None
        content = answer.text(language) if width is None else answer.text(language, width)
    deliver(content, out, "cli.explain.written", language, inputs=inputs)
    return DONE


def _answer(
    step: "Step", weight: str | None, neuron: str | None, sample: int | None, depth: int
) -> "Readable":
    """What is asked for: a weight or a neuron, for one sample where that is given, or a sample."""
    from clearprop.engine.addresses import neuron_address
    from clearprop.engine.graph import INPUT
    from clearprop.reading import explanation

    if weight is not None:
        return explanation.explain_weight(step, weight, sample=sample, depth=depth)
    if neuron is None:
        return explanation.explain_sample(step, step.check_sample(sample))
    if neuron_address(step, neuron).path == INPUT:
        return explanation.explain_input(step, neuron, sample=sample, depth=depth)
    return explanation.explain_neuron(step, neuron, sample=sample, depth=depth)


COMMAND = Command(
    "explain",
    run,
    (
        options.WEIGHT,
        options.NEURON,
        options.SAMPLE,
        options.DATA,
        options.TARGET,
        options.KINDS,
        Option("--depth"),
        options.format_option(*FORMATS),
        options.OUT_FILE,
        options.LANG,
    ),
    operand=Takes.FILE,
)
