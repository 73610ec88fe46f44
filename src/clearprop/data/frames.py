"""A data frame as a table: what narwhals knows (pandas, polars, pyarrow, …), and NumPy arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed, require
from clearprop.base.errors import DataError
from clearprop.data.table import MOST_CATEGORIES, Column, ColumnKind, Table
from clearprop.data.typing_columns import typed

if TYPE_CHECKING:
    import pyarrow as pa


def is_frame(value: Any) -> bool:
    """Whether narwhals takes it for a data frame."""
    if isinstance(value, np.ndarray) or not is_installed("narwhals"):
        return False
    import narwhals

    return narwhals.dependencies.is_into_dataframe(value)


def table_of_frame(frame: Any, source: str = "") -> Table:
    """The columns of a data frame, durations in days; one that is neither numbers, dates nor words
    is of the kind "other", which is refused where it is used.

    Raises MissingDependencyError without narwhals.
    """
    require("narwhals")
    import narwhals

    wrapped = narwhals.from_native(frame, eager_only=True)
    return Table(
        tuple(_column_of_series(series, str(series.name)) for series in wrapped.iter_columns()),
        source,
    )


def has_numbers_alone(frame: Any) -> bool:
    """Whether every column of a data frame is one of numbers."""
    return all(column.kind == "number" for column in table_of_frame(frame).columns)


def table_of_arrow(table: "pa.Table", source: str) -> Table:
    """The columns of an Arrow table. Raises what `table_of_frame` raises, and DataError for a name
    that stands there twice."""
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise DataError("column_name_twice", source=source, column=name)
    return table_of_frame(table, source)


def table_of_array(array: Array, names: tuple[str, ...] | None = None) -> Table:
    """A matrix (N, F) of numbers as columns x0, x1 … unless they have names."""
    names = names or tuple(f"x{k}" for k in range(array.shape[1]))
    return Table(
        tuple(
            Column(name, "number", array[:, k].astype(np.float64)) for k, name in enumerate(names)
        )
    )


def _column_of_series(series: Any, name: str) -> Column:
    dtype = series.dtype
    missing = series.is_null().to_numpy()
    if dtype.is_numeric() or str(dtype) == "Boolean":
        values = np.array(
            [np.nan if gone else float(value) for value, gone in zip(series, missing, strict=True)]
            if missing.any()
            else series.to_numpy(),
            np.float64,
        )
        return Column(name, "number", values)
    if str(dtype).startswith("Duration"):
        days = series.to_numpy().astype("timedelta64[us]") / np.timedelta64(1, "D")
        return Column(name, "number", days)
    if dtype.is_temporal() and str(dtype) != "Time":
        values = series.to_numpy().astype("datetime64[us]")
        return Column(name, "date", values)
    if str(dtype).partition("(")[0] in ("String", "Categorical", "Enum", "Object", "Unknown"):
        words: list[Any] = [None if gone else v for v, gone in zip(series, missing, strict=True)]
        if any(
            not isinstance(value, str | bool | int | float) for value in words if value is not None
        ):
            return _of_no_use(name, dtype, missing)
        strings = [None if value is None else str(value) for value in words]
        distinct = len(set(strings) - {None})
        few = distinct <= MOST_CATEGORIES or str(dtype).startswith(("Categorical", "Enum"))
        kind: ColumnKind = "category" if few else "text"
        return Column(name, kind, typed(strings, kind))
    return _of_no_use(name, dtype, missing)


def _of_no_use(name: str, dtype: Any, missing: Array) -> Column:
    values = np.full(len(missing), str(dtype), object)
    values[missing] = None
    return Column(name, "other", values)
