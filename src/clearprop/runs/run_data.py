"""A table as a run takes it: the columns that go in, what is to be predicted, and which rows are
held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.data.preparation import rows_without_missing
from clearprop.data.reading import read_table
from clearprop.data.table import MOST_CATEGORIES, Column, Note, Table
from clearprop.data.typing_columns import word_of_number
from clearprop.data.yes_or_no import NUMBERS, are_flags, spellings
from clearprop.runs.run_settings import RunSettings

# Whole numbers 0, 1, 2 … (or from 1 on) of no more kinds than this are taken for classes.
MOST_NUMBERED = 10
# Words that are labels: what is not, and what is.
LABELS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"))


class Targets(NamedTuple):
    """What is to be predicted.

    task     "regression", "classification" or "multilabel"
    truth    numbers (N, D), classes (N,) as words or whole numbers, or labels of 0 and 1 (N, D)
    known    (N,) where every target column has a value; what stands elsewhere means nothing
    """

    task: str
    truth: Array
    known: Array


@dataclass(frozen=True, eq=False)
class RunData:
    """Rows that a run learns from or is judged by.

    inputs   the columns that the network is given
    task, truth  as in `Targets`; `columns` are their names
    weight   (N,) how much each row counts; None where all count alike
    groups   (N,) words by which errors are told; None without a group column
    times    (N,) numbers or datetime64, by which rows are earlier or later; None without a column
    rows     (N,) which row of its file each is, from 0
    notes    what a person should know
    """

    inputs: Table
    task: str
    truth: Array
    columns: tuple[str, ...]
    weight: Array | None
    groups: Array | None
    times: Array | None
    rows: Array
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Array) -> "RunData":
        """Some of the rows: indices or a mask (N,)."""
        return replace(
            self,
            inputs=self.inputs.take(rows),
            truth=self.truth[rows],
            weight=None if self.weight is None else self.weight[rows],
            groups=None if self.groups is None else self.groups[rows],
            times=None if self.times is None else self.times[rows],
            rows=self.rows[rows],
        )


def read_run_table(path: str | Path, settings: RunSettings, words: Sequence[str] = ()) -> Table:
    """A file as the run's own table is read; `words` are columns that hold words there. Raises what
    `data.read_table` raises."""
    return read_table(
        path,
        encoding=settings.encoding,
        categories=settings.categories,
        words=(*settings.unread, *words),
    )


def run_data(table: Table, settings: RunSettings, classes: Sequence[Any] | None = None) -> RunData:
    """A table's rows as a run takes them; `classes` are those of a model that knows them already.

    Rows without a target are left out, and with `missing="drop"` those that lack anything; `notes`
    say how many. So are rows of the weight 0.

    Raises DataError for columns that are not there or hold something else than the task takes, and
    for a table that has no row left.
    """
    aside = dict.fromkeys(settings.aside)
    twice = [name for name in (*aside, *settings.drop) if name in settings.target]
    if twice:
        raise ConfigurationError("column_of_two_kinds", column=twice[0])
    targets = targets_of(table, settings.target, settings.task, classes)
    inputs = table.without([*dict.fromkeys((*settings.target, *aside, *settings.drop))])
    if not inputs.columns:
        raise DataError("no_inputs", source=table.source)
    notes: list[Note] = []
    kept = targets.known
    if not kept.all():
        left_out = {"count": int((~kept).sum()), "columns": ", ".join(settings.target)}
        notes.append(("runs.notes.target_missing", left_out))
    if settings.missing == "drop":
        whole = rows_without_missing(inputs)
        if (kept & ~whole).any():
            notes.append(("runs.notes.rows_dropped", {"count": int((kept & ~whole).sum())}))
        kept = kept & whole
    weight = None if settings.weights is None else _weights(table[settings.weights])
    if weight is not None:
        kept = kept & (weight > 0)
    if not kept.any():
        raise DataError("no_rows_left", source=table.source)
    data = RunData(
        inputs=inputs,
        task=targets.task,
        truth=targets.truth,
        columns=settings.target,
        weight=weight,
        groups=None if settings.group is None else _words(table[settings.group]),
        times=None if settings.time is None else _times(table[settings.time]),
        rows=np.arange(table.rows),
        notes=tuple(notes),
    )
    return data if kept.all() else data.take(kept)


def targets_of(
    table: Table, columns: Sequence[str], task: str, classes: Sequence[Any] | None = None
) -> Targets:
    """What stands in the target columns, for a task or for the one that they look like.

    classes  those of a model that knows them already: what is written 1 may be a word there

    Raises DataError for columns that do not hold what the task takes.
    """
    found = [table[name] for name in columns]
    for name in columns:
        if list(columns).count(name) > 1:
            raise ConfigurationError("target_twice", column=name)
    known = np.ones(table.rows, bool)
    for column in found:
        column.require_usable()
        known &= ~column.missing
    if not known.any():
        raise DataError("target_all_missing", columns=", ".join(columns))
    if task == "auto":
        task = task_of([column.take(known) for column in found])
    if task == "classification":
        if len(found) > 1:
            raise DataError("classification_of_several", columns=", ".join(columns))
        return Targets(task, _classes(found[0], known, classes), known)
    read = _labels if task == "multilabel" else _numbers
    return Targets(task, np.stack([read(column, known) for column in found], axis=1), known)


def task_of(columns: Sequence[Column]) -> str:
    """The task that target columns without missing values look like."""
    if len(columns) > 1:
        return "multilabel" if all(map(_is_label, columns)) else "regression"
    column = columns[0]
    if column.kind in ("category", "text"):
        return "classification"
    if column.kind == "date":
        return "regression"
    distinct = np.unique(column.values)
    numbered = len(distinct) <= MOST_NUMBERED and (
        np.array_equal(distinct, np.arange(len(distinct)) + distinct[0]) and distinct[0] in (0, 1)
    )
    return "classification" if numbered else "regression"


def split(data: RunData, settings: RunSettings) -> tuple[RunData, RunData | None]:
    """The rows that are learned from and those that are held out; None where the settings ask for
    folds, a file or nothing.

    By time the latest are held out; otherwise whole groups where there are groups, or rows drawn by
    the seed, of every class its share.
    """
    share = settings.validation
    if isinstance(share, str):
        return data, None
    if data.times is not None:
        held_out = _latest(data.times, share)
    elif data.groups is not None:
        held_out = _whole_groups(data.groups, share, settings.seed)
    else:
        classes = data.truth if data.task == "classification" else None
        held_out = _drawn(len(data), share, settings.seed, classes)
    if held_out.all() or not held_out.any():
        raise DataError("split_empty", rows=len(data), share=share)
    return data.take(~held_out), data.take(held_out)


def _latest(times: Array, share: float) -> Array:
    """The latest rows; those of one moment stay together."""
    count = max(1, round(len(times) * share))
    latest: Array = times >= np.sort(times)[-count]
    return latest


def _whole_groups(groups: Array, share: float, seed: int) -> Array:
    names, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError("group_alone", value=names[0])
    order = keyed_generator(seed, path="validation").permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    # At least one group is held out, and one is learned from.
    chosen = order[before < share * len(groups)][: len(names) - 1]
    return np.isin(which, chosen)


def _drawn(count: int, share: float, seed: int, classes: Array | None) -> Array:
    order = keyed_generator(seed, path="validation").permutation(count)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    # Evenly through the order, so that every class has its share.
    places = np.arange(count + 1) * share
    held_out = np.zeros(count, bool)
    held_out[order[np.floor(places[1:]) > np.floor(places[:-1])]] = True
    if classes is not None:
        _learn_of_every_class(held_out, classes)
    return held_out


def _learn_of_every_class(held_out: Array, classes: Array) -> None:
    """Take one row back of a class whose rows are all held out: no network would know it."""
    names, first = np.unique(classes, return_index=True)
    alone = ~np.isin(names, classes[~held_out])
    held_out[first[alone]] = False


def _numbers(column: Column, known: Array) -> Array:
    if column.kind in ("category", "text"):
        row = int(np.argmax(known))
        raise DataError("target_is_word", column=column.name, value=column.values[row], row=row)
    values = np.where(known, column.numbers, 0.0)
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise DataError("value_infinite", column=column.name, row=row)
    return values


def _classes(column: Column, known: Array, classes: Sequence[Any] | None) -> Array:
    if column.kind == "date":
        raise DataError("target_is_date", column=column.name)
    words = classes is not None and isinstance(classes[0], str)
    if column.kind in ("category", "text"):
        found = np.array(["" if value is None else str(value) for value in column.values])
        if classes is not None and not words:
            return _as_numbers(found, known)
        found = _as_known(found, classes)
    elif words:
        found = _as_known([word_of_number(value) for value in column.values], classes)
    else:
        values = np.where(known, column.values, column.values[np.argmax(known)])
        whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53)
        if not whole.all():
            row = int(np.argmin(whole))
            raise DataError("class_not_whole", column=column.name, value=values[row], row=row)
        found = values.astype(np.int64)
    if classes is None and len(np.unique(found[known])) > MOST_CATEGORIES:
        raise DataError(
            "classes_many",
            column=column.name,
            count=len(np.unique(found[known])),
            most=MOST_CATEGORIES,
        )
    return found


def _as_known(words: Sequence[str] | Array, classes: Sequence[Any] | None) -> Array:
    """Yes and no as a model's classes have them; all other words as they are."""
    same = {} if classes is None else spellings(map(str, classes))
    return np.array([same.get(word, word) for word in map(str, words)])


