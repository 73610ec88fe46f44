"""Learning rates that change: a pure function of the step's number, counted from 0.

    ConstantRate      η(s) = η₀
    StepDecay         η(s) = η₀ γ^⌊s / step_size⌋
    ExponentialDecay  η(s) = η₀ γˢ
    CosineDecay       η(s) = η_min + ½ (η₀ − η_min) (1 + cos(π s / t_max))
    Warmup            η(s) = f(s) · then(0)       for s < steps, f on a line from start_factor to 1
                             then(s − steps)      from there on

An optimizer takes a schedule wherever it takes a learning rate. A step is one update, so with
mini-batches an epoch has many; where PyTorch calls `scheduler.step()` after every update, the rates
are those of StepLR, ExponentialLR, CosineAnnealingLR, and LinearLR followed by another scheduler in
SequentialLR. After t_max the cosine rises again, as PyTorch's does, with a period of 2 t_max.

Because a schedule remembers nothing, a resumed training has the rate of its step.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import ABOVE_0, AT_LEAST_0, UP_TO_1, settle_number, settle_whole


class Schedule(Configurable, ABC):
    """A learning rate for every step."""

    @abstractmethod
    def rate(self, step: int) -> float:
        """η of the update that comes after `step` others."""


Rate: TypeAlias = float | Schedule


@dataclass(frozen=True)
class ConstantRate(Schedule):
    """The same rate in every step: what a plain number stands for."""

    learning_rate: float

    def __post_init__(self) -> None:
        settle_number(self, "learning_rate", ABOVE_0)

    def rate(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Multiplied by gamma after every `step_size` steps."""

    learning_rate: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        settle_number(self, "learning_rate", ABOVE_0)
        settle_whole(self, "step_size", 1)
        settle_number(self, "gamma", ABOVE_0)

    def rate(self, step: int) -> float:
        return float(self.learning_rate * self.gamma ** (step // self.step_size))


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """Multiplied by gamma after every step."""

    learning_rate: float
    gamma: float

    def __post_init__(self) -> None:
        settle_number(self, "learning_rate", ABOVE_0)
        settle_number(self, "gamma", ABOVE_0)

    def rate(self, step: int) -> float:
        return float(self.learning_rate * self.gamma**step)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Down half a wave of the cosine, from the learning rate to eta_min in t_max steps."""

    learning_rate: float
    t_max: int
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        settle_number(self, "learning_rate", ABOVE_0)
        settle_whole(self, "t_max", 1)
        settle_number(self, "eta_min", AT_LEAST_0)

    def rate(self, step: int) -> float:
        wave = 0.5 * (1 + math.cos(math.pi * step / self.t_max))
        return self.eta_min + (self.learning_rate - self.eta_min) * wave


@dataclass(frozen=True)
class Warmup(Schedule):
    """On a line from `start_factor` times the first rate of `then` up to it, and then that.

    `then` is a learning rate or another schedule, whose steps are counted from the end of the
    warm-up. Raises ConfigurationError where it is neither.
    """

    then: Rate
    steps: int = 5
    start_factor: float = 1 / 3

    def __post_init__(self) -> None:
        settle_rate(self, "then")
        settle_whole(self, "steps", 1)
        settle_number(self, "start_factor", UP_TO_1)

    def rate(self, step: int) -> float:
        if step >= self.steps:
            return rate_at(self.then, step - self.steps)
        factor = self.start_factor + (1 - self.start_factor) * step / self.steps
        return factor * rate_at(self.then, 0)


def rate_at(rate: Rate, step: int) -> float:
    """The learning rate of a step, where a number stands for itself."""
    return rate if isinstance(rate, float) else rate.rate(step)


def settle_rate(owner: object, name: str = "learning_rate") -> None:
    """Make the setting a float above 0, unless it is a schedule. Raises ConfigurationError."""
    value = getattr(owner, name)
    if isinstance(value, Schedule):
        return
    try:
        settle_number(owner, name, ABOVE_0)
    except ConfigurationError as problem:
        raise ConfigurationError("rate_invalid", value=value) from problem
