"""What a sweep tries: every combination of lists of values, or so many drawn from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ConfigurationError

# A drawing that finds nothing new so many times has found all that there is.
MOST_REPEATED = 200


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high` to draw from; `log` draws every power of ten as often, `whole`
    draws whole numbers. Raises ConfigurationError."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        ends = (self.low, self.high)
        if (
            any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends)
            or not -math.inf < self.low < self.high < math.inf
            or (self.log and self.low <= 0)
        ):
            raise ConfigurationError("range_invalid", low=self.low, high=self.high)

    def draw(self, share: float) -> float:
        """The number at a share of the way from low to high, of 4 digits."""
        if self.log:
            found = float(self.low * (self.high / self.low) ** share)
        else:
            found = self.low + (self.high - self.low) * share
        if self.whole:
            return round(found)
        return min(max(float(f"{found:.4g}"), self.low), self.high)


Space: TypeAlias = Mapping[str, Sequence[Any] | Array | Range]
Configuration: TypeAlias = dict[str, Any]


def configurations(space: Space, random: int | None, seed: int) -> list[Configuration]:
    """The configurations of a sweep, each once: all combinations, the last name changing fastest,
    or `random` that are drawn; fewer where there are no more.

    Raises ConfigurationError for a space that is empty, and for a range without `random`.
    """
    if not isinstance(space, Mapping):
        raise ConfigurationError("space_kind", value=type(space).__name__)
    named: dict[str, Sequence[Any] | Range] = {
        name: values.tolist() if isinstance(values, np.ndarray) else values
        for name, values in space.items()
    }
    for name, values in named.items():
        if not isinstance(values, Range) and (
            isinstance(values, str) or not isinstance(values, Sequence) or not values
        ):
            raise ConfigurationError("space_values", name=name, value=values)
        if isinstance(values, Range) and random is None:
            raise ConfigurationError("space_range", name=name)
    if not named:
        raise ConfigurationError("space_empty")
    if random is None:
        lists = (_once(values) for values in named.values() if not isinstance(values, Range))
        return [dict(zip(named, one, strict=True)) for one in product(*lists)]
    found: list[Configuration] = []
    generator, repeated = keyed_generator(seed, path="sweep"), 0
    while len(found) < random and repeated < MOST_REPEATED:
        drawn = {name: _drawn(values, generator) for name, values in named.items()}
        repeated = repeated + 1 if drawn in found else 0
        found += [] if repeated else [drawn]
    return found


def _once(values: Sequence[Any]) -> list[Any]:
    """A value that is named twice is tried once; by repr, for lists have no hash."""
    return list({repr(value): value for value in values}.values())


def _drawn(values: Sequence[Any] | Range, generator: np.random.Generator) -> Any:
    share = float(generator.random())
    if isinstance(values, Range):
        return values.draw(share)
    return values[int(share * len(values))]
