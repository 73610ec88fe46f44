"""What a run writes down while it trains: its epochs, and a checkpoint every now and then."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from clearprop.estimators.learning import Begun, History
from clearprop.estimators.members import MemberEpoch, Members
from clearprop.runs.run_checkpoints import RunCheckpoint, write_checkpoint
from clearprop.runs.run_folder import CHECKPOINTS, HISTORY, SETTINGS, is_run, make_folder
from clearprop.runs.run_history import HistoryRow, RunHistory, write_history
from clearprop.runs.run_settings import RunSettings, write_settings
from clearprop.runs.stopping import StopMetric

# Told of every epoch; True ends the training there.
Watch = Callable[[HistoryRow], bool]
# A checkpoint is written after an epoch, but never so often that more than this share of the time
# goes into it.
MOST_SHARE = 0.03


class RunRecorder:
    """The epochs of a run in a folder, from its beginning or from a checkpoint on.

    folder        where they are written
    rows, engine  the epochs so far, and what took the steps
    was_ended     whether the watcher ended the training
    """

    def __init__(
        self,
        folder: Path,
        settings: RunSettings,
        metric: StopMetric,
        data: str,
        watch: Watch,
        before: RunCheckpoint | None = None,
    ) -> None:
        self.folder, self._settings = folder, settings
        self._metric, self._data, self._watch = metric, data, watch
        self.rows: list[HistoryRow] = []
        self.engine: str | None = None
        self.was_ended = False
        self._kept: Members | None = None
        self._losses: list[list[float]] = []
        self._scores: list[list[float]] = []
        self._best = float("inf")
        self._seconds_before = 0.0
        if before is not None:
            self.rows = list(before.rows)
            self._losses = before.begun.history.losses.tolist()
            self._scores = before.begun.history.scores.tolist()
            self._best = min(map(self._judged, self._losses, self._scores), default=self._best)
            self.engine, self._kept = before.engine, before.begun.members
            self._seconds_before = before.rows[-1].seconds if before.rows else 0.0
        self._began = perf_counter()
        self._due = self._began

    def __call__(self, one: MemberEpoch, kept: Members) -> bool:
        """Note an epoch; whether the training is to end there."""
        self._losses.append(one.losses.tolist())
        self._scores.append(one.scores.tolist())
        score = float(one.scores.mean())
        judged = self._judged(self._losses[-1], self._scores[-1])
        is_held_out = not np.isnan(score)
        row = HistoryRow(
            epoch=one.epoch + 1,
            loss=float(one.losses.mean()),
            score=self._metric.natural(score) if is_held_out else None,
            # Without held-out rows the last epoch counts.
            best=judged <= self._best if is_held_out else True,
            rate=one.rate,
            seconds=self._seconds_before + perf_counter() - self._began,
        )
        self._best = min(self._best, judged)
        self.rows.append(row)
        self.engine, self._kept = one.engine, kept
        ends = self.was_ended = self._watch(row)
        begin = perf_counter()
        # From an epoch that has broken there is nothing to go on with.
        if np.isfinite(one.losses).all() and (ends or begin >= self._due):
            self.write()
            end = perf_counter()
            self._due = end + (end - begin) / MOST_SHARE
        return ends

    def write(self, *, ended: bool = False) -> None:
        """Write the history and, of a training in steps, a checkpoint; `ended` says that nothing is
        left to train. Raises FileError."""
        self.write_history()
        if self._kept is None or self.engine is None:
            return
        history = History(np.array(self._losses), np.array(self._scores))
        write_checkpoint(
            self.folder / CHECKPOINTS,
            RunCheckpoint(
                begun=Begun(self._kept, history),
                rows=tuple(self.rows),
                engine=self.engine,
                data=self._data,
                ended=ended,
            ),
        )

    def write_history(self) -> None:
        """Write the epochs, into a folder that is made where there is none. Raises FileError."""
        if not is_run(self.folder):
            make_folder(self.folder)
            write_settings(self._settings, self.folder / SETTINGS)
        write_history(RunHistory(tuple(self.rows)), self.folder / HISTORY)

    @staticmethod
    def _judged(losses: list[float], scores: list[float]) -> float:
        score = float(np.mean(scores))
        return float(np.mean(losses)) if np.isnan(score) else score
