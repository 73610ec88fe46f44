"""Gradient descent, and with momentum; stochastic on mini-batches.

    g ← ∇L(θ) + λ θ                           weight decay λ, coupled: part of the gradient

    without momentum     θ ← θ − η g

    with momentum μ      v ← g                in the first step
                         v ← μ v + (1 − d) g  in every other; d is the dampening
                         θ ← θ − η v
    and Nesterov's       θ ← θ − η (g + μ v)

The learning rate stands outside the velocity, as in PyTorch. scikit-learn has v ← μ v − η g, which
is the same for as long as η stays the same, and not on a schedule.

Sources: Polyak, Some methods of speeding up the convergence of iteration methods, 1964; Sutskever
and others, On the importance of initialization and momentum in deep learning, 2013 (whose form is
scikit-learn's).
"""

from dataclasses import dataclass

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import AT_LEAST_0, settle_flag, settle_number
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
class SGD(Optimizer):
    """θ ← θ − η ∇L(θ), with momentum and weight decay where they are asked for.

    Raises ConfigurationError unless the learning rate η is a schedule, or finite and above 0, the
    others are at least 0, and Nesterov's form comes with momentum and without dampening.
    """

    learning_rate: Rate
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        settle_rate(self)
        for name in ("momentum", "dampening", "weight_decay"):
            settle_number(self, name, AT_LEAST_0)
        settle_flag(self, "nesterov")
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ConfigurationError("nesterov_alone")

    def start(self, params: Array) -> OptimizerState:
        return zero_slots(params, "velocity") if self.momentum else super().start(params)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        if self.weight_decay:
            gradient = gradient + self.weight_decay * params
        rate = rate_at(self.learning_rate, state.step)
        if not self.momentum:
            return _moved(params, rate, gradient), OptimizerState(state.step + 1, state.slots)
        velocity = slot(self, state, "velocity", params)
        if state.step == 0:
            velocity = gradient.copy()
        else:
            velocity = self.momentum * velocity + (1 - self.dampening) * gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return _moved(params, rate, direction), after_step(state, velocity=velocity)


def _moved(params: Array, rate: float, direction: Array) -> Array:
    """θ − η · direction, with one new array in place of two."""
    moved: Array = direction * -rate
    moved += params
    return moved
