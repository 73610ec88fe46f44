"""`clearprop health`: what is wrong with a saved network in training, and what to try."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.base.writing import write_whole
from clearprop.cli.plain import write
from clearprop.cli.saved import saved_training
from clearprop.cli.status import DONE, FOUND
from clearprop.drawing import drawable_language, png, svg
from clearprop.reading.health import Examination, examine, signals_picture

FORMATS = ("text", "json")
PICTURES = (".svg", ".png")


@dataclass(frozen=True)
class Question:
    """What is to be examined, and how the answer is given.

    Raises ConfigurationError for a format that does not exist, and for a picture of another kind.
    """

    file: Path
    data: Path | None
    target: str | None
    learning_rate: float | None
    format: str
    plot: Path | None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ConfigurationError("format_unknown", name=self.format, known=known)
        if self.plot is not None and self.plot.suffix.lower() not in PICTURES:
            raise ConfigurationError("picture_format", path=self.plot)


def health(question: Question, language: str) -> int:
    """Examine, and answer on standard output; returns the exit status."""
    # Numbers that are not finite are looked for, not warned of.
    with np.errstate(all="ignore"):
        saved = saved_training(question.file, question.data, question.target, finite=False)
    found = examine(saved.step, start=saved.start, learning_rate=question.learning_rate)
    if question.plot is not None:
        write_whole(question.plot, _picture(found, question.plot, language))
    if question.format == "json":
        sys.stdout.write(f"{found.to_json()}\n")
    else:
        write(found.text(language))
        if question.plot is not None:
            write("\n" + messages.text(language, "cli.health.written", path=question.plot))
    return DONE if found.healthy else FOUND


def _picture(found: Examination, path: Path, language: str) -> bytes:
    if path.suffix.lower() == ".svg":
        return svg(signals_picture(found.signals, language), standalone=True).encode()
    # matplotlib draws the text itself, and may have no font for Chinese.
    return png(signals_picture(found.signals, drawable_language(language)))
