"""A sum told by its largest terms: those are listed one by one, all others are its rest."""

from dataclasses import dataclass

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array


@dataclass(frozen=True)
class Rest:
    """What is not listed one by one: how many, their sum, and the sum of their sizes Σ|·|.

    Where a layer was asked about them all at once, the size is that of the sum.
    """

    count: int
    value: float
    size: float

    def __add__(self, other: "Rest") -> "Rest":
        return Rest(self.count + other.count, self.value + other.value, self.size + other.size)


NOTHING = Rest(0, 0.0, 0.0)


def largest_first(values: Array, most: int) -> tuple[Array, Array]:
    """The places of the `most` largest values by size, largest first, and all other places.

    A value of 0 is never among the largest: it has nothing to tell one by one.
    """
    order = np.argsort(-np.abs(values), kind="stable")
    count = min(most, int(np.count_nonzero(values)))
    return order[:count], order[count:]


def rest_of(values: Array) -> Rest:
    """What is not listed: how many, their sum, and the sum of their sizes."""
    return Rest(len(values), float(values.sum()), float(np.abs(values).sum()))


def share_of(value: float, size: float) -> float:
    """|value| / Σ|terms|; 0 where all terms are 0."""
    return abs(value) / size if size else 0.0


def others_label(count: int, language: str) -> str:
    """What a rest is called: `95 others`, `1 other`."""
    key = "other" if count == 1 else "others"
    return messages.text(language, f"explanation.picture.{key}", count=count)


def others_heading(count: int, language: str) -> str:
    """The same with what stands between it and its number: `95 others: `."""
    key = "other" if count == 1 else "others"
    return messages.text(language, f"explanation.table.{key}", count=count)
