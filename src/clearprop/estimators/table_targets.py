"""What a network is to say, and what its outputs mean: numbers, one of several classes, or labels.

Numbers      (t − mean) / deviation of every column: the loss then counts each alike, whatever its
             unit. What comes back is held within the range that was seen.
Classes      ids 0, 1, 2 …; the outputs are logits, one for every class.
Labels       0 or 1 for every column; the outputs are logits, one for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import DataError


@dataclass(frozen=True)
class NumberTarget(Configurable):
    """Numbers (N, D), standardised column by column; a constant column has the deviation 1.

    held  whether predictions are held within `low` and `high`
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    held: bool = True

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it."""
        return len(self.columns)

    def encode(self, values: Array, dtype: Any) -> Array:
        """The targets (N, D) of a network from the table's numbers (N, D)."""
        scaled: Array = (values - np.array(self.mean)) / np.array(self.deviation)
        return scaled.astype(dtype)

    def decode(self, output: Array) -> Array:
        """The table's numbers (…, D) from a network's outputs (…, D), in float64."""
        values: Array = output.astype(np.float64) * np.array(self.deviation) + np.array(self.mean)
        return np.clip(values, self.low, self.high) if self.held else values

    def slope(self, output: Array, column: int) -> Array:
        """The derivative (…, D) of a decoded column by the outputs (…, D); 0 where it is held."""
        slopes = np.zeros_like(output)
        slopes[..., column] = self.deviation[column]
        if self.held:
            free = replace(self, held=False).decode(output)[..., column]
            slopes[..., column] *= (free >= self.low[column]) & (free <= self.high[column])
        return slopes


@dataclass(frozen=True)
class ClassTarget(Configurable):
    """One of several classes. `classes` are words, whole numbers or flags, in their order.

    single  whether two classes have one logit, that of the second; the target is then (N, 1)
    """

    column: str
    classes: tuple[Any, ...]
    single: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "single", self.single and len(self.classes) == 2)

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it."""
        return 1 if self.single else len(self.classes)

    @cached_property
    def _ids(self) -> dict[Any, int]:
        return {name: k for k, name in enumerate(self.classes)}

    def encode(self, values: Sequence[Any] | Array, dtype: Any) -> Array:
        """The ids (N,) of classes (N,). Raises DataError for a class that was not in training."""
        try:
            ids = np.array([self._ids[value] for value in _plain(values)], np.int64)
            return ids[:, None].astype(dtype) if self.single else ids
        except KeyError as problem:
            known = ", ".join(map(str, self.classes))
            raise DataError(
                "class_unseen", column=self.column, value=problem.args[0], known=known
            ) from problem

    def decode(self, output: Array) -> Array:
        """The probabilities (…, classes) of logits (…, classes), in float64."""
        logits = output.astype(np.float64)
        if self.single:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities: Array = shares / shares.sum(axis=-1, keepdims=True)
        return probabilities

    def slope(self, output: Array, column: int) -> Array:
        """The derivative of a class's probability by the logits: p_c ([c = j] − p_j)."""
        probabilities = self.decode(output)
        chosen = probabilities[..., [column]]
        if self.single:
            single: Array = chosen * (1 - chosen) * (1 if column else -1)
            return single
        slopes: Array = chosen * ((np.arange(self.outputs) == column) - probabilities)
        return slopes


@dataclass(frozen=True)
class LabelTarget(Configurable):
    """Several yes-or-no labels, one for each column."""

    columns: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it."""
        return len(self.columns)

    def encode(self, values: Array, dtype: Any) -> Array:
        """The targets (N, D) from 0 and 1 (N, D)."""
        return np.asarray(values).astype(dtype)

    def decode(self, output: Array) -> Array:
        """The probabilities (…, D) of logits (…, D), in float64."""
        logits = output.astype(np.float64)
        shrunk = np.exp(-np.abs(logits))
        probabilities: Array = np.where(logits >= 0, 1, shrunk) / (1 + shrunk)
        return probabilities

    def slope(self, output: Array, column: int) -> Array:
        """The derivative of a label's probability by the logits: p (1 − p)."""
        probabilities = self.decode(output)
        own = np.arange(self.outputs) == column
        slopes: Array = probabilities * (1 - probabilities) * own
        return slopes


TableTarget: TypeAlias = NumberTarget | ClassTarget | LabelTarget


def number_target(
    values: Array,
    columns: Sequence[str],
    weight: Array | None = None,
    *,
    standardise: bool = True,
    held: bool = True,
) -> NumberTarget:
    """The target for numbers (N, D) as they were measured, each row with its weight (N,)."""
    centre = np.average(values, axis=0, weights=weight)
    deviation = _deviation(values - centre, weight)
    if not standardise:
        centre, deviation = np.zeros_like(centre), np.ones_like(deviation)
    return NumberTarget(
        columns=tuple(columns),
        mean=tuple(map(float, centre)),
        deviation=tuple(float(one) or 1.0 for one in deviation),
        low=tuple(map(float, values.min(axis=0))),
        high=tuple(map(float, values.max(axis=0))),
        held=held,
    )


def widened(target: NumberTarget, values: Array) -> NumberTarget:
    """The target with a range that has these numbers (N, D) in it, of a training that goes on."""
    low = np.minimum(target.low, values.min(axis=0))
    high = np.maximum(target.high, values.max(axis=0))
    return replace(target, low=tuple(map(float, low)), high=tuple(map(float, high)))


def _deviation(centred: Array, weight: Array | None) -> Array:
    with np.errstate(over="ignore"):
        squared = np.average(centred**2, axis=0, weights=weight)
    if np.isfinite(squared).all():
        return np.sqrt(squared)
    # Numbers whose squares are too large: in units of the largest.
    unit = np.abs(centred).max(axis=0)
    unit[unit == 0] = 1
    deviation: Array = unit * np.sqrt(np.average((centred / unit) ** 2, axis=0, weights=weight))
    return deviation


def class_target(
    values: Sequence[Any] | Array, column: str, *, single: bool = False
) -> ClassTarget:
    """The target for the classes that stand in a column, in their order."""
    return ClassTarget(column, tuple(sorted(set(_plain(values)))), single)


def _plain(values: Sequence[Any] | Array) -> list[Any]:
    """Python's own words and numbers: what JSON can hold."""
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
