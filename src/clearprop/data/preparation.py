"""What a network is given of a table's columns, and how a feature reads in the table's own units.

Number       (x − centre) · factor, within ±10³⁰: the median and the interquartile range, half the
             span where that is 0; a column of two values becomes 0 and 1. A date is its days since
             1970. A missing value becomes the median; where some were missing a further feature
             says so.
Category     one feature for every word seen, 1 for the word that stands there. All of them are 0
             for a word that was not seen: the bucket of everything else, which the words share that
             were too rare to learn.

What was measured is kept, so that new rows are treated as those of the training were.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import DataError
from clearprop.base.settings import settle_choice
from clearprop.data.table import Column, Table
from clearprop.data.yes_or_no import NUMBERS, are_flags, spellings

MISSING_POLICIES = ("error", "drop", "median", "indicator")
SCALINGS = ("robust", "standard", "none")

# Below so many rows everything is done so that a row of weight 2 is the same as that row twice.
FEW_ROWS = 64
# A column that spans less is constant: 1 / span would be infinite.
SMALLEST_SPAN = 1e-300

# A feature is held within this: a number beyond what float32 has would be none in the network.
LARGEST_FEATURE = 1e30

# What a missing word is called among the words.
NO_WORD = ""


@dataclass(frozen=True)
class NumberInput(Configurable):
    """A column of numbers or dates: (x − centre) · factor.

    fill       what stands for a missing value; None where they are refused
    indicator  whether a further feature says that a value is missing
    low, high  the range that was seen
    binary     whether only two values were seen
    """

    column: str
    centre: float
    factor: float
    fill: float | None
    indicator: bool
    low: float
    high: float
    binary: bool
    is_date: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """What its features are called."""
        return (self.column, f"{self.column}=?") if self.indicator else (self.column,)

    def matrix(self, column: Column) -> Array:
        """Its features (N, 1 or 2). Raises DataError for words, and for missing values where they
        are refused."""
        if column.missing.all():
            # Nothing says what such a column would hold.
            column = Column(column.name, "number", np.full(len(column.values), np.nan))
        elif column.kind == "category" and self._is_flag and are_flags(column.distinct):
            column = Column(column.name, "number", _flag_numbers(column))
        _require_numbers(column, is_date=self.is_date)
        values = column.numbers
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise DataError("value_infinite", column=self.column, row=row)
        missing = column.missing
        if missing.any():
            if self.fill is None:
                row = int(np.argmax(missing))
                raise DataError("value_missing", column=self.column, row=row)
            values = np.where(missing, self.fill, values)
        with np.errstate(over="ignore"):
            scaled = (values - self.centre) * self.factor
        scaled = np.clip(scaled, -LARGEST_FEATURE, LARGEST_FEATURE)
        if not self.indicator:
            return scaled[:, None]
        return np.column_stack([scaled, missing.astype(np.float64)])

    @property
    def _is_flag(self) -> bool:
        return {self.low, self.high} <= {0.0, 1.0}

    def column_of(self, features: Array) -> Column:
        """The column that has these features (N, 1 or 2), but for rounding. Where a missing value
        was filled and nothing says so, the median stands."""
        scaled = features[:, 0].astype(np.float64)
        values = scaled / self.factor + self.centre if self.factor else scaled * 0 + self.centre
        if self.factor:
            # 3.3 in float32 comes back as 3.3000001: what rounding has made is rounded away.
            largest = max(1.0, float(np.abs(scaled).max(initial=0))) / abs(self.factor)
            unit = 4 * float(np.finfo(features.dtype).eps) * max(largest, abs(self.centre) * 1e-9)
            values = np.round(values, -math.ceil(math.log10(unit)))
        if self.indicator:
            values = np.where(features[:, 1] > 0, np.nan, values)
        if not self.is_date:
            return Column(self.column, "number", values)
        days = np.where(np.isnan(values), 0, values)
        # To the minute: float32 has no more digits of a date.
        dates = (np.round(days * 1440) * 60e6).astype("datetime64[us]")
        return Column(self.column, "date", np.where(np.isnan(values), np.datetime64("NaT"), dates))


@dataclass(frozen=True)
class CategoryInput(Configurable):
    """A column of words: one feature for each of `words`; NO_WORD is a missing one."""

    column: str
    words: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """What its features are called."""
        return tuple(f"{self.column}={word or '?'}" for word in self.words)

    def matrix(self, column: Column) -> Array:
        """Its features (N, words). Raises DataError for numbers."""
        column.require_usable()
        is_words = column.kind in ("category", "text")
        if not is_words and not column.missing.all():
            raise DataError("column_is_number", column=self.column)
        found = np.zeros((len(column.values), len(self.words)))
        for row, value in enumerate(column.values if is_words else [None] * len(found)):
            at = self._places.get(NO_WORD if value is None else value)
            if at is not None:
                found[row, at] = 1
        return found

    def column_of(self, features: Array) -> Column:
        """The column that has these features (N, words); a word without one is not known any
        more, and stands as None."""
        words = np.full(len(features), None, object)
        for row, place in np.argwhere(features > 0):
            words[row] = self.words[place] or None
        return Column(self.column, "category", words)

    def unseen(self, column: Column) -> Array:
        """Where a word stands that has no feature of its own, (N,) booleans."""
        if column.kind not in ("category", "text"):
            return np.zeros(len(column.values), bool)
        known = self._places
        return np.array([value is not None and value not in known for value in column.values], bool)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Which feature a word has, however yes and no are written."""
        place = {word: k for k, word in enumerate(self.words)}
        same = spellings(word for word in self.words if word != NO_WORD)
        return {**place, **{spelling: place[word] for spelling, word in same.items()}}


