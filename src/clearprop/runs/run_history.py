"""A run epoch by epoch, as the file `history.csv`."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from clearprop.base.errors import DamagedFileError
from clearprop.base.opening import read_or_refused
from clearprop.base.writing import write_whole

COLUMNS = ("epoch", "loss", "score", "best", "rate", "seconds")


class HistoryRow(NamedTuple):
    """One epoch.

    epoch    how many were done with it, as its checkpoint is called
    loss     of training, the mean of all networks
    score    of the held-out rows, by the loss or the metric of `--stop-on`, the mean of all
             networks; None where none were held out
    best     whether this epoch is the best so far
    rate     the learning rate of its last step
    seconds  since the training began, those before an interruption included
    """

    epoch: int
    loss: float
    score: float | None
    best: bool
    rate: float
    seconds: float


class RunHistory(NamedTuple):
    """All epochs of a run."""

    rows: tuple[HistoryRow, ...] = ()

    @property
    def best(self) -> HistoryRow | None:
        """The epoch that was best at the end; None of a run without epochs."""
        return next((row for row in reversed(self.rows) if row.best), None)


def write_history(history: RunHistory, path: Path) -> None:
    """Write the file. Raises FileError."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in history.rows:
        score = "" if row.score is None else repr(row.score)
        seconds = f"{row.seconds:.3f}"
        writer.writerow([row.epoch, repr(row.loss), score, int(row.best), repr(row.rate), seconds])
    write_whole(path, stream.getvalue().encode())


def read_history(path: Path) -> RunHistory:
    """The epochs in a file. Raises FileError where it cannot be read, DamagedFileError for one that
    is not of this kind."""
    with read_or_refused(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    head, *lines = [*csv.reader(io.StringIO(text))] or [[]]
    try:
        if tuple(head) != COLUMNS:
            raise ValueError(", ".join(head))
        return RunHistory(tuple(_row(line) for line in lines))
    except ValueError as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem


def _row(line: list[str]) -> HistoryRow:
    epoch, loss, score, best, rate, seconds = line
    return HistoryRow(
        epoch=int(epoch),
        loss=float(loss),
        score=float(score) if score else None,
        best=bool(int(best)),
        rate=float(rate),
        seconds=float(seconds),
    )
