"""`clearprop grade` as the parser sees it."""

from pathlib import Path
from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def grade(
        path: Annotated[str, typer.Argument()] = "",
        key: Annotated[str | None, typer.Option("--key")] = None,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        _help: Annotated[bool, help_option(language, "grade")] = False,
    ) -> int:
        from clearprop.cli.grade import grade as mark_path

        if not path.strip():
            raise ConfigurationError("grade_no_path")
        keys, marks = optional_path("--key", key), optional_path("--out", out)
        return mark_path(Path(path), keys, marks, known_language(lang))
