"""`clearprop health` as the parser sees it."""

from pathlib import Path
from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import (
    NO_HELP_OPTION,
    decimal,
    help_option,
    known_language,
    optional_path,
)


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def health(
        file: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        learning_rate: Annotated[str | None, typer.Option("--learning-rate")] = None,
        form: Annotated[str, typer.Option("--format")] = "text",
        plot: Annotated[str | None, typer.Option("--plot")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        _help: Annotated[bool, help_option(language, "health")] = False,
    ) -> int:
        from clearprop.cli.health import Question
        from clearprop.cli.health import health as examine

        if not file.strip():
            raise ConfigurationError("health_no_file")
        rate = None if learning_rate is None else decimal("--learning-rate", learning_rate)
        question = Question(
            file=Path(file),
            data=optional_path("--data", data),
            target=target,
            learning_rate=rate,
            format=form,
            plot=optional_path("--plot", plot),
        )
        return examine(question, known_language(lang))
