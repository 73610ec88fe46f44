"""The commands and their options. Help is our own text, in the reader's language."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

import clearprop
from clearprop import messages
from clearprop.cli.status import DONE, INTERRUPTED
from clearprop.errors import ConfigurationError

_NO_HELP_OPTION: dict[str, Any] = {"help_option_names": []}


def run(arguments: list[str], language: str) -> int:
    """Parse `arguments` and run the command that they name; returns its exit status.

    Raises ConfigurationError for arguments that cannot be understood.
    """
    command = typer.main.get_command(_build(language))
    try:
        status = command.main(arguments, prog_name="clearprop", standalone_mode=False)
    except TyperException as problem:
        raise _usage(problem) from problem
    if status == INTERRUPTED:
        # The parser turns Ctrl-C into this status; our caller says a sentence for it.
        raise KeyboardInterrupt
    return status if isinstance(status, int) else DONE


def _build(language: str) -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=_NO_HELP_OPTION,
    )

    def show(topic: str) -> Any:
        def callback(asked: bool) -> None:
            if asked:
                typer.echo(messages.text(language, f"cli.help.{topic}").rstrip())
                raise typer.Exit

        return typer.Option("--help", "-h", is_eager=True, callback=callback)

    def show_version(asked: bool) -> None:
        if asked:
            typer.echo(f"clearprop {clearprop.__version__}")
            raise typer.Exit

    @app.callback(invoke_without_command=True, context_settings=_NO_HELP_OPTION)
    def root(
        context: typer.Context,
        _version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=show_version)
        ] = False,
        _help: Annotated[bool, show("root")] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            typer.echo(messages.text(language, "cli.help.root").rstrip())

    @app.command(context_settings=_NO_HELP_OPTION)
    def reproduce(
        out: Annotated[str, typer.Option("--out")] = "clearprop-report",
        lang: Annotated[str, typer.Option("--lang")] = language,
        steps: Annotated[str, typer.Option("--steps")] = "50",
        learning_rate: Annotated[str, typer.Option("--learning-rate")] = "0.01",
        seeds: Annotated[str, typer.Option("--seeds")] = "200",
        dtype: Annotated[str, typer.Option("--dtype")] = "float64",
        without_torch: Annotated[bool, typer.Option("--without-torch")] = False,
        _help: Annotated[bool, show("reproduce")] = False,
    ) -> int:
        # Imported here so that help and complaints do not wait for it.
        from clearprop.cli.reproduce import reproduce as run_reproduction
        from clearprop.experiments.settings import Settings

        settings = Settings(
            steps=_whole("--steps", steps),
            learning_rate=_decimal("--learning-rate", learning_rate),
            seeds=_whole("--seeds", seeds),
            dtype=dtype,
            with_torch=not without_torch,
        )
        return run_reproduction(settings, _path("--out", out), _known_language(lang))

    @app.command(context_settings=_NO_HELP_OPTION)
    def explain(
        file: Annotated[str, typer.Argument()] = "",
        data: Annotated[str | None, typer.Option("--data")] = None,
        target: Annotated[str | None, typer.Option("--target")] = None,
        weight: Annotated[str | None, typer.Option("--weight")] = None,
        neuron: Annotated[str | None, typer.Option("--neuron")] = None,
        sample: Annotated[str | None, typer.Option("--sample")] = None,
        depth: Annotated[str, typer.Option("--depth")] = "2",
        form: Annotated[str, typer.Option("--format")] = "text",
        lang: Annotated[str, typer.Option("--lang")] = language,
        out: Annotated[str | None, typer.Option("--out", "-o")] = None,
        _help: Annotated[bool, show("explain")] = False,
    ) -> int:
        from clearprop.cli.explain import Question
        from clearprop.cli.explain import explain as answer

        if not file.strip():
            raise ConfigurationError("explain_no_file")
        question = Question(
            file=Path(file),
            data=None if data is None else _path("--data", data),
            target=target,
            weight=weight,
            neuron=neuron,
            sample=None if sample is None else _whole("--sample", sample, least=0),
            depth=_whole("--depth", depth),
            format=form,
        )
        return answer(question, None if out is None else _path("--out", out), _known_language(lang))

    @app.command(context_settings=_NO_HELP_OPTION)
    def check(
        target: Annotated[str | None, typer.Argument()] = None,
        against: Annotated[str | None, typer.Option("--against")] = None,
        everything: Annotated[bool, typer.Option("--all")] = False,
        gallery: Annotated[bool, typer.Option("--gallery")] = False,
        lang: Annotated[str, typer.Option("--lang")] = language,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        junit: Annotated[str | None, typer.Option("--junit")] = None,
        _help: Annotated[bool, show("check")] = False,
    ) -> int:
        from clearprop.cli import check as checking

        output = checking.Output(_known_language(lang), as_json, _file("--junit", junit))
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

    return app


def _whole(option: str, text: str, *, least: int = 1) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ConfigurationError("option_whole", option=option, value=text, least=least)
    return value


def _decimal(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ConfigurationError("option_decimal", option=option, value=text)
    return value


def _path(option: str, text: str) -> Path:
    if not text.strip():
        raise ConfigurationError("option_empty", option=option)
    return Path(text)


def _file(option: str, text: str | None) -> Path | None:
    if text is None:
        return None
    if not text.strip():
        raise ConfigurationError("option_empty", option=option)
    return Path(text)


def _known_language(name: str) -> str:
    if name not in messages.LANGUAGES:
        raise ConfigurationError("language_unknown", name=name, known=", ".join(messages.LANGUAGES))
    return name


def _usage(problem: TyperException) -> ConfigurationError:
    """What the parser could not understand, as a sentence of ours."""
    kind = type(problem).__name__
    option = getattr(problem, "option_name", None)
    if kind == "NoSuchOption":
        context = getattr(problem, "ctx", None)
        command = "clearprop" if context is None else context.command_path
        return ConfigurationError("option_unknown", option=option, command=command)
    if option:
        return ConfigurationError("option_incomplete", option=option)
    return ConfigurationError("arguments_not_understood", problem=problem)
