"""`clearprop diagram`: a picture of one step of a saved network."""

import sys
from dataclasses import dataclass
from pathlib import Path

from clearprop.base import messages
from clearprop.cli.output import chosen_format, deliver
from clearprop.cli.saved import saved_step
from clearprop.cli.status import DONE
from clearprop.drawing import Scene, drawable_language, png, svg
from clearprop.reading.explanation.diagrams import draw, known_kind

FORMATS = {"svg": ".svg", "png": ".png", "html": ".html"}


@dataclass(frozen=True)
class Order:
    """What is to be drawn, of what. `kind` None leaves the choice to the diagrams."""

    file: Path
    data: Path | None
    target: str | None
    sample: int | None
    kind: str | None
    neuron: str | None
    format: str | None

    def __post_init__(self) -> None:
        if self.kind is not None:
            # A kind that does not exist is refused before the file is read.
            known_kind(self.kind)


def diagram(order: Order, out: Path | None, language: str) -> int:
    """Draw it on standard output, or into the file `out`; returns the exit status."""
    form = chosen_format(order.format, out, FORMATS)
    step = saved_step(order.file, order.data, order.target)

    def drawn(language: str) -> Scene:
        return draw(step, order.kind, sample=order.sample, neuron=order.neuron, language=language)

    content: str | bytes
    if form == "png":
        labels = drawable_language(language)
        if labels != language:
            sys.stderr.write(messages.text(language, "drawing.font_missing") + "\n")
        content = png(drawn(labels))
    elif form == "html":
        from clearprop.teaching.reports.explanation_pages import diagram_page

        content = diagram_page(drawn(language), language)
    else:
        content = svg(drawn(language), standalone=True).rstrip()
    inputs = tuple(path for path in (order.file, order.data) if path is not None)
    deliver(content, out, "cli.diagram.written", language, inputs=inputs)
    return DONE
