"""`clearprop health`: what is wrong with a saved network in training, and what to try."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE, FOUND

if TYPE_CHECKING:
    from clearprop.reading.health import Examination

FORMATS = ("text", "json")
PICTURES = (".svg", ".png", ".pdf")


def run(given: Arguments) -> int:
    """Examine, and answer on standard output; returns the exit status."""
    file = Path(given.required_operand("health_no_file"))
    rate = given.decimal("--learning-rate", None)
    plot = given.path("--plot")
    form = given.text_or("--format", FORMATS[0])
    if form not in FORMATS:
        raise ConfigurationError("format_unknown", name=form, known=", ".join(FORMATS))
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise ConfigurationError("picture_format", path=plot)
    language = given.language()

    import numpy as np

    from clearprop.base.writing import write_whole
    from clearprop.cli.delivery import require_other_file
    from clearprop.cli.saved_networks import opened
    from clearprop.cli.terminal import width_of_output, write
    from clearprop.reading.health import examine

    # Numbers that are not finite are looked for, not warned of.
    with np.errstate(all="ignore"):
        step, start, inputs = opened(given, file, finite=False)
    found = examine(step, start=start, learning_rate=rate)
    if plot is not None:
        require_other_file(plot, inputs)
        write_whole(plot, _picture(found, plot, language))
    if form == "json":
        sys.stdout.write(f"{found.to_json()}\n")
    else:
        write(found.text(language, width_of_output()))
        if plot is not None:
            write("\n" + messages.text(language, "cli.health.written", path=plot))
    return DONE if found.healthy else FOUND


def _picture(found: "Examination", path: Path, language: str) -> bytes:
    from clearprop.drawing import drawable_language, pdf, png, svg
    from clearprop.reading.health import signals_picture

    if path.suffix.lower() == ".svg":
        return svg(signals_picture(found.signals, language), standalone=True).encode()
    # matplotlib draws the text itself, and may have no font for Chinese.
    scene = signals_picture(found.signals, drawable_language(language))
    return pdf(scene) if path.suffix.lower() == ".pdf" else png(scene)


COMMAND = Command(
    "health",
    run,
    (
        options.DATA,
        options.TARGET,
        options.KINDS,
        options.LEARNING_RATE,
        options.format_option(*FORMATS),
        Option("--plot", takes=Takes.FILE),
        options.LANG,
    ),
    operand=Takes.FILE,
)
