"""Losses: a value and its gradient, always together, so that they are of the same function.

MSE          L = 1/(N·D) Σₙ Σ_d (yₙd − tₙd)²        y and t (N, D)

             ∂L/∂yₙd = 2 (yₙd − tₙd) / (N·D)

             The mean is over all entries and there is no ½, as in PyTorch. One sample's cost is
             Cⁿ = Σ_d (yₙd − tₙd)² / (N·D), its 1/(N·D) included, so that L = Σₙ Cⁿ.

A loss gives a total, a weight and a gradient. `total / weight` is its value; the gradient is that
of `total / divisor`, where the divisor is the weight unless the caller passes another one: over
micro-batches of one batch, pass the weight of the whole and add up the gradients.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.arrays import Array, freeze, require_matching_dtype, shape_text
from clearprop.configuration import Configurable
from clearprop.errors import ConfigurationError, ShapeError


class LossResult(NamedTuple):
    """A loss at one output.

    total     the sum over all entries; of K stacked networks an array (K,)
    weight    what the total is divided by to give the value: the number of entries
    gradient  ∂(total / divisor)/∂output, of the output's shape, read-only
    """

    total: Any
    weight: float
    gradient: Array

    @property
    def value(self) -> Any:
        """The loss: a number, or one for each of K stacked networks."""
        return self.total / self.weight


class Loss(Configurable, ABC):
    """A measure of how far an output is from its target."""

    @abstractmethod
    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        divisor: float | None = None,
        stacked: bool = False,
    ) -> LossResult:
        """The loss of `output` against `target`, and its gradient.

        output   (N, D), or (K, N, D) of K stacked networks
        target   of the output's shape; with `stacked` also (N, D), the same for all networks
        divisor  what the gradient divides by; the weight unless told otherwise

        Raises ShapeError where the shapes differ ((N,) against (N, 1) is never broadcast),
        DtypeError where the dtypes do, ConfigurationError for a divisor that is not positive.
        """


@dataclass(frozen=True)
class MSE(Loss):
    """The mean of the squared errors over all entries."""

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        divisor: float | None = None,
        stacked: bool = False,
    ) -> LossResult:
        output, target = np.asarray(output), np.asarray(target)
        require_same_shape(output, target, stacked=stacked)
        require_matching_dtype(target, output, where="target")
        # In the output's dtype: a float32 array minus an integer one would be float64.
        error = np.subtract(output, target, dtype=output.dtype)
        axes = (-2, -1) if stacked else None
        total = np.add.reduce(error * error, axis=axes)
        weight = error.size // error.shape[0] if stacked else error.size
        if divisor is None:
            divisor = weight
        elif not divisor > 0:
            raise ConfigurationError("divisor_invalid", value=divisor)
        error *= 2 / divisor
        return LossResult(total, weight, freeze(error))


def require_same_shape(output: Array, target: Array, *, stacked: bool) -> None:
    """Refuse a target that is not of the output's shape, and no samples. Raises ShapeError."""
    if output.size == 0:
        raise ShapeError("no_samples", output=shape_text(output.shape))
    if target.shape == output.shape or (stacked and target.shape == output.shape[1:]):
        return
    # A column that lost its second axis is the usual case, and would broadcast to (N, N).
    is_column = target.ndim == 1 and output.shape[-2:] == (target.size, 1)
    raise ShapeError(
        "target_column" if is_column else "target_shape",
        target=shape_text(target.shape),
        output=shape_text(output.shape),
    )


LOSSES: dict[str, type[Loss]] = {"MSE": MSE}
