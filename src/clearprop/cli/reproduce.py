"""`clearprop reproduce`: run every experiment of the tutorial and write the report."""

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clearprop.base import messages
from clearprop.base.dependencies import PACKAGES, is_installed, require
from clearprop.base.numbers import number, number_or_dash, percent
from clearprop.cli.bars import bar
from clearprop.cli.status import DONE, OUT_OF_TOLERANCE
from clearprop.teaching.experiments.progress import Progress as Watcher
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.reproduction import reproduce as run_experiments
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings


def reproduce(settings: ReproductionSettings, folder: Path, language: str) -> int:
    """Run, write into `folder`, print the summary; returns the exit status."""
    # Whatever is missing is missed before the experiments, not after them.
    require("sklearn", "matplotlib", "jinja2", "latex2mathml")
    from clearprop.teaching.reports.publishing import publish, staging
    from clearprop.teaching.reports.report import KNOWN_FILES, PAGE, write_report

    console = Console(highlight=False)
    with ExitStack() as stack:
        stage = stack.enter_context(staging(folder))
        bars = stack.enter_context(bar())

        # Only what is begun is shown, in the order in which it runs.
        def watch(name: str) -> Watcher:
            task = bars.add_task(messages.text(language, f"cli.stages.{name}"), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        result = run_experiments(settings, watch)
        write_report(result, stage, language, watch("figures"))
        publish(stage, folder, last=PAGE, stale=KNOWN_FILES)
    _print_summary(console, result, folder / PAGE, language)
    return OUT_OF_TOLERANCE if result.out_of_tolerance else DONE


def _print_summary(console: Console, result: Reproduction, page: Path, language: str) -> None:
    def say(key: str, **values: object) -> str:
        return messages.text(language, f"cli.summary.{key}", **values)

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
    console.print()
    for one in result.out_of_tolerance:
        sentence = say("out_of_tolerance", name=one.name, start=one.start, dtype=one.dtype)
        console.print(escape(sentence), style="bold red", soft_wrap=True)
    console.print(escape(say("report", path=page)), soft_wrap=True)


def _parity_table(result: Reproduction, language: str) -> Table:
    def say(key: str) -> str:
        return messages.text(language, f"cli.table.{key}")

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
