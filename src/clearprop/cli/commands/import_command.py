"""`clearprop import`: a network out of another program's file, saved as one of ours."""

import sys
from pathlib import Path

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE


def run(given: Arguments) -> int:
    """Write the saved network; returns the exit status."""
    file = Path(given.required_operand("import_no_file"))
    out, language, told = given.path("--out"), given.language(), given.text("--network")
    if out is None:
        raise ConfigurationError("import_no_out")

    from clearprop.cli.delivery import require_ending, require_other_file
    from clearprop.cli.foreign_files import read_foreign, table_in
    from clearprop.formats import network_file as files

    require_ending(out, (".safetensors",))
    require_other_file(out, (file,))
    model = table_in(file)
    if model is not None:
        model.save(out)
        saved = files.load(out)
    else:
        saved = read_foreign(file, told)
        files.save(
            out,
            saved.network,
            saved.params,
            loss=saved.loss,
            state=saved.state or None,
            classes=saved.classes,
        )
    sentence = messages.text(
        language,
        "cli.import.written",
        path=out,
        layers=len(saved.network.graph.nodes),
        count=f"{saved.params.size:,}",
    )
    sys.stdout.write(f"{sentence}\n")
    return DONE


COMMAND = Command(
    "import",
    run,
    (Option("--network"), options.OUT_FILE, options.LANG),
    operand=Takes.FILE,
)
