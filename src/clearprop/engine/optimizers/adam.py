"""Adam: running means of the gradient and of its square, corrected for their start at zero.

    g ← ∇L(θ) + λ θ                            Adam: weight decay λ is part of the gradient
    θ ← θ − η λ θ                              AdamW: it is a step of its own

    m ← β₁ m + (1 − β₁) g                      v ← β₂ v + (1 − β₂) g²
    m̂ = m / (1 − β₁ⁿ)                          v̂ = v / (1 − β₂ⁿ)          n counts steps from 1
    θ ← θ − η m̂ / (√v̂ + ε)

    amsgrad: v̂ is made of the largest v so far.

ε stands outside the root and is added after the correction, as in PyTorch.

Sources: Kingma and Ba, Adam, 2015; Loshchilov and Hutter, Decoupled weight decay regularization,
2019; Reddi, Kale and Kumar, On the convergence of Adam and beyond, 2018 (amsgrad).
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.settings import AT_LEAST_0, BELOW_1, settle_flag, settle_number, settle_numbers
from clearprop.engine.optimizers.optimizer import (
    Optimizer,
    OptimizerState,
    after_step,
    require_gradient,
    slot,
    zero_slots,
)
from clearprop.engine.schedules import Rate, rate_at, settle_rate


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam with coupled weight decay: λ θ is added to the gradient."""

    learning_rate: Rate = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False

    def __post_init__(self) -> None:
        settle_rate(self)
        settle_numbers(self, "betas", BELOW_1, count=2)
        settle_number(self, "eps", AT_LEAST_0)
        settle_number(self, "weight_decay", AT_LEAST_0)
        settle_flag(self, "amsgrad")

    def start(self, params: Array) -> OptimizerState:
        return zero_slots(params, "mean", "square", *["largest_square"] * self.amsgrad)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        rate = rate_at(self.learning_rate, state.step)
        params, gradient = self._decayed(params, gradient, rate)
        beta_1, beta_2 = self.betas
        # Few arrays, each written several times: new ones cost more than what is written there.
        share = (1 - beta_1) * gradient
        mean = beta_1 * slot(self, state, "mean", params)
        mean += share
        np.multiply(1 - beta_2, gradient, out=share)
        share *= gradient
        square = beta_2 * slot(self, state, "square", params)
        square += share
        slots = {"mean": mean, "square": square}
        if self.amsgrad:
            largest = slot(self, state, "largest_square", params)
            slots["largest_square"] = square = np.maximum(largest, square)
        steps = state.step + 1
        # The corrections as numbers, so that no array is divided twice.
        size = rate / (1 - beta_1**steps)
        root = np.sqrt(square, out=share)
        root /= (1 - beta_2**steps) ** 0.5
        root += self.eps
        change = size * mean
        change /= root
        return np.subtract(params, change, out=change), after_step(state, **slots)

    def _decayed(self, params: Array, gradient: Array, rate: float) -> tuple[Array, Array]:
        """Parameters and gradient with the weight decay in them."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * params
        return params, gradient


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: θ shrinks by η λ θ, and the gradient stays as it is."""

    weight_decay: float = 0.01

    def _decayed(self, params: Array, gradient: Array, rate: float) -> tuple[Array, Array]:
        return (1 - rate * self.weight_decay) * params, gradient
