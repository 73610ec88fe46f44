"""`clearprop diagram`: a picture of one step of a saved network."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from clearprop.drawing import Scene

FORMATS = {"svg": ".svg", "png": ".png", "pdf": ".pdf", "html": ".html"}
KINDS = (
    "network_forward",
    "forward_factors",
    "network_backward",
    "neuron",
    "reversed_neuron",
    "paths",
    "sample",
    "inside",
    "unrolled",
    "channels",
    "kernel",
    "neuron_forward",
    "hidden_neuron",
    "output_cases",
)


def run(given: Arguments) -> int:
    """Draw it on standard output, or into the file `--out`; returns the exit status."""
    file = Path(given.required_operand("diagram_no_file"))
    sample = given.whole("--sample", None, least=0)
    kind, neuron, weight = given.text("--kind"), given.text("--neuron"), given.text("--weight")

    units, times = _units(given.text("--unit")), _times(given.text("--times"))

    from clearprop.cli.delivery import chosen_format, deliver
    from clearprop.cli.saved_networks import opened
    from clearprop.drawing import drawable_language, pdf, png, svg
    from clearprop.reading.explanation.named_diagrams import draw, known_kind

    if kind is not None:
        # A kind that does not exist is refused before the file is read.
        known_kind(kind)
    out, language = given.path("--out"), given.language()
    form = chosen_format(given.text("--format"), out, FORMATS)
    step, _, inputs = opened(given, file)

    def drawn(language: str) -> "Scene":
        return draw(
            step,
            kind,
            sample=sample,
            neuron=neuron,
            weight=weight,
            units=units,
            times=times,
            language=language,
        )

    content: str | bytes
    if form in ("png", "pdf"):
        labels = drawable_language(language)
        if labels != language:
            sys.stderr.write(messages.text(language, "drawing.font_missing") + "\n")
        content = (pdf if form == "pdf" else png)(drawn(labels))
    elif form == "html":
        from clearprop.teaching.reports.explanation_pages import diagram_page

        content = diagram_page(drawn(language), language)
    else:
        content = svg(drawn(language), standalone=True).rstrip()
    deliver(content, out, "cli.diagram.written", language, inputs=inputs)
    return DONE


def _units(text: str | None) -> tuple[int, ...]:
    """Which units of a layer through time: `3`, or several with commas between."""
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigurationError("diagram_unit", text=text)
    return tuple(dict.fromkeys(map(int, parts)))


def _times(text: str | None) -> tuple[int | None, int | None] | None:
    """Which times: `2:7` as a slice, either end of which may be left out; `2` is that one alone."""
    if text is None:
        return None
    first, colon, behind = (part.strip() for part in text.partition(":"))
    if not all(part.isdecimal() or (colon and not part) for part in (first, behind or first)):
        raise ConfigurationError("diagram_times", text=text)
    if not colon:
        return int(first), int(first) + 1
    return (int(first) if first else None), (int(behind) if behind else None)


COMMAND = Command(
    "diagram",
    run,
    (
        Option("--kind", words=KINDS),
        options.NEURON,
        options.WEIGHT,
        options.SAMPLE,
        Option("--unit"),
        Option("--times"),
        options.DATA,
        options.TARGET,
        options.KINDS,
        options.format_option(*FORMATS),
        options.OUT_FILE,
        options.LANG,
    ),
    operand=Takes.FILE,
)
