"""`clearprop data`: a table's columns at a glance, before a network is trained on them."""

import sys

from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Takes
from clearprop.cli.status import DONE


def run(given: Arguments) -> int:
    """Show the columns on standard output; returns the exit status."""
    file = given.required_operand("data_no_file")
    encoding, categories = given.text("--encoding"), given.names("--categories")
    language = given.language()

    from clearprop.cli.terminal import width_of_output, write
    from clearprop.data.reading import read_table
    from clearprop.runs.data_summary import summarise

    found = summarise(read_table(file, encoding=encoding, categories=categories))
    if given.given("--json"):
        sys.stdout.write(f"{found.to_json()}\n")
    else:
        write(found.text(language, width_of_output()))
    return DONE


COMMAND = Command(
    "data",
    run,
    (options.ENCODING, options.CATEGORIES, options.JSON, options.LANG),
    operand=Takes.FILE,
)
