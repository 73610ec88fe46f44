"""`clearprop diagram` as the parser sees it."""

from pathlib import Path
from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path, whole


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def diagram(
        file: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        sample: Annotated[str | None, typer.Option("--sample")] = None,
        kind: Annotated[str | None, typer.Option("--kind")] = None,
        neuron: Annotated[str | None, typer.Option("--neuron")] = None,
        form: Annotated[str | None, typer.Option("--format")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        _help: Annotated[bool, help_option(language, "diagram")] = False,
    ) -> int:
        from clearprop.cli.diagram import Order
        from clearprop.cli.diagram import diagram as draw

        if not file.strip():
            raise ConfigurationError("diagram_no_file")
        order = Order(
            file=Path(file),
            data=optional_path("--data", data),
            target=target,
            sample=None if sample is None else whole("--sample", sample, least=0),
            kind=kind,
            neuron=neuron,
            format=form,
        )
        return draw(order, optional_path("--out", out), known_language(lang))
