"""What a model says on average if a column had another value: partial dependence.

    pd_j(v) = mean over rows i of f(row i with column j set to v)

v goes along values that the column has, in the table's own units; beside the mean stands where the
middle 80 % of the rows' own curves are. Where columns go together, v may stand in rows that no
table has: the rows' distribution tells where there are any with values near v.

Source: Friedman, "Greedy function approximation", 2001.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.preparation import CategoryInput, Input, NumberInput
from clearprop.data.table import Column, ColumnKind

# Values along a column of numbers, and words of a category, at most.
MOST_VALUES, MOST_WORDS = 24, 12
BINS = 24
BAND = (0.1, 0.9)
# Of a day.
MICROSECONDS = 86_400e6


@dataclass(frozen=True, eq=False)
class ColumnDependence:
    """One column's curve.

    kind       "number", "date" (days since 1970) or "category"
    values     (G,) numbers; of a category the places 0, 1 … of its `words`
    mean       (G, D) what is said on average
    low, high  (G, D) the 10th and 90th percentile of what is said of single rows
    edges      (B + 1,) of the bins in which `counts` (B,) rows are
    left_out   how many of a category's words have no place here
    """

    column: str
    kind: ColumnKind
    values: Array
    words: tuple[str, ...]
    mean: Array
    low: Array
    high: Array
    edges: Array
    counts: Array
    left_out: int = 0


def column_dependence(
    predict: Callable[[Array], Array],
    features: Array,
    block: slice,
    prepared: Input,
    column: Column,
    *,
    most: int = MOST_VALUES,
) -> ColumnDependence | None:
    """The curve of one column; None for a column of a single value, which has none.

    predict   what is said of features (N, F) in the order of the rows
    block     which of the features are the column's
    prepared  how its values become features
    column    all its values, whose distribution stands below the curve
    """
    if isinstance(prepared, CategoryInput):
        return _of_words(predict, features, block, prepared, column)
    return _of_numbers(predict, features, block, prepared, column, most)


def grid_of(values: Array, most: int) -> Array:
    """All values of a column where they are few; otherwise quantiles of it, from the 1st to the
    99th percentile."""
    distinct = np.unique(values)
    if len(distinct) <= most:
        return distinct
    found: Array = np.unique(np.quantile(values, np.linspace(0.01, 0.99, most)))
    return found


def _of_numbers(
    predict: Callable[[Array], Array],
    features: Array,
    block: slice,
    prepared: NumberInput,
    column: Column,
    most: int,
) -> ColumnDependence | None:
    numbers = column.numbers[~column.missing]
    grid = grid_of(numbers, most)
    if len(grid) < 2:
        return None
    kind: ColumnKind = "date" if prepared.is_date else "number"
    asked = (grid * MICROSECONDS).round().astype("datetime64[us]") if prepared.is_date else grid
    rows = prepared.matrix(Column(column.name, kind, asked))
    mean, low, high = _curves(predict, features, block, rows)
    edges = _edges(numbers)
    counts = np.histogram(numbers, edges)[0]
    return ColumnDependence(column.name, kind, grid, (), mean, low, high, edges, counts)


def _edges(numbers: Array) -> Array:
    """Of equal width; around whole numbers that are close together, so that each has a bar of its
    own."""
    low, high = numbers.min(), numbers.max()
    if high - low > BINS or (numbers != np.round(numbers)).any():
        return np.linspace(low, high, BINS + 1)
    edges: Array = np.arange(low - 0.5, high + 1)
    return edges


def _of_words(
    predict: Callable[[Array], Array],
    features: Array,
    block: slice,
    prepared: CategoryInput,
    column: Column,
) -> ColumnDependence | None:
    names = ["" if value is None else str(value) for value in column.values]
    counts = {word: names.count(word) for word in prepared.words}
    if len(counts) < 2:
        return None
    # The most frequent ones, in the order of the alphabet.
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    words = tuple(word for word in prepared.words if word in frequent)
    given = np.array([word or None for word in words], object)
    mean, low, high = _curves(
        predict, features, block, prepared.matrix(Column(column.name, "category", given))
    )
    return ColumnDependence(
        column.name,
        "category",
        np.arange(len(words), dtype=np.float64),
        words,
        mean,
        low,
        high,
        np.arange(len(words) + 1) - 0.5,
        np.array([counts[word] for word in words]),
        len(counts) - len(words),
    )


def _curves(
    predict: Callable[[Array], Array], features: Array, block: slice, rows: Array
) -> tuple[Array, Array, Array]:
    """(mean, low, high), each (G, D), with the block set to one of `rows` (G, …) after another."""
    found = []
    moved = features.copy()
    for row in rows:
        moved[:, block] = row
        said = predict(moved)
        found.append((said.mean(axis=0), *np.quantile(said, BAND, axis=0)))
    mean, low, high = (np.stack(parts) for parts in zip(*found, strict=True))
    return mean, low, high
