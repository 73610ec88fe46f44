"""Lines of arithmetic: the largest summands written out, all others as one named rest."""

from collections.abc import Callable

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, product_text
from clearprop.engine.graph import Index
from clearprop.reading.largest_terms import NOTHING, largest_first, rest_of
from clearprop.reading.walk.stages import WorkedLine

# So many summands of a line are written out; the others are its rest.
WRITTEN = 3


def label(name: str, sample: int, index: Index) -> str:
    """`z[0,3]`: entry 3 of sample 0."""
    return f"{name}[{','.join(map(str, (sample, *index)))}]"


def sum_of_products(
    left: str, factors: Array, others: Array, value: float, more: tuple[str, ...] = ()
) -> WorkedLine:
    """The line left = Σ factors × others + more = value; `more` as it is written."""
    return _line(
        left,
        factors * others,
        lambda i: product_text(float(factors[i]), float(others[i])),
        value,
        more,
    )


def sum_of_numbers(left: str, values: Array, value: float) -> WorkedLine:
    """The line left = Σ values = value."""
    return _line(left, values, lambda i: brief(float(values[i])), value, ())


def _line(
    left: str,
    values: Array,
    written: Callable[[int], str],
    value: float,
    more: tuple[str, ...],
) -> WorkedLine:
    if len(values) <= WRITTEN:
        return WorkedLine(left, (*map(written, range(len(values))), *more) or ("0",), value)
    chosen, others = largest_first(values, WRITTEN)
    rest = rest_of(values[others]) if np.any(values[others]) else NOTHING
    return WorkedLine(left, (*(written(int(i)) for i in chosen), *more) or ("0",), value, rest)
