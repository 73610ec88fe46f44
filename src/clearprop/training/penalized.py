"""An L2 penalty on some of the parameters, around any optimizer.

    L + ½ λ Σ w²  over the weights w alone        g ← ∇L(θ) + λ w on their entries

Biases and scales are not penalised: they do not make a function steeper, and pulling them to 0 only
moves it. An optimizer's own weight decay is of all parameters alike.

It is no optimizer of the catalogue: its spans are those of one network's parameters. Machine code
takes its steps as well.

Source: Krogh and Hertz, "A simple weight decay can improve generalization", 1991.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import AT_LEAST_0, settle_number
from clearprop.engine.optimizers.optimizer import Optimizer, OptimizerState, require_gradient


@dataclass(frozen=True)
class Penalized(Optimizer):
    """An optimizer that is handed the gradient of the loss and of an L2 penalty.

    spans  where the penalised parameters stand in the flat array: (first, end) of each part

    Raises ConfigurationError unless the penalty is at least 0 and every span has a length.
    """

    optimizer: Optimizer
    penalty: float
    spans: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        settle_number(self, "penalty", AT_LEAST_0)
        if any(not 0 <= first < end for first, end in self.spans):
            raise ConfigurationError("spans_invalid", came=self.spans)

    def value(self, params: Array) -> Array:
        """½ λ Σ w² of parameters (K, P): (K,), in float64."""
        parts = [params[..., first:end].astype(np.float64) for first, end in self.spans]
        sums = [np.add.reduce(part * part, axis=-1) for part in parts]
        value: Array = 0.5 * self.penalty * np.add.reduce(sums, axis=0)
        return value

    def start(self, params: Array) -> OptimizerState:
        return self.optimizer.start(params)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        require_gradient(params, gradient)
        penalised = gradient.copy()
        for first, end in self.spans:
            penalised[..., first:end] += self.penalty * params[..., first:end]
        return self.optimizer.step(params, state, penalised)


def mean_penalty(steps: Sequence[Array]) -> Any:
    """The mean of what was added to the losses of an epoch's steps, a number or (K,) each: 0 of
    none."""
    return np.mean(steps, axis=0) if steps else 0.0
