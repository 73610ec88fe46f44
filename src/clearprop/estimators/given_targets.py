"""The targets that somebody hands over: labels of one kind (words, whole numbers, flags), or
numbers."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.data.frames import is_missing


def plain_labels(y: Any) -> Any:
    """Labels (N,) in lists, of objects, and of the nullable types of pandas, as NumPy's own flags,
    whole numbers or numbers, where all are of one of these; anything else as it is.

    Raises DataError for a label that is missing, for words among numbers, and for dates.
    """
    dtype = getattr(y, "dtype", None)
    if isinstance(y, np.ndarray) and y.dtype != object:
        if y.dtype.kind in "mM":
            raise DataError("labels_of_dates", value=y.reshape(-1)[0])
        return y
    is_known = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    if is_known or (dtype is None and not isinstance(y, list | tuple)):
        return y
    values = np.asarray(y, object)
    if values.ndim != 1 or not len(values):
        return y
    missing = [is_missing(value) for value in values]
    if any(missing):
        raise DataError("label_missing", row=int(np.argmax(missing)))
    kinds: tuple[tuple[Any, Any], ...] = (
        (bool | np.bool_, np.bool_),
        (Integral, np.int64),
        (Real, np.float64),
    )
    for kind, plain in kinds:
        if all(isinstance(value, kind) for value in values):
            return values.astype(plain)
    first = values[0]
    other = next((value for value in values if type(value) is not type(first)), None)
    if other is not None and not all(isinstance(value, str) for value in values):
        raise DataError("labels_mixed", first=first, other=other)
    if hasattr(first, "isoformat"):
        raise DataError("labels_of_dates", value=first)
    return values if dtype is not None else y


def require_no_words(y: Any) -> None:
    """Refuse words that are no numbers, and dates. Raises DataError."""
    given = np.asarray(y)
    if given.dtype.kind == "M":
        raise DataError("target_of_dates", value=given.reshape(-1)[0])
    if given.dtype.kind not in "OU":
        return
    for row, value in enumerate(given.reshape(-1)):
        if isinstance(value, str):
            try:
                float(value)
            except ValueError as problem:
                raise DataError("target_of_words", value=str(value), row=row) from problem


def require_same_classes(known: Array, said: Any) -> None:
    """Refuse other classes than those of the first call. Raises DataError."""
    classes = np.unique(said)
    if not np.array_equal(classes, known):
        listed = {"known": ", ".join(map(str, known)), "said": ", ".join(map(str, classes))}
        raise DataError("classes_changed", **listed)
