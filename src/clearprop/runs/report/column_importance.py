"""How much a model's error grows when a column is shuffled among the rows: permutation importance.

The values of one column are shuffled among the rows, and the rows are predicted anew:

    importance of column j = error(rows with column j shuffled) − error(rows)

Repeated with other shuffles its mean has a spread. On rows that were not learned from it tells what
the model uses to predict, not what it has memorised. Of two columns that say the same each may look
unimportant, because the other one is still there.

Sources: Breiman, "Random forests", 2001; Fisher, Rudin and Dominici, "All models are wrong, but
many are useful", 2019.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.data.preparation import Preparation

# From what is said of rows (N, D) to one number: more is worse.
ErrorOf: TypeAlias = Callable[[Array], float]

REPEATS = 5
# Of more columns than this all are shuffled once, and the most important of them REPEATS times.
MOST_REPEATED = 30


class ColumnImportance(NamedTuple):
    """How much the error grew: the mean of the shuffles and their standard deviation, which is NaN
    of a single one."""

    column: str
    mean: float
    spread: float
    repeats: int


def column_importances(
    predict: Callable[[Array], Array],
    features: Array,
    blocks: Mapping[str, slice],
    error: ErrorOf,
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> tuple[ColumnImportance, ...]:
    """The importance of every column, the largest first.

    predict  what is said of features (N, F), in the order of the rows
    blocks   which features are a column's
    error    from what is said (N, D) to a number, more is worse
    """
    usual = error(predict(features))

    def grown(column: str, repeat: int) -> float:
        order = keyed_generator(seed, repeat, path=f"shuffled {column}").permutation(len(features))
        shuffled = features.copy()
        shuffled[:, blocks[column]] = features[order, blocks[column]]
        return error(predict(shuffled)) - usual

    growth = {column: [grown(column, 0)] for column in blocks}
    first = sorted(blocks, key=lambda column: -growth[column][0])
    for column in first[:MOST_REPEATED]:
        growth[column] += [grown(column, repeat) for repeat in range(1, repeats)]
    found = [
        ColumnImportance(
            column,
            float(np.mean(values)),
            float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"),
            len(values),
        )
        for column, values in growth.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.repeats == 1, -one.mean)))


def column_blocks(preparation: Preparation) -> dict[str, slice]:
    """Which features are whose: the columns in their order."""
    found, first = {}, 0
    for one in preparation.inputs:
        found[one.column] = slice(first, first + len(one.features))
        first += len(one.features)
    return found
