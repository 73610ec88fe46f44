"""One row, of a table or of those kept with a model, explained by the name of what is predicted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clearprop.base.errors import DataError, FileError
from clearprop.data.table import Note
from clearprop.estimators.explaining_rows import explain_row
from clearprop.estimators.row_explanation import RowExplanation
from clearprop.estimators.table_targets import ClassTarget, TableTarget
from clearprop.formats import network_file
from clearprop.runs.prediction import input_notes, open_model, table_for
from clearprop.runs.run_folder import model_path


def explain_row_of(
    path: Path, data: Path | None, row: int, output: str | None = None
) -> tuple[RowExplanation, Sequence[Note]]:
    """Which columns made the prediction of a row, and what to know of it.

    path    the folder of a run, or a model's file
    data    the table that the row stands in; None takes the rows that are kept with the model
    output  the class, or the column of the target; the likeliest class, and the first column,
            unless told otherwise

    Raises what `open_model` and `table_for` raise, FileError where no rows are kept, and DataError
    for a row or an output that is not there.
    """
    model = open_model(path)
    if data is not None:
        table = table_for(model, data)
    else:
        kept = network_file.load(model_path(path)).x
        if kept is None:
            raise FileError("file_without_sample", path=path)
        table = model.preparation_.table_of(kept)
    if row >= table.rows:
        raise DataError("row_not_there", row=row, rows=table.rows)
    place = None if output is None else _place(model.learned_.target, output)
    found = explain_row(model.preparation_, model.learned_, table, row, place)
    # What is kept is of the training, but for rounding.
    shown = table.take(np.array([row]))
    return found, () if data is None else input_notes(model.preparation_, shown)


def _place(target: TableTarget, output: str) -> int:
    names = [
        str(one) for one in (target.classes if isinstance(target, ClassTarget) else target.columns)
    ]
    if output not in names:
        raise DataError("output_unknown", output=output, known=", ".join(names))
    return names.index(output)
