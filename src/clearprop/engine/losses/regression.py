"""Losses of measurements: how far each entry of the output is from its target.

Forward      ℓₙd = f(eₙd), with the error e = y − t         y and t (N, D)

Backward     ∂ℓₙd/∂yₙd = f'(eₙd)

             MSE     f = e²                                 f' = 2e
             MAE     f = |e|                                f' = sign(e)
             Huber   f = ½ e²          where |e| <= δ       f' = e
                         δ (|e| − ½ δ) elsewhere            f' = δ sign(e)

Means        are over all N·D entries, as in PyTorch: MSE has no ½, and ∂L/∂yₙd = 2 eₙd / (N·D).
             One sample's cost is C[n] = Σ_d ℓₙd / (N·D), its 1/(N·D) included, so that L = Σₙ C[n].

Kinks        MAE has one at e = 0, where its slope is taken as 0, as in PyTorch. Huber has none: at
             |e| = δ both pieces have the slope ±δ, and only the second derivative jumps.

Source       Huber, Robust estimation of a location parameter, 1964.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.settings import ABOVE_0, settle_choice, settle_number
from clearprop.engine.losses.loss import REDUCTIONS, Loss, LossResult, reduced, require_same_shape


@dataclass(frozen=True)
class MSE(Loss):
    """The squared errors e²."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        settle_choice(self, "reduction", REDUCTIONS)

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        error = _error(output, target, stacked=stacked)
        return reduced(
            error * error,
            error,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
            factor=2.0,
        )


@dataclass(frozen=True)
class MAE(Loss):
    """The absolute errors |e|; the slope at e = 0 is 0."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
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
        error = _error(output, target, stacked=stacked)
        # By the sign of the real part, so that the complex step sees a function with a derivative.
        sign = np.sign(error.real).astype(error.dtype)
        return reduced(
            sign * error,
            sign,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
        )


@dataclass(frozen=True)
class Huber(Loss):
    """½ e² up to |e| = δ, and from there on a straight line: outliers pull with a bounded slope.

    Raises ConfigurationError unless delta is finite and above 0.
    """

    delta: float = 1.0
    reduction: str = "mean"

    def __post_init__(self) -> None:
        settle_number(self, "delta", ABOVE_0)
        settle_choice(self, "reduction", REDUCTIONS)

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        error = _error(output, target, stacked=stacked)
        sign = np.sign(error.real)
        inside = np.abs(error.real) <= self.delta
        slope = np.where(inside, error, self.delta * sign)
        entries = np.where(
            inside,
            0.5 * error * error,
            self.delta * (sign * error - 0.5 * self.delta),
        )
        return reduced(
            entries,
            slope,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
        )


def _error(output: Array, target: Array, *, stacked: bool) -> Array:
    output, target = np.asarray(output), np.asarray(target)
    require_same_shape(output, target, stacked=stacked)
    error: Array
    if target.dtype == output.dtype:
        error = output - target
    else:
        # In the output's dtype: a float32 array minus an integer one would be float64.
        error = np.subtract(output, target, dtype=output.dtype)
    return error
