"""Pinball loss: the output becomes a quantile of the target, and not its mean.

Forward      ℓₙd = max((1 − q_d) eₙd, −q_d eₙd), with the error e = y − t     y and t (N, D)

             Too high costs 1 − q for each unit, too low costs q. For q = ½ it is half of the
             absolute error, and its best constant answer the median.

Backward     ∂ℓₙd/∂yₙd = 1 − q_d where e > 0, −q_d where e < 0

             Why a quantile: over many targets the slope at y is (1 − q) P(t < y) − q P(t > y), and
             it is 0 where P(t < y) = q.

Means        are over all N·D entries, as for the other losses of measurements.

Kinks        At e = 0, where the slope is taken as 0.

Source       Koenker and Bassett, "Regression quantiles", 1978.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import INSIDE_0_1, settle_choice, settle_numbers
from clearprop.engine.losses.loss import REDUCTIONS, Loss, LossResult, reduced, require_same_shape


@dataclass(frozen=True)
class Pinball(Loss):
    """The pinball loss of one quantile for every output, or of one for each.

    Raises ConfigurationError unless every quantile is between 0 and 1; `evaluate` raises ShapeError
    for another number of outputs than there are quantiles.
    """

    quantiles: tuple[float, ...] = (0.5,)
    reduction: str = "mean"

    def __post_init__(self) -> None:
        settle_numbers(self, "quantiles", INSIDE_0_1)
        settle_choice(self, "reduction", REDUCTIONS)

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        output, target = np.asarray(output), np.asarray(target)
        require_same_shape(output, target, stacked=stacked)
        if len(self.quantiles) not in (1, output.shape[-1]):
            raise ShapeError(
                "pinball_outputs", count=len(self.quantiles), came=shape_text(output.shape)
            )
        error = np.subtract(output, target, dtype=output.dtype)
        # By the real part, so that the complex step sees a function with a derivative.
        real = error.real
        quantiles = np.array(self.quantiles, real.dtype)
        slope = ((real > 0) - quantiles * (real != 0)).astype(error.dtype)
        return reduced(
            slope * error,
            slope,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
        )
