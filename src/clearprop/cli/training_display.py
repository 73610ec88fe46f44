"""A training as one watches it: a bar on a terminal, lines of text anywhere else."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import perf_counter
from types import TracebackType
from typing import Any

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.numbers import number
from clearprop.runs.run_history import HistoryRow
from clearprop.runs.stopping import LOSS

# Between two lines where there is no terminal.
SECONDS = 2.0

_say = messages.within("runs")


class TrainingDisplay(AbstractContextManager["TrainingDisplay"]):
    """What is shown of a run while it trains; `told` is called after every epoch.

    epochs     how many there are at most
    metric     what the held-out rows are judged by
    is_asked   whether the training was asked to end after its epoch
    best       the best epoch of a run that is gone on with
    """

    def __init__(
        self,
        epochs: int,
        metric: str,
        is_asked: Callable[[], bool],
        language: str,
        best: HistoryRow | None = None,
    ) -> None:
        require("rich")
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._epochs, self._metric = epochs, metric
        self._is_asked, self._language = is_asked, language
        console = Console(stderr=True)
        self._is_live = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}", markup=False),
            TextColumn("{task.fields[asked]}", style="yellow", markup=False),
            console=console,
            transient=True,
            disable=not self._is_live,
        )
        self._task: Any = None
        self._best = best
        self._last: HistoryRow | None = None
        self._first_epoch: int | None = None
        self._began = self._printed = perf_counter()  # of the first epoch, once it has ended

    def __enter__(self) -> "TrainingDisplay":
        self._bar.start()
        self._task = self._bar.add_task("", total=self._epochs, numbers="", asked="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if not self._is_live and self._last is not None:
            self._print(self._last)

    def told(self, row: HistoryRow) -> None:
        """Show an epoch."""
        if row.best:
            self._best = row
        if self._first_epoch is None:
            self._first_epoch, self._began = row.epoch, perf_counter()
        if self._is_live:
            self._bar.update(
                self._task,
                completed=row.epoch,
                description=self._epoch(row),
                numbers="  ".join(self._numbers(row)),
                asked=_say(self._language, "told.ending") if self._is_asked() else "",
            )
            return
        self._last = row
        now = perf_counter()
        if row.epoch == self._first_epoch or now - self._printed >= SECONDS:
            self._print(row)
            self._printed = now

    def _print(self, row: HistoryRow) -> None:
        self._last = None
        sys.stdout.write("  ".join([self._epoch(row), *self._numbers(row)]) + "\n")
        sys.stdout.flush()

    def _epoch(self, row: HistoryRow) -> str:
        return _say(self._language, "told.epoch", epoch=f"{row.epoch}/{self._epochs}")

    def _numbers(self, row: HistoryRow) -> list[str]:
        found = [_say(self._language, "told.loss", loss=number(row.loss))]
        if row.score is not None:
            key = "score" if self._metric == LOSS else "score_of"
            score = number(row.score)
            found.append(_say(self._language, f"told.{key}", score=score, metric=self._metric))
        if self._best is not None and row.score is not None:
            best = number(self._best.score or 0.0)
            found.append(_say(self._language, "told.best", score=best, epoch=self._best.epoch))
        found.append(_say(self._language, "told.rate", rate=number(row.rate, 2)))
        # The first epoch says nothing of the others: it also loads what they use.
        done = row.epoch - (self._first_epoch or 0)
        if done:
            left = (perf_counter() - self._began) / done * (self._epochs - row.epoch)
            found.append(_say(self._language, "told.left", time=_clock(left)))
        return found


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
