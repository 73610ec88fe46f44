"""What a column of text holds: numbers, dates, categories, or words.

The same rules for every file, also for one that is read in blocks.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.table import MOST_CATEGORIES, ColumnKind

_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
_INFINITE = r"\s*[+-]?(?i:inf|infinity)\s*"
# 1.234.567,89 or 3,5: a comma before the decimals, as in much of Europe.
_COMMA = r"\s*[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\s*|\s*[+-]?\d+,\d+\s*|\s*[+-]?\d+\s*"
# A time may say how far it is from UTC, which it is counted in.
_DATE = (
    r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
    r"(?:Z|[ ]?[+-]\d{2}(?::?\d{2})?)?)?\s*"
)
_OFFSET = re.compile(r"[ ]?([+-])(\d{2}):?(\d{2})?$")
# A column with fewer strays than this share is meant to be of numbers.
STRAYS = 0.02


class ColumnType(NamedTuple):
    """The kind of a column of text, and whether a comma stands before its decimals.

    stray  the first row (from 0) whose value does not fit a column that is meant to be of numbers,
           or None
    """

    kind: ColumnKind
    comma: bool = False
    stray: int | None = None


def type_of(values: Sequence[Any] | Array, *, delimiter: str = ",") -> ColumnType:
    """The type of a column of str or None. A column without any value is one of numbers."""
    counts = TypeCounts(delimiter)
    counts.add(values)
    return counts.type()


class TypeCounts:
    """What a column of text has held so far, block by block.

    rows, words  how many values there were, and how many of them were not missing
    distinct     the different words, as long as they are no more than MOST_CATEGORIES
    """

    def __init__(self, delimiter: str = ",") -> None:
        patterns = [_NUMBER] if delimiter == "," else [_NUMBER, _COMMA]
        self._numbers = [re.compile(f"{pattern}|{_INFINITE}") for pattern in patterns]
        self._date = re.compile(_DATE)
        # Of each way to write a number: how many words are none, and the row of the first.
        self._strays, self._first = [0] * len(patterns), [-1] * len(patterns)
        self._may_be_dates, self._has_dots = True, False
        self.rows = self.words = 0
        self.distinct: set[str] = set()

    def add(self, values: Sequence[Any] | Array, first: int | None = None) -> None:
        """More values, str or None; `first` is the row of the first of them, the one behind those
        before unless told otherwise."""
        first = self.rows if first is None else first
        words = [(row, value) for row, value in enumerate(values, first) if value is not None]
        for k, number in enumerate(self._numbers):
            strays = [row for row, value in words if not number.fullmatch(value)]
            if strays:
                self._note_strays(k, len(strays), strays[0])
        date = self._date
        self._may_be_dates &= all(date.fullmatch(value) for _, value in words)
        self._has_dots = self._has_dots or any("." in value for _, value in words)
        if len(self.distinct) <= MOST_CATEGORIES:
            self.distinct.update(value for _, value in words)
        self.rows += len(values)
        self.words += len(words)

    def add_counts(self, other: "TypeCounts") -> None:
        """What other rows of the same column have held."""
        for k, (count, first) in enumerate(zip(other._strays, other._first, strict=True)):
            if count:
                self._note_strays(k, count, first)
        self._may_be_dates &= other._may_be_dates
        self._has_dots |= other._has_dots
        if len(self.distinct) <= MOST_CATEGORIES:
            self.distinct.update(other.distinct)
        self.rows += other.rows
        self.words += other.words

    def _note_strays(self, k: int, count: int, first: int) -> None:
        self._first[k] = min(self._first[k], first) if self._strays[k] else first
        self._strays[k] += count

    def type(self, *, commas: bool = False) -> ColumnType:
        """The type of what there was; where other columns of the file have `commas` before their
        decimals, 5.094 is 5094."""
        if not self.words:
            return ColumnType("number")
        if commas and self._strays[-1] == 0 and self._has_dots:
            return ColumnType("number", comma=True)
        for k, strays in enumerate(self._strays):
            if not strays:
                return ColumnType("number", k == 1)
            if strays <= STRAYS * self.words:
                return ColumnType("number", k == 1, self._first[k])
        if self._may_be_dates:
            return ColumnType("date")
        return ColumnType("category" if len(self.distinct) <= MOST_CATEGORIES else "text")


def types_of(columns: Sequence[TypeCounts]) -> list[ColumnType]:
    """The types of a file's columns, which have their decimals the same way."""
    alone = [counts.type() for counts in columns]
    commas = any(one.comma for one in alone)
    return [counts.type(commas=commas) for counts in columns] if commas else alone


def typed(values: Sequence[Any] | Array, kind: ColumnKind, *, comma: bool = False) -> Array:
    """The values of a column of str or None as its kind has them. Raises ValueError for a value
    that is not of the kind."""
    if kind == "number":
        return np.array([_number(value, comma) for value in values], np.float64)
    if kind == "date":
        return np.array([_date(value) for value in values], "datetime64[us]")
    found = np.empty(len(values), object)
    found[:] = [None if value is None else str(value).strip() for value in values]
    return found


def _number(value: str | None, comma: bool) -> float:
    if value is None:
        return float("nan")
    if comma:
        value = value.replace(".", "").replace(",", ".")
    return float(value)


def _date(value: str | None) -> np.datetime64:
    if value is None:
        return np.datetime64("NaT")
    written = value.strip().rstrip("Z").replace("/", "-").replace("T", " ")
    day, _, time = written.partition(" ")
    offset = _OFFSET.search(time)
    time = time[: offset.start()] if offset else time
    year, month, of_month = day.split("-")
    text = f"{year}-{month.zfill(2)}-{of_month.zfill(2)}"
    if time:
        hour, _, rest = time.partition(":")
        text += f"T{hour.zfill(2)}:{rest}"
    local = np.datetime64(text, "us")
    if offset is None:
        return local
    sign, hours, minutes = offset.groups()
    ahead = np.timedelta64(60 * int(hours) + int(minutes or 0), "m")
    return local - ahead if sign == "+" else local + ahead


def date_text(value: np.datetime64) -> str:
    """A date as people write it: 2001-02-03, or 2001-02-03 04:05:06."""
    text = str(value.astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")


def word_of_number(value: float) -> str:
    """A number as a word, 1234567 or 0.5: two different ones never become the same."""
    whole = np.isfinite(value) and value == np.round(value)
    return str(int(value)) if whole else repr(float(value))
