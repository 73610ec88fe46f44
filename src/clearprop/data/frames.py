"""A data frame as a table: what narwhals knows (pandas, polars, pyarrow, …), and NumPy arrays."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from numbers import Real
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
    """Whether narwhals takes it for a data frame. Raises DataError for one that holds no rows yet
    (a LazyFrame)."""
    if isinstance(value, np.ndarray) or not is_installed("narwhals"):
        return False
    import narwhals

    if narwhals.dependencies.is_into_dataframe(value):
        return True
    if type(value).__name__ == "LazyFrame":
        raise DataError("frame_lazy")
    return False


def table_of_frame(frame: Any, source: str = "", *, words: Sequence[str] = ()) -> Table:
    """The columns of a data frame, durations in days; one that is neither numbers, dates nor words
    is of the kind "other", which is refused where it is used.

    words  columns of objects that hold words, also where these here happen to be numbers alone

    Raises DataError for a name that stands there twice and for a frame without columns, and
    MissingDependencyError without narwhals.
    """
    columns = [
        _column_of_series(series, str(series.name), is_words=series.name in words)
        for series in _series_of(frame, source)
    ]
    return Table(tuple(columns), source)


def has_numbers_alone(frame: Any, source: str = "") -> bool:
    """Whether every column of a data frame is of a type of numbers. Raises what `table_of_frame`
    raises."""
    return all(_is_number(series.dtype) for series in _series_of(frame, source))


def _series_of(frame: Any, source: str) -> list[Any]:
    require("narwhals")
    import narwhals

    # Of an Arrow table `columns` are the columns themselves.
    names = [*map(str, getattr(frame, "column_names", getattr(frame, "columns", ())))]
    for name in names:
        if names.count(name) > 1:
            raise DataError("column_name_twice", source=source, column=name)
    series = list(narwhals.from_native(frame, eager_only=True).iter_columns())
    if not series:
        raise DataError("columns_none", source=source)
    return series


def objects_of(value: Any, *, words: Sequence[str] = ()) -> Array | None:
    """Lists or an array of objects with words or dates among them, as objects; None for anything
    else, which is to be numbers. Where some columns hold `words`, all objects are taken as such.
    Raises DataError for an array of text alone, in which a number cannot be told from a word."""
    if isinstance(value, np.ndarray):
        _refuse_text(value)
        objects = value
    elif isinstance(value, list | tuple):
        try:
            objects = np.array(value, object)
        except ValueError:  # of different lengths
            return None
    else:
        return None
    if objects.dtype != object or objects.ndim != 2:
        return None
    is_mixed = any(isinstance(one, str | date | timedelta) for one in objects.flat)
    return objects if is_mixed or words else None


def _refuse_text(array: Array) -> None:
    if array.dtype.kind in "US":
        try:
            array.astype(np.float64)
        except ValueError as problem:
            raise DataError("array_of_text", dtype=array.dtype) from problem


def table_of_objects(
    array: Array, names: Sequence[str] | None = None, *, words: Sequence[str] = ()
) -> Table:
    """A matrix (N, F) of Python's own numbers, dates and words as columns x0, x1 … unless they have
    names; `words` and what is of no use as in `table_of_frame`."""
    names = tuple(names or (f"x{k}" for k in range(array.shape[1])))
    return Table(
        tuple(
            _column_of_objects(name, list(column), is_words=name in words)
            for name, column in zip(names, array.T, strict=True)
        )
    )


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


def _is_number(dtype: Any) -> bool:
    return dtype.is_numeric() or str(dtype) == "Boolean"


def _column_of_series(series: Any, name: str, *, is_words: bool) -> Column:
    dtype = series.dtype
    family = str(dtype).partition("(")[0]
    missing = series.is_null().to_numpy()
    if _is_number(dtype):
        numbers = np.array(
            [np.nan if gone else float(value) for value, gone in zip(series, missing, strict=True)]
            if missing.any()
            else series.to_numpy(),
            np.float64,
        )
        return Column(name, "number", numbers)
    if family == "Duration":
        return Column(name, "number", _days(series.to_numpy()))
    if dtype.is_temporal() and family != "Time":
        return Column(name, "date", series.to_numpy().astype("datetime64[us]"))
    values = [None if gone else value for value, gone in zip(series, missing, strict=True)]
    if family in ("Categorical", "Enum"):
        # Whatever they are: numbers, intervals, words.
        return Column(name, "category", typed([_text(value) for value in values], "category"))
    if family in ("String", "Object", "Unknown"):
        return _column_of_objects(name, values, is_words=is_words or family == "String")
    return _of_no_use(name, dtype, values)


def _column_of_objects(name: str, values: list[Any], *, is_words: bool) -> Column:
    """A column whose type is that of its values, None or NaN where one is missing."""
    values = [None if is_missing(value) else value for value in values]
    present = [value for value in values if value is not None]

    def all_are(*kinds: type) -> bool:
        return bool(present) and all(isinstance(value, kinds) for value in present)

    if not is_words and all_are(Real, Decimal, np.bool_):
        numbers = [np.nan if value is None else float(value) for value in values]
        return Column(name, "number", np.array(numbers))
    if not is_words and all_are(date, np.datetime64):
        # Of a zone: the same moment, as UTC has it.
        moments = [
            value.astimezone(UTC).replace(tzinfo=None) if getattr(value, "tzinfo", None) else value
            for value in values
        ]
        return Column(name, "date", np.array(moments, "datetime64[us]"))
    if not is_words and all_are(timedelta, np.timedelta64):
        return Column(name, "number", _days(np.array(values, "timedelta64[us]")))
    if present and not all_are(str, Real, np.bool_):
        kind = next(type(one) for one in present if not isinstance(one, str | Real | np.bool_))
        return _of_no_use(name, kind.__name__, values)
    strings = [_text(value) for value in values]
    kind_of_words: ColumnKind = (
        "category" if len(set(strings) - {None}) <= MOST_CATEGORIES else "text"
    )
    return Column(name, kind_of_words, typed(strings, kind_of_words))


def is_missing(value: Any) -> bool:
    """Whether a value of an array of objects stands for none: None, NaN, and pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _days(durations: Array) -> Array:
    """Durations as days, in the unit of dates; NaN where one is missing."""
    days: Array = durations.astype("timedelta64[us]") / np.timedelta64(1, "D")
    return days


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _of_no_use(name: str, dtype: Any, values: list[Any]) -> Column:
    told = [None if value is None else str(dtype) for value in values]
    return Column(name, "other", np.array(told, object))
