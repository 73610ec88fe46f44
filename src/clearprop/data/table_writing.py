"""Columns as a file: CSV, TSV, Parquet, Arrow or Feather, NPZ. What is written is read again by
`read_table` to the same values."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require

if TYPE_CHECKING:
    import pyarrow as pa

# By the endings of their names.
WRITERS = ("csv", "tsv", "parquet", "arrow", "feather", "npz")


def table_bytes(columns: Mapping[str, Any], ending: str) -> bytes:
    """The file of these columns, of equal length: NumPy's, or pyarrow's; text is str or None.

    Raises MissingDependencyError where it takes pyarrow and that is not there.
    """
    if ending in ("csv", "tsv"):
        return table_text(columns, "," if ending == "csv" else "\t").encode()
    stream = io.BytesIO()
    if ending == "npz":
        # np.savez takes names as arguments, and could not have a column called "file".
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, values in columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, _numpy(values), allow_pickle=False)
        return stream.getvalue()
    require("pyarrow")
    import pyarrow as pa
    from pyarrow import feather, parquet

    table = pa.table({name: _arrow(values) for name, values in columns.items()})
    if ending == "parquet":
        parquet.write_table(table, stream)
    else:
        feather.write_feather(table, stream)
    return stream.getvalue()


def table_text(columns: Mapping[str, Any], delimiter: str = ",") -> str:
    """The columns as CSV, numbers with all of their digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_cells, columns.values()), strict=True))
    return stream.getvalue()


def _cells(values: Any) -> Iterable[str]:
    """A column as text; nothing where a value is missing."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    items = values.tolist() if isinstance(values, np.ndarray) else values.to_pylist()
    return map(_cell, items)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ")
        return text.removesuffix(" 00:00:00")
    return str(value)


def _numpy(values: Any) -> Array:
    if isinstance(values, np.ndarray):
        array: Array = values
    else:
        items = values.to_pylist()
        # Lists of different lengths make no array but one of objects.
        nested = any(isinstance(one, list | dict) for one in items)
        array = _objects(items) if nested else np.array(items)
    if array.dtype.kind == "O":
        array = np.array(["" if one is None else str(one) for one in array.tolist()], str)
    return array


def _objects(items: list[Any]) -> Array:
    found = np.empty(len(items), object)
    found[:] = items
    return found


def _arrow(values: Any) -> "pa.Array | pa.ChunkedArray":
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind in "OUc" or values.ndim > 1:
        return pa.array([None if one is None else str(one) for one in values.tolist()], pa.string())
    return pa.array(values)
