"""Gradient clipping: any optimizer, handed a gradient that is not too large.

    by norm      g ← g · min(1, c / (‖g‖₂ + 1e-6))       the direction stays
    by value     gᵢ ← min(max(gᵢ, −c), c)                every entry by itself

The norm is over all parameters of one network; of K stacked networks each has its own. The 1e-6 is
that of PyTorch's clip_grad_norm_. Where both are wanted, one wraps the other.

Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013.
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import ABOVE_0, settle_number
from clearprop.engine.optimizers.optimizer import Optimizer, OptimizerState, require_gradient

NORM_EPS = 1e-6


@dataclass(frozen=True)
class Clipped(Optimizer):
    """An optimizer whose gradients are clipped first, by their norm or by value.

    Raises ConfigurationError unless exactly one of the two is given, finite and above 0.
    """

    optimizer: Optimizer
    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise ConfigurationError("optimizer_expected", value=self.optimizer)
        if (self.norm is None) == (self.value is None):
            raise ConfigurationError("clipping_invalid", norm=self.norm, value=self.value)
        settle_number(self, "value" if self.norm is None else "norm", ABOVE_0)

    def start(self, params: Array) -> OptimizerState:
        return self.optimizer.start(params)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        return self.optimizer.step(params, state, self.clip(gradient))

    def clip(self, gradient: Array) -> Array:
        """The gradient (P,) or (K, P) that the optimizer is handed."""
        if self.norm is None:
            return np.clip(gradient, -self.value, self.value)  # type: ignore[operator]
        norms = np.sqrt(np.add.reduce(gradient * gradient, axis=-1, keepdims=True))
        clipped: Array = gradient * np.minimum(self.norm / (norms + NORM_EPS), 1)
        return clipped
