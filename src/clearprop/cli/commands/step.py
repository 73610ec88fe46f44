"""`clearprop step` as the parser sees it."""

from pathlib import Path
from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path, whole


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def step(
        file: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        sample: Annotated[str, typer.Option("--sample")] = "0",
        everything: Annotated[bool, typer.Option("--all")] = False,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        lang: Annotated[str, typer.Option("--lang")] = language,
        _help: Annotated[bool, help_option(language, "step")] = False,
    ) -> int:
        from clearprop.cli.step import step as walk

        if not file.strip():
            raise ConfigurationError("step_no_file")
        return walk(
            Path(file),
            optional_path("--data", data),
            target,
            whole("--sample", sample, least=0),
            known_language(lang),
            everything=everything,
            as_json=as_json,
        )