Input: TypeAlias = NumberInput | CategoryInput


@dataclass(frozen=True)
class Preparation(Configurable):
    """What was measured of every column that the network is given, in order."""

    inputs: tuple[Input, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table has to have."""
        return tuple(one.column for one in self.inputs)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What the features are called: the column, or column=word."""
        return tuple(name for one in self.inputs for name in one.features)

    @cached_property
    def sources(self) -> tuple[Input, ...]:
        """The column that every feature comes from."""
        return tuple(one for one in self.inputs for _ in one.features)

    @cached_property
    def bends(self) -> Array:
        """Which features are numbers of more than two values, (F,) booleans: those that a piecewise
        linear encoding has anything to say of."""
        return np.array(
            [
                isinstance(one, NumberInput) and not one.binary and k == 0
                for one in self.inputs
                for k in range(len(one.features))
            ],
            bool,
        )

    def require_columns(self, table: Table) -> None:
        """Raises DataError where columns of the training are not there, with all of them."""
        missing = [name for name in self.columns if name not in table.names]
        if missing:
            raise DataError(
                "columns_missing", columns=", ".join(missing), known=", ".join(table.names)
            )

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The columns that hold words: a file that is read for them has words there as well."""
        return tuple(one.column for one in self.inputs if isinstance(one, CategoryInput))

    def matrix(self, table: Table) -> Array:
        """The features (N, F) of a table's rows, in float64.

        Raises DataError for a column that is not there or holds something else than in training.
        """
        self.require_columns(table)
        if not self.inputs:
            return np.zeros((table.rows, 0))
        return np.hstack([one.matrix(table[one.column]) for one in self.inputs])

    def table_of(self, features: Array) -> Table:
        """The table whose features (N, F) these are, but for rounding."""
        ends = np.cumsum([len(one.features) for one in self.inputs])[:-1]
        parts = np.split(features, ends, axis=1)
        return Table(
            tuple(one.column_of(part) for one, part in zip(self.inputs, parts, strict=True))
        )


def prepare(
    table: Table,
    *,
    missing: str = "indicator",
    scaling: str = "robust",
    least_count: int = 1,
    weight: Array | None = None,
) -> Preparation:
    """Measure every column of a table that a network is to be given.

    missing      what is done where a value is missing: refuse; `drop` (the caller leaves those rows
                 out); put the median; put the median and say so in a further feature
    scaling      robust: median and interquartile range; standard: mean and deviation; none
    least_count  how often a word has to stand there to get a feature of its own
    weight       (N,) how much each row counts; all the same unless told otherwise

    Raises DataError for a column of text that is no category, with what to do about it.
    """
    weight = np.ones(table.rows) if weight is None else weight
    settings = _Settings(missing, scaling, least_count, weight)
    _require_no_text(table)
    return Preparation(tuple(_input(column, settings) for column in table.columns))


def _require_no_text(table: Table) -> None:
    """Raises DataError where columns hold text or what no network takes, with all of them."""
    unfit = [column for column in table.columns if column.kind in ("text", "other")]
    if len(unfit) > 1:
        names = [column.name for column in unfit]
        raise DataError("columns_of_text", columns=", ".join(names), drop=",".join(names))
    for column in unfit:
        column.require_usable()
        raise DataError("column_of_text", column=column.name, count=len(column.distinct))


def quantiles(values: Array, shares: Sequence[float], weight: Array) -> Array:
    """The values below which these shares of the weight lie.

    Of few rows, and of rows that count differently, they are among the values: a row of weight 2 is
    then the same as that row twice. Of many rows that count alike they lie between.
    """
    if len(values) >= FEW_ROWS and (weight == weight[0]).all():
        found: Array = np.quantile(values, shares)
    else:
        found = np.quantile(values, shares, weights=weight, method="inverted_cdf")
    return found


def rows_without_missing(table: Table) -> Array:
    """Which rows have a value in every column, (N,) booleans."""
    whole = np.ones(table.rows, bool)
    for column in table.columns:
        whole &= ~column.missing
    return whole


@dataclass(frozen=True, eq=False)
class _Settings:
    missing: str
    scaling: str
    least_count: int
    weight: Array

    def __post_init__(self) -> None:
        settle_choice(self, "missing", MISSING_POLICIES)
        settle_choice(self, "scaling", SCALINGS)


def _input(column: Column, settings: _Settings) -> Input:
    if column.kind == "category":
        return _category(column, settings)
    values = column.numbers
    finite, weight = values[np.isfinite(values)], settings.weight[np.isfinite(values)]
    if np.isinf(values).any():
        raise DataError("value_infinite", column=column.name, row=int(np.argmax(np.isinf(values))))
    if not len(finite):
        raise DataError("column_all_missing", column=column.name)
    refused = settings.missing in ("error", "drop")
    if settings.missing == "error" and column.missing.any():
        row = int(np.argmax(column.missing))
        raise DataError("value_missing", column=column.name, row=row)
    distinct = np.unique(finite[:5000])
    binary = len(distinct) <= 2 and len(np.unique(finite)) <= 2
    centre, factor = _scale(finite, weight, settings.scaling, binary)
    return NumberInput(
        column=column.name,
        centre=centre,
        factor=factor,
        fill=None if refused else float(quantiles(finite, [0.5], weight)[0]),
        indicator=settings.missing == "indicator" and bool(column.missing.any()),
        low=float(finite.min()),
        high=float(finite.max()),
        binary=binary,
        is_date=column.kind == "date",
    )


def _category(column: Column, settings: _Settings) -> CategoryInput:
    counts = Counter(NO_WORD if value is None else str(value) for value in column.values)
    if settings.missing == "error" and column.missing.any():
        row = int(np.argmax(column.missing))
        raise DataError("value_missing", column=column.name, row=row)
    words = sorted(word for word, count in counts.items() if count >= settings.least_count)
    return CategoryInput(column.name, tuple(words))


def _scale(values: Array, weight: Array, scaling: str, binary: bool) -> tuple[float, float]:
    """Centre and factor; a constant column gets the factor 0."""
    low, span = float(values.min()), float(np.ptp(values))
    if scaling == "none":
        return 0.0, 1.0
    if span < SMALLEST_SPAN:
        return low, 0.0
    if scaling == "standard":
        mean = float(np.average(values, weights=weight))
        # In units of the largest, whose square may be too large for a number.
        unit = float(np.abs(values - mean).max())
        variance = float(np.average(((values - mean) / unit) ** 2, weights=weight))
        return mean, 1 / (unit * variance**0.5)
    if binary:
        return low, 1 / span
    first, middle, third = quantiles(values, [0.25, 0.5, 0.75], weight)
    spread = float(third - first)
    return float(middle), 1 / spread if spread > 0 else 2 / span


def _flag_numbers(column: Column) -> Array:
    return np.array(
        [np.nan if value is None else NUMBERS[value.lower()] for value in column.values]
    )


def _require_numbers(column: Column, *, is_date: bool) -> None:
    column.require_usable()
    if column.kind not in ("number", "date"):
        row = next((k for k, value in enumerate(column.values) if value is not None), 0)
        key = "column_is_word_no_date" if is_date else "column_is_word"
        raise DataError(key, column=column.name, value=column.values[row], row=row)
    if is_date != (column.kind == "date") and not column.missing.all():
        raise DataError("column_is_date" if is_date else "column_no_date", column=column.name)


def preparation_kinds() -> dict[str, type[Configurable]]:
    """The classes that stand in a preparation's JSON, by their names there."""
    kinds: Sequence[type[Configurable]] = (Preparation, NumberInput, CategoryInput)
    return {kind.type_name: kind for kind in kinds}
