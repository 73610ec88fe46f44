"""`clearprop write` as the parser sees it."""

from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import (
    NO_HELP_OPTION,
    decimal,
    help_option,
    known_language,
    optional_path,
    whole,
)


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def write(
        what: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        loss: Annotated[str | None, typer.Option("--loss")] = None,
        optimizer: Annotated[str | None, typer.Option("--optimizer")] = None,
        learning_rate: Annotated[str | None, typer.Option("--learning-rate")] = None,
        epochs: Annotated[str, typer.Option("--epochs")] = "50",
        batch_size: Annotated[str | None, typer.Option("--batch-size")] = None,
        dtype: Annotated[str | None, typer.Option("--dtype")] = None,
        seed: Annotated[str | None, typer.Option("--seed")] = None,
        lang: Annotated[str, typer.Option("--lang")] = language,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        _help: Annotated[bool, help_option(language, "write")] = False,
    ) -> int:
        from clearprop.cli.write import Wish
        from clearprop.cli.write import write as write_out

        if not what.strip():
            raise ConfigurationError("program_not_named")
        wish = Wish(
            what=what.strip(),
            data=optional_path("--data", data),
            target=target,
            loss=loss,
            optimizer=optimizer,
            learning_rate=None
            if learning_rate is None
            else decimal("--learning-rate", learning_rate),
            epochs=whole("--epochs", epochs),
            batch_size=None if batch_size is None else whole("--batch-size", batch_size),
            dtype=dtype,
            seed=None if seed is None else whole("--seed", seed, least=0),
        )
        return write_out(wish, optional_path("--out", out), known_language(lang))
