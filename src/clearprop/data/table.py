"""A table: columns of numbers, dates or text, all of one length."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError

# number: float64, NaN where one is missing.  date: datetime64[us], NaT where one is missing.
# category: str or None, few of them.  text: str or None, so many that they are no categories.
# other: of a type that no network takes, whose name stands where there is a value; None elsewhere.
ColumnKind: TypeAlias = Literal["number", "date", "category", "text", "other"]

# The key of a sentence that a person should read, and what stands in it.
Note: TypeAlias = tuple[str, dict[str, object]]

# More different words than this are no categories: one-hot columns for each would be most of the
# network.
MOST_CATEGORIES = 200


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its name, what it holds, and the values (N,)."""

    name: str
    kind: ColumnKind
    values: Array

    @cached_property
    def missing(self) -> Array:
        """Where there is no value, (N,) booleans."""
        if self.kind == "number":
            return np.isnan(self.values)
        if self.kind == "date":
            return np.isnat(self.values)
        return np.array([value is None for value in self.values], bool)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """The different words of a category or text, in alphabetical order."""
        return tuple(sorted({str(value) for value in self.values if value is not None}))

    @property
    def numbers(self) -> Array:
        """A number's values, or a date's days since 1970, in float64; NaN where one is missing.

        Raises DataError for words, and for a type that no network takes.
        """
        self.require_usable()
        if self.kind == "number":
            return self.values
        if self.kind == "date":
            days = self.values.astype("datetime64[us]").astype(np.int64) / 86_400e6
            return np.where(self.missing, np.nan, days)
        raise DataError("column_is_text", column=self.name)

    def require_usable(self) -> None:
        """Raises DataError where the column is of a type that no network takes."""
        if self.kind == "other":
            raise DataError("column_type", column=self.name, dtype=", ".join(self.distinct))

    def take(self, rows: Array) -> "Column":
        """The column of some of the rows."""
        return Column(self.name, self.kind, self.values[rows])


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file or frame, in order.

    source  what it is called in sentences
    notes   what was noticed while it was read
    """

    columns: tuple[Column, ...]
    source: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        return tuple(column.name for column in self.columns)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.columns[0].values) if self.columns else 0

    def __getitem__(self, name: str) -> Column:
        """The column `name`. Raises DataError where there is none, with those that there are."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError(
            "column_not_there", source=self.source, column=name, known=", ".join(self.names)
        )

    def only(self, names: Iterable[str]) -> "Table":
        """The table of these columns, in this order. Raises DataError for one that is not there."""
        columns = tuple(self[name] for name in names)
        return Table(columns, self.source, self.notes)

    def without(self, names: Iterable[str]) -> "Table":
        """The table without these columns. Raises DataError for one that is not there."""
        left_out = {self[name].name for name in names}
        return self.only(name for name in self.names if name not in left_out)

    def take(self, rows: Array) -> "Table":
        """The table of some of the rows: indices or a mask (N,)."""
        return Table(
            tuple(column.take(rows) for column in self.columns),
            self.source,
            self.notes,
        )
