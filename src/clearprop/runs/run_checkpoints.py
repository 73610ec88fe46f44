"""Whole states of a run in files, so that it goes on from there as if it had never stopped.

A file is written beside and renamed, so whatever ends the process leaves a whole newest one; the
one before it stays until there is a newer. What a file holds:

    params, slot.…, layers.…, total, weight   the state between two steps
    best, epoch, score, record                each network at its best, and what it was judged by
    losses, scores, rows                      the epochs so far
    metadata["run"]                           counts, the engine and the data's checksum
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze
from clearprop.base.errors import DamagedFileError
from clearprop.base.opening import read_or_refused
from clearprop.engine.optimizers.optimizer import OptimizerState
from clearprop.estimators.learning import Begun, History
from clearprop.estimators.members import Members
from clearprop.formats.checked_file import read_checked, write_checked
from clearprop.runs.run_folder import make_folder
from clearprop.runs.run_history import HistoryRow
from clearprop.training.events import TrainingState

FORM, VERSION = "clearprop-run", 1
KEPT = 2
_PATTERN = "epoch-*.safetensors"


class RunCheckpoint(NamedTuple):
    """A run after an epoch.

    begun   what the training goes on from
    rows    the history up to there
    engine  what takes the steps; another would round otherwise
    data    the checksum of the data
    ended   whether there is nothing left to train
    """

    begun: Begun
    rows: tuple[HistoryRow, ...]
    engine: str
    data: str
    ended: bool = False


def write_checkpoint(folder: Path, checkpoint: RunCheckpoint) -> None:
    """Write the newest checkpoint of a run, and leave the one before it. Raises FileError."""
    make_folder(folder)
    members, history = checkpoint.begun
    state = members.state
    arrays: dict[str, Array] = {
        "params": state.params,
        "best": members.params,
        "epoch": np.asarray(members.epoch, np.int64),
        "score": members.score,
        "record": members.record,
        "losses": history.losses,
        "scores": history.scores,
        "rows": np.array([_numbers(row) for row in checkpoint.rows], np.float64),
        "total": np.asarray(state.total, np.float64),
        "weight": np.asarray(state.weight, np.float64),
        **{f"slot.{name}": array for name, array in state.optimizer.slots.items()},
    }
    said = {
        "step": state.step,
        "seed": state.seed,
        "optimizer_step": state.optimizer.step,
        "waited": members.waited,
        "engine": checkpoint.engine,
        "data": checkpoint.data,
        "ended": checkpoint.ended,
    }
    path = folder / f"epoch-{len(checkpoint.rows):06d}.safetensors"
    write_checked(path, FORM, VERSION, arrays, {"run": json.dumps(said)})
    for old in sorted(folder.glob(_PATTERN))[:-KEPT]:
        # One that cannot be deleted is of no harm.
        with suppress(OSError):
            old.unlink()


def newest_checkpoint(folder: Path) -> RunCheckpoint | None:
    """The newest checkpoint that is whole; None where there is none.

    Raises NewerFileError for one of a newer version, DamagedFileError where there are some and none
    of them is whole.
    """
    for left_over in folder.glob(".epoch-*"):
        # What a process that was ended had begun to write.
        with suppress(OSError):
            left_over.unlink()
    damaged: DamagedFileError | None = None
    for path in sorted(folder.glob(_PATTERN), reverse=True):
        try:
            return _read(path)
        except DamagedFileError as problem:
            damaged = damaged or problem
    if damaged is not None:
        raise damaged
    return None


def checksum(*paths: Path) -> str:
    """The SHA-256 of what files hold. Raises FileError."""
    digest = hashlib.sha256()
    for path in paths:
        with read_or_refused(path), path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> RunCheckpoint:
    metadata, arrays = read_checked(path, FORM, VERSION, needed="best")
    try:
        said: dict[str, Any] = json.loads(metadata["run"])
        slots = {
            name.removeprefix("slot."): freeze(array)
            for name, array in arrays.items()
            if name.startswith("slot.")
        }
        state = TrainingState(
            params=freeze(arrays["params"]),
            optimizer=OptimizerState(said["optimizer_step"], slots or EMPTY),
            layers=EMPTY,
            step=said["step"],
            seed=said["seed"],
            total=_number_or_array(arrays["total"]),
            weight=_number_or_array(arrays["weight"]),
        )
        members = Members(
            params=arrays["best"],
            epoch=arrays["epoch"],
            score=arrays["score"],
            state=state,
            record=arrays["record"],
            waited=said["waited"],
        )
        history = History(arrays["losses"], arrays["scores"])
        rows = tuple(_row(numbers) for numbers in arrays["rows"])
        begun = Begun(members, history)
        return RunCheckpoint(begun, rows, said["engine"], said["data"], said["ended"])
    except (LookupError, TypeError, ValueError) as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem


def _number_or_array(array: Array) -> Any:
    return array if array.ndim else float(array)


def _numbers(row: HistoryRow) -> tuple[float, ...]:
    return tuple(float("nan") if value is None else float(value) for value in row)


def _row(numbers: Array) -> HistoryRow:
    epoch, loss, score, best, rate, seconds = numbers.tolist()
    told = None if np.isnan(score) else score
    return HistoryRow(int(epoch), loss, told, bool(best), rate, seconds)
