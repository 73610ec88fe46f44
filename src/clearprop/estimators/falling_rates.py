"""scikit-learn's learning rates that change between epochs, by what the epochs have brought.

    invscaling   η₀ / (1 + rows seen so far)^power, epoch by epoch
    adaptive     η / 5 wherever more than `patience` epochs brought nothing better, and those are
                 counted anew; the end comes there once η is 10⁻⁶ or less

A training with such a rate is one of phases, each of one rate. Where the rate changes, momentum
keeps the length of its step: scikit-learn's velocity has the rate within it (u = −η v).

Source: `sklearn.neural_network`, whose losses these are after each epoch.
"""

from dataclasses import dataclass, replace

from clearprop.engine.optimizers.optimizer import Optimizer, OptimizerState
from clearprop.engine.schedules import ConstantRate
from clearprop.training.penalized import Penalized

FALLING_NAMES = ("invscaling", "adaptive")
LEAST_RATE, FACTOR = 1e-6, 5.0


@dataclass(frozen=True)
class InverseScaling:
    """The rate falls with the rows that were seen: `rows` in an epoch."""

    first: float
    power: float
    rows: int

    def after(self, rate: float, epoch: int, *, is_over: bool) -> float | None:
        """The rate of the epoch behind `epoch` (from 0); None ends the training."""
        seen = (epoch + 1) * self.rows
        return None if is_over else self.first / (seen + 1) ** self.power


@dataclass(frozen=True)
class Adaptive:
    """The rate falls where nothing gets better any more."""

    first: float

    def after(self, rate: float, epoch: int, *, is_over: bool) -> float | None:
        """The rate of the epoch behind `epoch` (from 0); None ends the training."""
        if not is_over:
            return rate
        return None if rate <= LEAST_RATE else rate / FACTOR


FallingRate = InverseScaling | Adaptive


def at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    """The optimizer with another rate."""
    if isinstance(optimizer, Penalized):
        return replace(optimizer, optimizer=at_rate(optimizer.optimizer, rate))
    settings = {**optimizer.settings(), "learning_rate": ConstantRate(rate)}
    made: Optimizer = type(optimizer).from_settings(settings)
    return made


def memory_at_rate(memory: OptimizerState, before: float, rate: float) -> OptimizerState:
    """What an optimizer remembers, where its rate changes: momentum keeps its step."""
    if "velocity" not in memory.slots:
        return memory
    velocity = memory.slots["velocity"]
    scaled = velocity * velocity.dtype.type(before / rate)
    return memory._replace(slots={**memory.slots, "velocity": scaled})
