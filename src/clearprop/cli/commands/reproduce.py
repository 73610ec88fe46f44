"""`clearprop reproduce` as the parser sees it."""

from typing import Annotated

import typer

from clearprop.cli.options import NO_HELP_OPTION, decimal, help_option, known_language, path, whole


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def reproduce(
        out: Annotated[str, typer.Option("--out")] = "clearprop-report",
        lang: Annotated[str, typer.Option("--lang")] = language,
        steps: Annotated[str, typer.Option("--steps")] = "50",
        learning_rate: Annotated[str, typer.Option("--learning-rate")] = "0.01",
        seeds: Annotated[str, typer.Option("--seeds")] = "200",
        dtype: Annotated[str, typer.Option("--dtype")] = "float64",
        without_torch: Annotated[bool, typer.Option("--without-torch")] = False,
        _help: Annotated[bool, help_option(language, "reproduce")] = False,
    ) -> int:
        from clearprop.cli.reproduce import reproduce as run_reproduction
        from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings

        settings = ReproductionSettings(
            steps=whole("--steps", steps),
            learning_rate=decimal("--learning-rate", learning_rate),
            seeds=whole("--seeds", seeds),
            dtype=dtype,
            with_torch=not without_torch,
        )
        return run_reproduction(settings, path("--out", out), known_language(lang))
