"""What the commands' options share: their values read and refused, and help in our own words."""

import math
from pathlib import Path
from typing import Any

import typer

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError

# The parser's own help option is in English only, so every command has ours instead.
NO_HELP_OPTION: dict[str, Any] = {"help_option_names": []}


def help_option(language: str, topic: str) -> Any:
    """`--help`, which prints the text `cli.help.TOPIC`."""

    def show(asked: bool) -> None:
        if asked:
            typer.echo(messages.text(language, f"cli.help.{topic}").rstrip())
            raise typer.Exit

    return typer.Option("--help", "-h", is_eager=True, callback=show)


def whole(option: str, text: str, *, least: int = 1) -> int:
    """A whole number of at least `least`. Raises ConfigurationError for anything else."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ConfigurationError("option_whole", option=option, value=text, least=least)
    return value


def decimal(option: str, text: str) -> float:
    """A finite number above 0. Raises ConfigurationError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ConfigurationError("option_decimal", option=option, value=text)
    return value


def path(option: str, text: str) -> Path:
    """A path. Raises ConfigurationError for an empty one."""
    if not text.strip():
        raise ConfigurationError("option_empty", option=option)
    return Path(text)


def optional_path(option: str, text: str | None) -> Path | None:
    """A path, or None where the option is not given."""
    return None if text is None else path(option, text)


def known_language(name: str) -> str:
    """A language that there are texts in. Raises ConfigurationError for another."""
    if name not in messages.LANGUAGES:
        raise ConfigurationError("language_unknown", name=name, known=", ".join(messages.LANGUAGES))
    return name
