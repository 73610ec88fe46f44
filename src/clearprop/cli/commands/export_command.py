"""`clearprop export`: a saved network as another program's file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from clearprop.formats.network_contents import SavedNetwork

SUFFIXES = {"onnx": ".onnx", "torch": ".pt", "safetensors": ".safetensors", "numpy": ".py"}


def run(given: Arguments) -> int:
    """Write the file; returns the exit status."""
    file = Path(given.required_operand("export_no_file"))
    out, language, own = given.path("--out"), given.language(), given.path("--kinds")
    opset = given.whole("--opset", None)
    asked = given.text("--to")
    if asked is None and (out is None or out.suffix.lower() not in SUFFIXES.values()):
        raise ConfigurationError("export_no_format", known=", ".join(SUFFIXES))

    from clearprop.cli.delivery import chosen_format, deliver
    from clearprop.cli.foreign_files import exported
    from clearprop.cli.saved_networks import load_with, tell
    from clearprop.runs.run_folder import model_path

    file = model_path(file)
    to = chosen_format(asked, out, SUFFIXES)
    if opset is not None and to != "onnx":
        raise ConfigurationError("export_opset", format=to)
    saved = load_with(file, own)
    if to == "numpy":
        return _program(saved, file, out, language)
    content, notices = exported(saved, file, to, opset=opset)
    tell(notices, language)
    deliver(content, out, "cli.export.written", language, inputs=(file, own))
    return DONE


def _program(saved: "SavedNetwork", file: Path, out: Path | None, language: str) -> int:
    """Write the program that predicts, and beside it, where there are many, its numbers."""
    from clearprop.cli.foreign_files import table_form_in
    from clearprop.reading.programs import beside, save_composed
    from clearprop.reading.programs.prediction import compose_prediction

    form = table_form_in(saved, file)
    if out is None:
        sys.stdout.write(compose_prediction(saved, form, language=language).text)
        return DONE
    numbers = beside(out).name
    made = compose_prediction(saved, form, language=language, name=out.name, beside=numbers)
    for path in save_composed(out, made):
        sys.stdout.write(messages.text(language, "cli.export.written", path=path) + "\n")
    return DONE


COMMAND = Command(
    "export",
    run,
    (
        Option("--to", words=tuple(SUFFIXES)),
        Option("--opset"),
        options.KINDS,
        options.OUT_FILE,
        options.LANG,
    ),
    operand=Takes.FILE,
)
