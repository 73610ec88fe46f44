"""`clearprop check`: check a backward pass of the person's own, or the whole catalogue."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clearprop.base.writing import write_whole
from clearprop.checking.catalogue import check_all
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import RIGHT, UNDECIDED, WRONG, Verdict, junit, worst_outcome
from clearprop.checking.verdict.outcomes import number
from clearprop.checking.verdict.outcomes import say as say_of_check
from clearprop.cli import status
from clearprop.cli.bars import bar

STATUS: dict[str, int] = {RIGHT: status.DONE, WRONG: status.WRONG, UNDECIDED: status.UNDECIDED}
STYLES = {RIGHT: "green", WRONG: "bold red", UNDECIDED: "yellow"}
FILE_WIDTH = 120
WITNESSES = ("complex-step", "torch", "jax")


class Output(NamedTuple):
    """How the verdict is given: the language, as JSON or not, and a file for JUnit XML."""

    language: str
    as_json: bool
    junit: Path | None


def check_target(target: str, against: str | None, output: Output) -> int:
    """Check one target and print its verdict; returns the exit status."""
    verdict = answer(request_for(target, against))
    _write_junit([verdict], output)
    if output.as_json:
        Console(soft_wrap=True).out(verdict.to_json(), highlight=False)
    else:
        _print_verdict(_console(), verdict, output.language)
    return STATUS[verdict.outcome]


def check_catalogue(output: Output) -> int:
    """Check every layer and loss against every witness; returns the exit status."""
    begin = time.perf_counter()
    with bar() as progress:
        task = progress.add_task(say_of_check(output.language, "table.checking"), total=None)
        verdicts = list(
            check_all(lambda done, total: progress.update(task, completed=done, total=total))
        )
    _write_junit(verdicts, output)
    if output.as_json:
        listed = [json.loads(verdict.to_json()) for verdict in verdicts]
        Console(soft_wrap=True).out(
            json.dumps(listed, ensure_ascii=False, indent=2), highlight=False
        )
    else:
        _print_catalogue(verdicts, time.perf_counter() - begin, output.language)
    return STATUS[worst_outcome([verdict.outcome for verdict in verdicts])]


def _console() -> Console:
    """Standard output; a file or a pipe, which has no width, gets room for the table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def _print_verdict(console: Console, verdict: Verdict, language: str) -> None:
    head = verdict.headline(language)
    console.print(escape(head), style=STYLES[verdict.outcome], soft_wrap=True)
    if verdict.arrays:
        heads, rows = verdict.table(language)
        table = Table()
        for position, name in enumerate(heads):
            table.add_column(escape(name), justify="left" if position < 2 else "right")
        for row, one in zip(rows, verdict.arrays, strict=True):
            style = None if one.outcome == RIGHT else STYLES[one.outcome]
            table.add_row(*map(escape, row), style=style)
        console.print(table)
    for sentence in verdict.sentences(language):
        console.print(escape(f"- {sentence}"), soft_wrap=True)


def _print_catalogue(verdicts: Sequence[Verdict], seconds: float, language: str) -> None:
    def say(key: str, **values: object) -> str:
        return say_of_check(language, f"table.{key}", **values)

    console = _console()
    table = Table(title=say("title"), title_justify="left", title_style="bold")
    for position, name in enumerate(("subject", "outcome", "entries", "error", "kinks")):
        table.add_column(say(name), justify="left" if position < 2 else "right")
    for name in WITNESSES:
        table.add_column(name)
    for verdict in verdicts:
        told = {one.name: say(one.outcome) for one in verdict.witnesses}
        worst = max((one.relative or 0.0 for one in verdict.arrays), default=0.0)
        table.add_row(
            escape(verdict.name),
            say_of_check(language, f"outcome.{verdict.outcome}"),
            f"{sum(one.checked for one in verdict.arrays):,}",
            number(worst, 2),
            str(sum(one.kinks_met for one in verdict.arrays)),
            *(told.get(name, say("unused")) for name in WITNESSES),
            style=None if verdict.outcome == RIGHT else STYLES[verdict.outcome],
        )
    console.print(table)
    for verdict in verdicts:
        if verdict.outcome != RIGHT:
            _print_verdict(console, verdict, language)
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {name: outcomes.count(name) for name in (RIGHT, WRONG, UNDECIDED)}
    console.print(say("total", seconds=f"{seconds:.1f}", **counts), soft_wrap=True)


def _write_junit(verdicts: Sequence[Verdict], output: Output) -> None:
    if output.junit is not None:
        write_whole(output.junit, junit(verdicts, output.language).encode())
