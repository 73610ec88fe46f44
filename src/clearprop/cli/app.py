"""The application: parses arguments, runs the command that they name, and says in our own words
what the parser could not understand."""

from typing import Annotated

import typer
from typer.exceptions import TyperException

import clearprop
from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli.commands import DECLARED
from clearprop.cli.options import NO_HELP_OPTION, help_option
from clearprop.cli.status import DONE, INTERRUPTED


def run(arguments: list[str], language: str) -> int:
    """Parse `arguments` and run the command that they name; returns its exit status.

    Raises ConfigurationError for arguments that cannot be understood.
    """
    command = typer.main.get_command(_build(language))
    try:
        status = command.main(arguments, prog_name="clearprop", standalone_mode=False)
    except TyperException as problem:
        raise _usage(problem) from problem
    if status == INTERRUPTED:
        # The parser turns Ctrl-C into this status; our caller says a sentence for it.
        raise KeyboardInterrupt
    return status if isinstance(status, int) else DONE


def _build(language: str) -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=NO_HELP_OPTION,
    )

    def show_version(asked: bool) -> None:
        if asked:
            typer.echo(f"clearprop {clearprop.__version__}")
            raise typer.Exit

    @app.callback(invoke_without_command=True, context_settings=NO_HELP_OPTION)
    def root(
        context: typer.Context,
        _version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=show_version)
        ] = False,
        _help: Annotated[bool, help_option(language, "root")] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            typer.echo(messages.text(language, "cli.help.root").rstrip())

    for declare in DECLARED:
        declare(app, language)
    return app


def _usage(problem: TyperException) -> ConfigurationError:
    """What the parser could not understand, as a sentence of ours."""
    kind = type(problem).__name__
    option = getattr(problem, "option_name", None)
    if kind == "NoSuchOption":
        context = getattr(problem, "ctx", None)
        command = "clearprop" if context is None else context.command_path
        return ConfigurationError("option_unknown", option=option, command=command)
    if option:
        return ConfigurationError("option_incomplete", option=option)
    return ConfigurationError("arguments_not_understood", problem=problem)
