"""`clearprop exercise` as the parser sees it."""

from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path, whole


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def exercise(
        topic: Annotated[str, typer.Option("--topic")] = "chain",
        level: Annotated[str, typer.Option("--level")] = "1",
        seed: Annotated[str, typer.Option("--seed")] = "0",
        students: Annotated[str | None, typer.Option("--students")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        _help: Annotated[bool, help_option(language, "exercise")] = False,
    ) -> int:
        from clearprop.cli.exercise import Order, write_exercise

        folder = optional_path("--out", out)
        if folder is None:
            raise ConfigurationError("exercise_no_folder")
        order = Order(
            topic=topic,
            level=whole("--level", level),
            seed=whole("--seed", seed, least=0),
            roster=optional_path("--students", students),
            language=known_language(lang),
        )
        return write_exercise(order, folder)
