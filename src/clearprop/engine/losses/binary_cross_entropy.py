"""Binary cross-entropy of logits: D questions a sample, each with yes or no for an answer.

Forward      p = σ(y) = 1 / (1 + e⁻ʸ)                          y and t (N, D), 0 <= t <= 1

             ℓ = − w (c t ln p + (1 − t) ln(1 − p))

             w is `weight` of the output and c its `pos_weight`, 1 unless given. The logarithms are
             taken of y and not of p, which may have been rounded to 0 or 1:

             ln p = − softplus(−y)    ln(1 − p) = − softplus(y)
             softplus(y) = ln(1 + eʸ) = max(y, 0) + ln(1 + e^−|y|)

Backward     With softplus' = σ and σ(−y) = 1 − σ(y):

             ∂ℓ/∂y = w ((1 − t) σ(y) − c t σ(−y))              and without weights σ(y) − t

Mean         over all N·D entries, `weight` not counted, as in PyTorch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.settings import AT_LEAST_0, settle_choice, settle_numbers
from clearprop.engine.losses.loss import (
    REDUCTIONS,
    Loss,
    LossResult,
    output_weights,
    reduced,
    require_same_shape,
    require_targets,
)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """The cross-entropy of yes-or-no targets; the output is logits, before any sigmoid.

    weight      (D,) how much each output counts
    pos_weight  (D,) how much more a target of 1 counts than one of 0

    Raises ConfigurationError for weights that are negative or not finite.
    """

    weight: tuple[float, ...] | None = None
    pos_weight: tuple[float, ...] | None = None
    reduction: str = "mean"

    def __post_init__(self) -> None:
        for name in ("weight", "pos_weight"):
            if getattr(self, name) is not None:
                settle_numbers(self, name, AT_LEAST_0)
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
        require_targets((target >= 0) & (target <= 1), target, condition="0 <= t <= 1")
        yes = target.astype(output.real.dtype)
        no = 1 - yes
        if self.pos_weight is not None:
            yes *= output_weights(self.pos_weight, output, name="pos_weight")
        if self.weight is not None:
            weight = output_weights(self.weight, output, name="weight")
            yes *= weight
            no *= weight
        positive = output.real > 0
        small = np.exp(np.where(positive, -output, output))  # e^−|y|, which never overflows
        log = np.log1p(small)
        larger, smaller = 1 / (1 + small), small / (1 + small)  # σ(|y|) and σ(−|y|)
        zero = np.zeros_like(output)
        entries = no * (np.where(positive, output, zero) + log)
        entries += yes * (np.where(positive, zero, -output) + log)
        slopes = no * np.where(positive, larger, smaller)
        slopes -= yes * np.where(positive, smaller, larger)
        return reduced(
            entries,
            slopes,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
        )
