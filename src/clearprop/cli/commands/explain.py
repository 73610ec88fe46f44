"""`clearprop explain` as the parser sees it."""

from pathlib import Path
from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path, whole


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def explain(
        file: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        weight: Annotated[str | None, typer.Option("--weight")] = None,
        neuron: Annotated[str | None, typer.Option("--neuron")] = None,
        sample: Annotated[str | None, typer.Option("--sample")] = None,
        depth: Annotated[str, typer.Option("--depth")] = "2",
        form: Annotated[str | None, typer.Option("--format")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        _help: Annotated[bool, help_option(language, "explain")] = False,
    ) -> int:
        from clearprop.cli.explain import Question
        from clearprop.cli.explain import explain as answer

        if not file.strip():
            raise ConfigurationError("explain_no_file")
        question = Question(
            file=Path(file),
            data=optional_path("--data", data),
            target=target,
            weight=weight,
            neuron=neuron,
            sample=None if sample is None else whole("--sample", sample, least=0),
            depth=whole("--depth", depth),
            format=form,
        )
        return answer(question, optional_path("--out", out), known_language(lang))
