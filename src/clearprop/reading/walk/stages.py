"""What a stage of a walk is made of: the same in every language; `words` reads it out."""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.reading.explanation.signals import NOTHING, Rest


@dataclass(frozen=True, eq=False)
class NamedArray:
    """An array that a stage takes or makes.

    name    its symbol in the stage's equations: `x`, `W`, `∂C/∂z`
    place   the wire or parameter that it belongs to: `layers[0]`, `layers[0].weight`, `input`
    role    "samples" where the first axis counts samples, otherwise "whole"
    """

    name: str
    place: str
    role: str
    values: Array

    @property
    def rows(self) -> Array:
        """The values as a matrix: every axis but the last one counts rows."""
        values = np.atleast_1d(self.values)
        return values.reshape(-1, values.shape[-1])

    def rows_of(self, sample: int) -> Array:
        """The rows of one sample; of an array without samples, all of them."""
        if self.role != "samples":
            return self.rows
        return NamedArray(self.name, self.place, "whole", self.values[sample]).rows


@dataclass(frozen=True)
class Worked:
    """One line of arithmetic: left = Σ right + rest = value.

    left   the number that is worked out: `z[0,3]` is entry 3 of sample 0
    right  the summands, as they are written: `0.15 × 0.05`
    rest   the summands that are not written out
    value  as the step recorded it
    """

    left: str
    right: tuple[str, ...]
    value: float
    rest: Rest = NOTHING


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a step.

    part       "forward", "sum" (of a Residual, forward), "loss", "backward", "split" (a Residual's
               sum, backward), "join" (where a Residual's two ways meet, backward), "update",
               "frozen" (nothing is updated) or "after"
    path       the layer's place; "" of the loss and of what comes after the update
    name       the layer with its settings, the loss or the optimizer
    equations  what is computed, in symbols
    worked     the same with the stage's own numbers, for one entry of one sample
    arrays     everything that the stage takes and makes
    """

    part: str
    path: str
    name: str
    equations: tuple[str, ...]
    worked: tuple[Worked, ...]
    arrays: tuple[NamedArray, ...]
