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
    sample, row = given.whole("--sample", None, least=0), given.whole("--row", None, least=0)
    depth = given.whole("--depth", 2)
    if weight is not None and neuron is not None:
        raise ConfigurationError("explain_two_questions")
    if row is not None and any(one is not None for one in (weight, neuron, sample)):
        raise ConfigurationError("explain_row_alone")
    if weight is None and neuron is None and sample is None and row is None:
        raise ConfigurationError("explain_no_question")
    if row is None and given.given("--output"):
        raise ConfigurationError("explain_output_without_row")
    out, language = given.path("--out"), given.language()

    from clearprop.cli.delivery import chosen_format, deliver
    from clearprop.cli.saved_networks import opened
    from clearprop.cli.terminal import width_of_output

    form = chosen_format(given.text("--format"), out, FORMATS)
    if row is not None:
        return _explain_row(given, file, row, form)
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


def _explain_row(given: Arguments, file: Path, row: int, form: str) -> int:
    """Which columns made the prediction of one row: of `--data`, or of those kept with the
    model."""
    if form == "latex":
        raise ConfigurationError("explain_row_latex")
    data, out, language = given.path("--data"), given.path("--out"), given.language()

    from clearprop.cli.delivery import deliver
    from clearprop.cli.saved_networks import tell
    from clearprop.cli.terminal import width_of_output
    from clearprop.runs.explained_rows import explain_row_of

    answer, notes = explain_row_of(file, data, row, given.text("--output"))
    tell(notes, language)
    content: str | bytes
    if form == "json":
        content = answer.to_json()
    elif form == "svg":
        content = answer.svg(language).rstrip()
    elif form in ("html", "pdf"):
        from clearprop.teaching.reports.explanation_pages import row_page
        from clearprop.teaching.reports.printing import printed

        page = row_page(answer, language)
        content = printed(page) if form == "pdf" else page
    else:
        content = answer.text(language, width_of_output() if out is None else None)
    deliver(content, out, "cli.explain.written", language, inputs=(file, data))
    return DONE


def _answer(
    step: "Step", weight: str | None, neuron: str | None, sample: int | None, depth: int
) -> "Readable":
    """What is asked for: a weight, a neuron or a number inside a layer, for one sample where that
    is given, or a sample."""
    from clearprop.engine.addresses import InnerAddress, number_address
    from clearprop.engine.graph import INPUT
    from clearprop.reading import explanation

    if weight is not None:
        return explanation.explain_weight(step, weight, sample=sample, depth=depth)
    if neuron is None:
        return explanation.explain_sample(step, step.check_sample(sample))
    place = number_address(step, neuron)
    if isinstance(place, InnerAddress):
        return explanation.explain_inside(step, neuron, sample=sample)
    if place.path == INPUT:
        return explanation.explain_input(step, neuron, sample=sample, depth=depth)
    return explanation.explain_neuron(step, neuron, sample=sample, depth=depth)


COMMAND = Command(
    "explain",
    run,
    (
        options.WEIGHT,
        options.NEURON,
        options.SAMPLE,
        Option("--row"),
        Option("--output"),
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
