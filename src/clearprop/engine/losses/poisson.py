"""Poisson negative log-likelihood: targets that are counts, outputs that are their rates.

The probability of a count t at the rate λ is λᵗ e⁻λ / t!, so that

Forward      ℓ = λ − t ln λ + ln t!                            y and t (N, D), t >= 0

             log_input   λ = eʸ       ℓ = eʸ − t y
             else        λ = y        ℓ = y − t ln(y + ε)

             ln t! does not depend on y and is left out, unless `full`; then it is Stirling's
             t ln t − t + ½ ln(2πt) where t > 1, and 0 elsewhere.

Backward     log_input   ∂ℓ/∂y = eʸ − t
             else        ∂ℓ/∂y = 1 − t / (y + ε)

Mean         over all N·D entries. A rate that overflows is infinite and a logarithm of a negative
             rate not a number, without a warning. All as in PyTorch.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.settings import ABOVE_0, settle_choice, settle_flag, settle_number
from clearprop.engine.losses.loss import (
    REDUCTIONS,
    Loss,
    LossResult,
    reduced,
    require_same_shape,
    require_targets,
)


@dataclass(frozen=True)
class PoissonNLL(Loss):
    """The negative log-likelihood of counts; the output is ln λ, or λ with log_input=False.

    full  adds Stirling's approximation of ln t!
    eps   keeps ln(y + ε) finite at a rate of 0, without log_input

    Raises ConfigurationError unless eps is finite and above 0.
    """

    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"

    def __post_init__(self) -> None:
        settle_flag(self, "log_input")
        settle_flag(self, "full")
        settle_number(self, "eps", ABOVE_0)
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
        output, target = np.asarray(output), np.asarray(target)
        require_same_shape(output, target, stacked=stacked)
        require_targets(target >= 0, target, condition="t >= 0")
        count = target.astype(output.real.dtype)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if self.log_input:
                rate = np.exp(output)
                entries, slopes = rate - count * output, rate - count
            else:
                shifted = output + self.eps
                entries, slopes = output - count * np.log(shifted), 1 - count / shifted
        if self.full:
            entries += _log_factorial(count)
        return reduced(
            entries,
            slopes,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
        )


def _log_factorial(count: Array) -> Array:
    many = np.where(count > 1, count, 1)
    stirling = many * np.log(many) - many + 0.5 * np.log(2 * math.pi * many)
    return np.where(count > 1, stirling, 0)
