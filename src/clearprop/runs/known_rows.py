"""Rows of a table whose truth is known, as a model takes them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.data.table import Note, Table
from clearprop.engine.losses import Pinball
from clearprop.estimators.table_targets import ClassTarget, TableTarget
from clearprop.runs.prediction import input_notes, open_model, table_for, task_of_model
from clearprop.runs.run_data import RunData, run_data
from clearprop.runs.run_folder import SETTINGS, is_run
from clearprop.runs.run_settings import RunSettings, read_settings


class KnownRows(NamedTuple):
    """The rows that have a truth: with all columns that were asked for, and as a run takes them;
    the model's target, called as it is there; and what to know of them, sentences by their keys."""

    rows: Table
    data: RunData
    target: TableTarget
    notes: tuple[Note, ...]


def known_rows(
    model: Any,
    path: Path,
    *,
    target: Sequence[str] = (),
    weights: str | None = None,
    group: str | None = None,
    encoding: str | None = None,
) -> KnownRows:
    """Read a file for a model.

    target   the columns that hold the truth; those of the model unless told otherwise
    weights  the column that says how much each row counts
    group    a column that is asked for besides

    Raises what `table_for` and `run_data` raise, and DataError for as many targets as the model
    does not have.
    """
    columns = tuple(target) or target_columns(model)
    if len(columns) != len(target_columns(model)):
        expected = ", ".join(target_columns(model))
        raise DataError("evaluation_targets", came=len(columns), expected=expected)
    classes = None
    if isinstance(model.learned_.target, ClassTarget):
        classes = list(model.classes_)
    words = columns if classes is not None and isinstance(classes[0], str) else ()
    others = tuple(name for name in (*columns, weights, group) if name is not None)
    table = table_for(model, path, encoding=encoding, words=words, others=others)
    table = table.only(dict.fromkeys((*model.preparation_.columns, *others)))
    settings = RunSettings(
        data=str(path),
        target=columns,
        task=task_of_model(model),
        weights=weights,
        missing=model.missing,
    )
    data = run_data(table, settings, classes)
    rows = table.take(data.rows)
    learned = model.learned_.target
    if isinstance(learned, ClassTarget):
        learned = replace(learned, column=columns[0])
    return KnownRows(rows, data, learned, (*data.notes, *input_notes(model.preparation_, rows)))


def learned_from(path: Path, data: Path) -> tuple[Note, ...]:
    """That a run has learned from the very file that it is to be judged by; nothing of others."""
    if not is_run(path):
        return ()
    own = Path(read_settings(path / SETTINGS).data)
    same = own.exists() and data.exists() and own.samefile(data)
    return (("prediction.notes.learned_from", {"path": data}),) if same else ()


def samples_for(
    path: Path, data: Path, target: Sequence[str]
) -> tuple[Array, Array, tuple[Note, ...]]:
    """A file's rows as the network in a model's file takes them: features (N, F), and the target
    as its loss takes it. Raises what `open_model` and `known_rows` raise."""
    model = open_model(path)
    known = known_rows(model, data, target=target)
    learned = model.learned_
    dtype = learned.params.dtype
    truth = known.data.truth
    if len(quantiles_of(model)) > 1:
        truth = np.repeat(truth, learned.target.outputs, axis=1)
    features: Array = model.preparation_.matrix(known.rows)
    return features.astype(dtype), known.target.encode(truth, dtype), known.notes


def target_columns(model: Any) -> tuple[str, ...]:
    """What a model's target is called in its table; several quantiles are of one column."""
    target = model.learned_.target
    if isinstance(target, ClassTarget):
        return (target.column,)
    if len(quantiles_of(model)) > 1:
        return (target.columns[0].rpartition("@")[0],)
    columns: tuple[str, ...] = target.columns
    return columns


def quantiles_of(model: Any) -> tuple[float, ...]:
    """The quantiles that a model predicts; none of one that predicts something else."""
    loss = model.learned_.loss
    return loss.quantiles if isinstance(loss, Pinball) else ()
