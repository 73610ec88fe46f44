"""A step for every parameter by itself, divided by the size of its own past gradients.

    g ← ∇L(θ) + λ θ                            weight decay λ, coupled: part of the gradient

    RMSprop     s ← α s + (1 − α) g²           a running mean of the squares
                σ = √s + ε
        centered  m ← α m + (1 − α) g          minus the square of the mean: a variance
                σ = √(s − m²) + ε
                θ ← θ − η g/σ
        momentum  v ← μ v + g/σ,  θ ← θ − η v

    Adagrad     s ← s + g²                     a sum of all squares
                θ ← θ − η/(1 + n λ_η) · g/(√s + ε)        n counts the steps before this one

ε stands outside the root, as in PyTorch; TensorFlow's RMSprop has it inside.

Sources: Hinton, Neural networks for machine learning, lecture 6, 2012; Graves, Generating sequences
with recurrent neural networks, 2013 (centered); Duchi, Hazan and Singer, Adaptive subgradient
methods, 2011.
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.base.settings import AT_LEAST_0, BELOW_1, settle_flag, settle_number
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
class RMSprop(Optimizer):
    """Divided by the root of a running mean of the squared gradients."""

    learning_rate: Rate = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        settle_rate(self)
        settle_number(self, "alpha", BELOW_1)
        for name in ("eps", "weight_decay", "momentum"):
            settle_number(self, name, AT_LEAST_0)
        settle_flag(self, "centered")

    def start(self, params: Array) -> OptimizerState:
        names = ["square"]
        names += ["mean"] * self.centered
        names += ["velocity"] * (self.momentum > 0)
        return zero_slots(params, *names)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        if self.weight_decay:
            gradient = gradient + self.weight_decay * params
        square = slot(self, state, "square", params)
        square = self.alpha * square + (1 - self.alpha) * gradient * gradient
        slots = {"square": square}
        if self.centered:
            mean = slot(self, state, "mean", params)
            slots["mean"] = mean = self.alpha * mean + (1 - self.alpha) * gradient
            # No variance is negative; rounding can make the difference so.
            square = np.maximum(square - mean * mean, 0)
        direction = gradient / (np.sqrt(square) + self.eps)
        if self.momentum:
            velocity = slot(self, state, "velocity", params)
            slots["velocity"] = direction = self.momentum * velocity + direction
        rate = rate_at(self.learning_rate, state.step)
        return params - rate * direction, after_step(state, **slots)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Divided by the root of the sum of all squared gradients so far."""

    learning_rate: Rate = 0.01
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10

    def __post_init__(self) -> None:
        settle_rate(self)
        for name in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            settle_number(self, name, AT_LEAST_0)

    def start(self, params: Array) -> OptimizerState:
        first = np.full_like(params, self.initial_accumulator_value)
        return OptimizerState(0, {"square_sum": freeze(first)})

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        if self.weight_decay:
            gradient = gradient + self.weight_decay * params
        square_sum = slot(self, state, "square_sum", params) + gradient * gradient
        rate = rate_at(self.learning_rate, state.step) / (1 + state.step * self.lr_decay)
        step = rate * gradient / (np.sqrt(square_sum) + self.eps)
        return params - step, after_step(state, square_sum=square_sum)