def _as_numbers(words: Array, known: Array) -> Array:
    """Words where a model knows whole numbers: one that is none was not there in training."""
    if are_flags(words[known]):
        words = np.array([f"{NUMBERS.get(word.lower(), 0):.0f}" for word in map(str, words)])
    try:
        return np.array(
            [int(word) if is_known else 0 for word, is_known in zip(words, known, strict=True)]
        )
    except ValueError:
        return words


def _is_label(column: Column) -> bool:
    if column.kind == "number":
        return set(np.unique(column.values)) <= {0.0, 1.0}
    words = {word.lower() for word in column.distinct}
    return column.kind == "category" and any(words <= set(pair) for pair in LABELS)


def _labels(column: Column, known: Array) -> Array:
    if not _is_label(column.take(known)):
        raise DataError("label_unknown", column=column.name)
    if column.kind == "number":
        return np.where(known, column.values, 0.0).astype(np.int64)
    yes = {pair[1] for pair in LABELS}
    return np.array([str(value).lower() in yes for value in column.values]).astype(np.int64)


def _weights(column: Column) -> Array:
    if column.kind != "number":
        raise DataError("weight_is_word", column=column.name)
    wrong = ~(np.isfinite(column.values) & (column.values >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError("weight_wrong", column=column.name, row=row, value=column.values[row])
    return column.values


def _words(column: Column) -> Array:
    column.require_usable()
    if column.kind == "number":
        return np.array([word_of_number(value) for value in column.values])
    return np.array(["" if value is None else str(value) for value in column.values])


def _times(column: Column) -> Array:
    if column.kind not in ("number", "date"):
        raise DataError("time_is_word", column=column.name)
    if column.missing.any():
        row = int(np.argmax(column.missing))
        raise DataError("value_missing_time", column=column.name, row=row)
    return column.values
