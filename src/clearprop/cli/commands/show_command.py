"""`clearprop show`: what stands in the file of a saved network, and its numbers' addresses."""

import sys
from pathlib import Path

from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

# What --list takes: what --weight, --neuron and --sample take in turn.
LISTS = ("weight", "neuron", "sample")


def run(given: Arguments) -> int:
    """Show it on standard output; returns the exit status."""
    file = Path(given.required_operand("show_no_file"))
    own, listed, language = given.path("--kinds"), given.text("--list"), given.language()
    if listed is not None and listed not in LISTS:
        raise ConfigurationError("show_list", name=listed, known=", ".join(LISTS))

    from clearprop.cli import saved_summary
    from clearprop.cli.saved_networks import load_with
    from clearprop.cli.terminal import write

    saved = load_with(file, own)
    if listed is not None:
        every = getattr(saved_summary, f"{listed}_addresses")(saved)
        sys.stdout.writelines(f"{address}\n" for address in every)
    elif given.given("--json"):
        sys.stdout.write(f"{saved_summary.summary_in(saved).to_json()}\n")
    else:
        write(saved_summary.summary_text(saved, str(file), language))
    return DONE


COMMAND = Command(
    "show",
    run,
    (
        Option("--list", words=LISTS),
        options.KINDS,
        options.JSON,
        options.LANG,
    ),
    operand=Takes.FILE,
)
