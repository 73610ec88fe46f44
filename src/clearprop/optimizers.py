"""Optimizers: from parameters and a gradient to new parameters.

SGD          θ ← θ − η ∇L(θ)                         gradient descent; stochastic on mini-batches

A step returns new arrays and edits none, so the backward pass always meets the parameters that the
forward pass used.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clearprop.arrays import EMPTY, Array, is_finite_number
from clearprop.configuration import Configurable
from clearprop.errors import ConfigurationError, ShapeError


class OptimizerState(NamedTuple):
    """What an optimizer remembers between steps: a count, and arrays of the parameters' shape."""

    step: int = 0
    slots: Mapping[str, Array] = EMPTY


class Optimizer(Configurable, ABC):
    """A rule for the step from θ to the next θ."""

    def start(self, params: Array) -> OptimizerState:
        """The state before the first step."""
        return OptimizerState()

    @abstractmethod
    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        """New parameters and state. params and gradient: (P,), or (K, P) of K stacked networks.

        Raises ShapeError where the two differ.
        """


@dataclass(frozen=True)
class SGD(Optimizer):
    """θ ← θ − η ∇L(θ). Raises ConfigurationError unless the learning rate η is finite and > 0."""

    learning_rate: float

    def __post_init__(self) -> None:
        if not (is_finite_number(self.learning_rate) and self.learning_rate > 0):
            raise ConfigurationError("learning_rate_invalid", value=self.learning_rate)
        # A NumPy scalar would turn float32 parameters into float64 ones.
        object.__setattr__(self, "learning_rate", float(self.learning_rate))

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        if gradient.shape != params.shape:
            raise ShapeError("gradient_shape", gradient=gradient.shape, params=params.shape)
        return params - self.learning_rate * gradient, OptimizerState(state.step + 1, state.slots)


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD}
