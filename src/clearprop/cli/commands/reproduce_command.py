"""`clearprop reproduce`: run every experiment of the tutorial and write the report."""

import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.dependencies import PACKAGES, is_installed, require
from clearprop.base.errors import EngineWarning
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE, OUT_OF_TOLERANCE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clearprop.teaching.experiments.progress import Progress
    from clearprop.teaching.experiments.reproduction import Reproduction


def run(given: Arguments) -> int:
    """Run, write into the folder `--out`, print the summary; returns the exit status."""
    if given.operand.strip():
        from clearprop.cli.showpieces import run_showpiece

        return run_showpiece(given.operand.strip(), given)
    from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings

    settings = ReproductionSettings(
        steps=given.whole("--steps", 50),
        learning_rate=given.decimal("--learning-rate", 0.01),
        seeds=given.whole("--seeds", 200),
        dtype=given.text_or("--dtype", "float64"),
        with_torch=not given.given("--without-torch"),
        engine=given.text_or("--engine", "auto"),
    )
    folder = given.path("--out") or Path("clearprop-report")
    language = given.language()
    # Whatever is missing is missed before the experiments, not after them.
    require("rich", "sklearn", "matplotlib", "jinja2", "latex2mathml")
    from clearprop.cli.terminal import bar, console
    from clearprop.teaching.experiments.reproduction import reproduce
    from clearprop.teaching.reports.publishing import publish, staging
    from clearprop.teaching.reports.report import KNOWN_FILES, PAGE, write_report

    shown = console(width=None)
    with ExitStack() as stack:
        stage = stack.enter_context(staging(folder))
        bars = stack.enter_context(bar())

        # Only what is begun is shown, in the order in which it runs.
        def watch(name: str) -> "Progress":
            task = bars.add_task(messages.text(language, f"cli.stages.{name}"), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        # What machine code does not have is said in the summary.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", EngineWarning)
        result = reproduce(settings, watch)
        write_report(result, stage, language, watch("figures"))
        publish(stage, folder, last=PAGE, stale=KNOWN_FILES)
    _print_summary(shown, result, folder / PAGE, language)
    return OUT_OF_TOLERANCE if result.out_of_tolerance else DONE


def _print_summary(console: "Console", result: "Reproduction", page: Path, language: str) -> None:
    from rich.markup import escape

    from clearprop.base.numbers import percent

    say = partial(messages.within("cli.summary"), language)

    console.print()
    if result.comparisons is None:
        missing = result.settings.with_torch and not is_installed("torch")
        key = "torch_missing" if missing else "torch_left_out"
        console.print(escape(say(key, command=PACKAGES["torch"].command)), soft_wrap=True)
    else:
        console.print(_parity_table(result, language))
    wrong = [one for one in result.check.arrays if not one.printed_is_right]
    if wrong:
        names = ", ".join(one.name for one in wrong)
        worst = percent(max(one.printed_error for one in wrong))
        console.print(escape(say("printed_line", arrays=names, error=worst)), soft_wrap=True)
    for claim in result.claims:
        if claim.verdict == "fails":
            says = messages.text(language, f"report.claims.{claim.key}.says")
            console.print(escape(say("claim_fails", claim=says)), soft_wrap=True)
    for run in result.trainings:
        if run.diverged:
            name = messages.text(language, f"cli.runs.{run.name}")
            console.print(escape(say("diverged", run=name)), soft_wrap=True)
    if result.settings.engine == "compiled":
        studies = (
            *result.studies.values(),
            *result.rates,
            result.curved.linear,
            result.curved.relu,
        )
        told = (one.engine.message(language) for one in studies if one.engine.name == "numpy")
        for sentence in dict.fromkeys(told):
            console.print(escape(sentence), soft_wrap=True)
    console.print()
    for one in result.out_of_tolerance:
        sentence = say("out_of_tolerance", name=one.name, start=one.start, dtype=one.dtype)
        console.print(escape(sentence), style="bold red", soft_wrap=True)
    console.print(escape(say("report", path=page)), soft_wrap=True)


def _parity_table(result: "Reproduction", language: str) -> "Table":
    from rich.table import Table

    from clearprop.base.numbers import number, number_or_dash

    say = partial(messages.within("cli.table"), language)

    table = Table(title=say("title"), title_justify="left", title_style="bold")
    table.add_column(say("training"))
    table.add_column(say("start"))
    table.add_column(say("dtype"))
    table.add_column(say("losses"), justify="right")
    table.add_column(say("params"), justify="right")
    table.add_column(say("outcome"))
    for one in result.comparisons or ():
        outcome = "agrees" if one.agrees else "disagrees"
        if one.agrees and one.diverged:
            outcome = "overflowed"
        table.add_row(
            say(one.name),
            say(f"start_{one.start}"),
            one.dtype,
            number(one.loss_difference, 2),
            number_or_dash(one.params_difference, 2),
            say(outcome),
            style=None if one.agrees else "bold red",
        )
    return table


COMMAND = Command(
    "reproduce",
    run,
    (
        options.OUT_FOLDER,
        options.LANG,
        Option("--steps"),
        options.LEARNING_RATE,
        Option("--seeds"),
        options.DTYPE,
        options.ENGINE,
        Option("--without-torch", takes=Takes.NOTHING),
    ),
    operand=Takes.TEXT,
)
