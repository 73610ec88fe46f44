"""`clearprop check` as the parser sees it."""

from typing import Annotated

import typer

from clearprop.base.errors import ConfigurationError
from clearprop.cli.options import NO_HELP_OPTION, help_option, known_language, optional_path


def declare(app: typer.Typer, language: str) -> None:
    """Add the command to `app`; its help is in `language`."""

    @app.command(context_settings=NO_HELP_OPTION)
    def check(
        target: Annotated[str | None, typer.Argument()] = None,
        against: Annotated[str | None, typer.Option("--against")] = None,
        everything: Annotated[bool, typer.Option("--all")] = False,
        gallery: Annotated[bool, typer.Option("--gallery")] = False,
        lang: Annotated[str, typer.Option("--lang")] = language,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        junit: Annotated[str | None, typer.Option("--junit")] = None,
        _help: Annotated[bool, help_option(language, "check")] = False,
    ) -> int:
        from clearprop.cli import check as checking

        output = checking.Output(known_language(lang), as_json, optional_path("--junit", junit))
        if (everything or gallery) and (target is not None or against is not None):
            raise ConfigurationError("target_and_all")
        if gallery:
            from clearprop.cli.gallery import show_gallery

            return show_gallery(output.language, as_json=as_json)
        if everything:
            return checking.check_catalogue(output)
        if target is None:
            raise ConfigurationError("target_missing")
        return checking.check_target(target, against, output)
