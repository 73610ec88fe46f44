"""A sweep as one watches it: a table of the best so far on a terminal, lines of text elsewhere."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from types import TracebackType
from typing import Any

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.numbers import number
from clearprop.cli.terminal import write
from clearprop.estimators.sweep_results import SweepResults, value_text
from clearprop.runs.sweep_run import SweepPlan

# Between two lines where there is no terminal.
SECONDS = 2.0
# So many configurations are shown.
MOST_SHOWN = 10

_say = messages.within("sweeps")


class SweepDisplay(AbstractContextManager["SweepDisplay"]):
    """What is shown of a sweep while it goes on; `told` is called after every training. `done` and
    `jobs` are how many trainings are done, and how many there are."""

    def __init__(self, plan: SweepPlan, language: str) -> None:
        require("rich")
        from rich.console import Console
        from rich.live import Live

        self._plan, self._language = plan, language
        console = Console(stderr=True)
        self._is_live = console.is_terminal
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self.done = self.jobs = 0
        self._first: int | None = None
        self._began = self._printed = perf_counter()

    def __enter__(self) -> "SweepDisplay":
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_live:
            self._live.stop()

    def told(self, results: SweepResults, done: int, jobs: int) -> None:
        """Show what there is."""
        self.done, self.jobs = done, jobs
        if self._first is None:
            self._first = done
            if done:
                write(_say(self._language, "plan.kept", done=done, jobs=jobs))
        if self._is_live:
            self._live.update(self._picture(results), refresh=True)
        elif results.rows and perf_counter() - self._printed >= SECONDS:
            write(self._line(results))
            sys.stdout.flush()
            self._printed = perf_counter()

    def _line(self, results: SweepResults) -> str:
        best = results.ranking()[0]
        values = results.configurations[best.configuration].items()
        return "  ".join(
            [
                self._progress(),
                _say(
                    self._language,
                    "told.best_so_far",
                    metric=self._plan.metric.name,
                    score=number(self._plan.natural(best.mean)),
                    values=" ".join(f"{name}={value_text(value)}" for name, value in values),
                ),
            ]
        )

    def _progress(self) -> str:
        found = _say(self._language, "told.progress", done=self.done, jobs=self.jobs)
        own = self.done - (self._first or 0)
        if own:
            left = (perf_counter() - self._began) / own * (self.jobs - self.done)
            clock = f"{int(left) // 60}:{int(left) % 60:02}"
            found += "  " + _say(self._language, "told.left", time=clock)
        return found

    def _picture(self, results: SweepResults) -> Any:
        from rich.table import Table

        if not results.rows:
            return self._progress()
        table = Table(title=self._progress(), title_justify="left", title_style="")
        heads, *rows = ranking_rows(self._plan, results, self._language)
        for head in heads:
            table.add_column(head, justify="right")
        for row in rows:
            table.add_row(*row)
        return table


def ranking_rows(plan: SweepPlan, results: SweepResults, language: str) -> list[Sequence[str]]:
    """The best configurations as rows of a table, its heads first."""
    heads = [
        _say(language, "told.rank"),
        _say(language, "told.mean", metric=plan.metric.name),
        _say(language, "told.deviation"),
        _say(language, "told.scores"),
        *results.names,
    ]
    rows: list[Sequence[str]] = [heads]
    for rank, one in enumerate(results.ranking()[:MOST_SHOWN], 1):
        failed = one.mean != one.mean
        score = _say(language, "told.failed") if failed else number(plan.natural(one.mean))
        values = map(value_text, results.configurations[one.configuration].values())
        spread = "" if failed else number(one.deviation, 2)
        rows.append([str(rank), score, spread, str(one.scores), *values])
    return rows
