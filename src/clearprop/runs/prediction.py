"""What a model predicts of a table's rows, as columns for a file; and what to know of the rows."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.base.numbers import brief
from clearprop.data.preparation import CategoryInput, NumberInput, Preparation
from clearprop.data.reading import read_as_written, read_table
from clearprop.data.table import Column, Note, Table
from clearprop.estimators.table_targets import ClassTarget, LabelTarget, NumberTarget
from clearprop.runs.run_folder import model_path

# Words that are named of those that training did not have.
MOST_NAMED = 5


def open_model(path: Path) -> Any:
    """The NetworkRegressor or NetworkClassifier of a run's folder, or of a file of its own.

    Raises FileError, NewerFileError and DamagedFileError for what is none of these, and
    MissingDependencyError.
    """
    file = model_path(path)
    require("sklearn")
    from clearprop.estimators.model_file import load_model
    from clearprop.estimators.network_estimators import NetworkClassifier, NetworkRegressor

    return load_model(file, NetworkRegressor, NetworkClassifier)


def table_for(
    model: Any,
    path: Path,
    *,
    encoding: str | None = None,
    words: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> Table:
    """The table in a file, with words where the model knows words, and in the columns `words`;
    `others` are asked for besides the columns of the training.

    Raises what `read_table` raises, and DataError where columns of the training are not there.
    """
    preparation: Preparation = model.preparation_
    table = read_table(
        path,
        encoding=encoding,
        words=(*preparation.words, *words),
        used=(*preparation.columns, *others),
    )
    preparation.require_columns(table)
    return table


def predictions(model: Any, table: Table, *, interval: float | None = None) -> dict[str, Array]:
    """What is predicted of every row, by the columns' names: predicted_price, and with an interval
    (0.9) predicted_price_low and predicted_price_high; of classes predicted_kind, and the
    probability of each, probability_red; of labels both for every label.

    Raises ConfigurationError for an interval around classes, and what the model's `predict` raises.
    """
    target = model.learned_.target
    if isinstance(target, NumberTarget):
        return _numbers(model, table, target, interval)
    if interval is not None:
        raise ConfigurationError("interval_of_classes")
    probabilities = model.predict_proba(table)
    if isinstance(target, ClassTarget):
        likeliest = model.classes_[probabilities.argmax(axis=1)]
        return {
            f"predicted_{target.column}": likeliest,
            **{
                f"probability_{name}": probabilities[:, place]
                for place, name in enumerate(target.classes)
            },
        }
    found: dict[str, Array] = {}
    for place, name in enumerate(target.columns):
        found[f"predicted_{name}"] = (probabilities[:, place] > 0.5).astype(np.int64)
        found[f"probability_{name}"] = probabilities[:, place]
    return found


def with_kept(
    found: Mapping[str, Array], path: Path, names: tuple[str, ...], encoding: str | None = None
) -> dict[str, Any]:
    """The predictions behind columns of the file that they are of, which are carried along as they
    are written there. Raises DataError for a name that is not there, or that a prediction has."""
    names = tuple(dict.fromkeys(names))
    taken = [name for name in names if name in found]
    if taken:
        raise DataError("keep_taken", column=taken[0])
    kept = read_as_written(path, names, encoding) if names else {}
    return {**kept, **found}


def input_notes(preparation: Preparation, table: Table) -> tuple[Note, ...]:
    """Rows that hold what training did not have: words that were not seen, and numbers outside of
    their range. The keys are those of whole sentences."""
    return tuple(
        (f"prediction.notes.{key}", values)
        for one in preparation.inputs
        for key, values in _notes_of(one, table[one.column])
    )


def _notes_of(one: NumberInput | CategoryInput, column: Column) -> Iterator[Note]:
    def counted(where: Array) -> dict[str, object]:
        return {"column": one.column, "count": int(where.sum()), "rows": len(where)}

    if isinstance(one, CategoryInput):
        unseen = one.unseen(column)
        if unseen.any():
            words = list(dict.fromkeys(map(str, column.values[unseen])))
            named = ", ".join(words[:MOST_NAMED]) + (" …" if len(words) > MOST_NAMED else "")
            yield "unseen", {**counted(unseen), "words": named}
        return
    if column.kind not in ("number", "date"):
        # Refused where the features are made of it.
        return
    if one.fill is not None and not one.indicator and column.missing.any():
        yield "filled", counted(column.missing)
    with np.errstate(invalid="ignore"):
        outside = (column.numbers < one.low) | (column.numbers > one.high)
    if outside.any():
        low, high = (_told(one, value) for value in (one.low, one.high))
        yield "outside", {**counted(outside), "low": low, "high": high}


def _told(one: NumberInput, value: float) -> str:
    """A number of the column as its table has it: days since 1970 are a date."""
    return str(np.datetime64(int(value), "D")) if one.is_date else brief(value)


def _numbers(
    model: Any, table: Table, target: NumberTarget, interval: float | None
) -> dict[str, Array]:
    if interval is None:
        said = _columns(model.predict(table))
        return {f"predicted_{name}": said[:, k] for k, name in enumerate(target.columns)}
    found = model.predict(table, interval=interval)
    said, low, high = map(_columns, found)
    # Several quantiles are of one number.
    names = target.columns
    if said.shape[1] < len(names):
        names = (names[0].rpartition("@")[0],)
    columns: dict[str, Array] = {}
    for k, name in enumerate(names):
        columns[f"predicted_{name}"] = said[:, k]
        columns[f"predicted_{name}_low"] = low[:, k]
        columns[f"predicted_{name}_high"] = high[:, k]
    return columns


def _columns(values: Array) -> Array:
    return values[:, None] if values.ndim == 1 else values


def task_of_model(model: Any) -> str:
    """What a model predicts: "regression", "classification" or "multilabel"."""
    target = model.learned_.target
    if isinstance(target, NumberTarget):
        return "regression"
    return "multilabel" if isinstance(target, LabelTarget) else "classification"
