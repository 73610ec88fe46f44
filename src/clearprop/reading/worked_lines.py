"""Lines of arithmetic: the largest summands written out, all others as one named rest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.numbers import brief, product_text
from clearprop.kinds.row import Arithmetic
from clearprop.reading.largest_terms import NOTHING, Rest, largest_first, others_label, rest_of

# So many summands of a line are written out; the others are its rest.
WRITTEN = 3


@dataclass(frozen=True)
class WorkedLine:
    """One line of arithmetic: left = Σ right + rest = value.

    left       the number that is worked out: `z[0,3]` is entry 3 of sample 0
    right      the summands, as they are written: `0.15 × 0.05`
    rest       the summands that are not written out
    value      as the step recorded it
    of_sample  whether all of it is of the sample that is looked at; False where it is of all of
               them, as a sum over samples is
    """

    left: str
    right: tuple[str, ...]
    value: float
    rest: Rest = NOTHING
    of_sample: bool = True

    def written(self, language: str) -> str:
        """The summands in a row: `0.15 × 0.05 + 0.2 × 0.1 + 0.35`; "" where there are none."""
        summands = list(self.right)
        if self.rest.count:
            name = others_label(self.rest.count, language)
            summands.append(f"{brief(self.rest.value)} ({name})")
        return _joined(summands) if summands else ""

    def text(self, language: str) -> str:
        """`z[0,3] = 0.15 × 0.05 + 0.2 × 0.1 + 0.35 = 0.3775`; the same twice is said once."""
        parts = dict.fromkeys([self.written(language), brief(self.value)])
        return " = ".join([self.left, *filter(None, parts)])


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


def worked_line(one: Arithmetic, left: str) -> WorkedLine:
    """What a row says of an entry as a line that begins with `left`."""
    if one.products is not None:
        return sum_of_products(left, *one.products, one.value, one.right)
    if one.terms is not None:
        values, written = one.terms
        return _line(left, values, written.__getitem__, one.value, one.right)
    return WorkedLine(left, one.right, one.value)


def _joined(summands: list[str]) -> str:
    """Summands in a row: one that is negative is taken off."""
    first, *more = summands
    signed = [f"− {one[1:]}" if one[0] == "−" else f"+ {one}" for one in more]
    return " ".join([first, *signed])
