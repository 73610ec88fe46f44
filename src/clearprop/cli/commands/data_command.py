"""`clearprop data`: a table's columns at a glance, before a network is trained on them."""

from dataclasses import replace

from clearprop.base import messages
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Takes
from clearprop.cli.status import DONE


def run(given: Arguments) -> int:
    """Show the columns on standard output; returns the exit status."""
    file = given.required_operand("data_no_file")
    encoding, categories = given.text("--encoding"), given.names("--categories")
    language = given.language()

    from clearprop.cli.delivery import show
    from clearprop.cli.piped_tables import PIPE, table_file
    from clearprop.data.reading import read_table
    from clearprop.runs.data_summary import summarise

    with table_file(file, "data -") as path:
        table = read_table(path, encoding=encoding, categories=categories)
    if file == PIPE:
        table = replace(table, source=messages.text(language, "cli.standard_input"))
    found = summarise(table)
    show(found, language, as_json=given.given("--json"))
    return DONE


COMMAND = Command(
    "data",
    run,
    (options.ENCODING, options.CATEGORIES, options.JSON, options.LANG),
    operand=Takes.FILE,
)
