"""The largest learning rate at which gradient descent is stable at one point.

Near a point θ the loss is L ≈ L(θ) + gᵀd + ½ dᵀH d. A step of gradient descent,
d ← d − η (g + H d), multiplies what d has along the eigenvector of λ by 1 − ηλ. That grows where
|1 − ηλ| > 1, which for λ > 0 is where η > 2/λ. So 2/λmax is the largest rate at which nothing grows
that curves upwards, at this point: it is local, and moves as the parameters do. At 1/λmax a step
goes to the lowest point along the sharpest direction.

With momentum μ and dampening d, two steps hang together along an eigenvector,

    w″ − (1 + μ − η (1 − d) λ) w′ + μ w = 0                  both roots inside the unit circle where
                                                             η < 2 (1 + μ) / ((1 − d) λ)
    Nesterov's  w″ − (1 + μ)(1 − ηλ) w′ + μ (1 − ηλ) w = 0   η < 2 (1 + μ) / ((1 + 2μ) λ)

and weight decay adds its own to every λ. Rates that are made for every parameter by itself (Adam
and its like) have bounds of their own, which this is not.

Sources: LeCun, Simard and Pearlmutter, Automatic learning rate maximization by on-line estimation
of the Hessian's eigenvectors, 1992; Polyak, 1964 (momentum).
"""

import math
from enum import StrEnum

from clearprop.engine.optimizers import SGD, Clipped, Optimizer
from clearprop.engine.schedules import Rate, rate_at
from clearprop.engine.step import Step
from clearprop.training.curvature import Curvature


class RateRule(StrEnum):
    """How an optimizer uses its rate: ADAPTIVE where the bound is not that of this optimizer,
    UNKNOWN without an optimizer."""

    PLAIN = "plain"
    MOMENTUM = "momentum"
    ADAPTIVE = "adaptive"
    UNKNOWN = "unknown"


def inside_clipping(optimizer: Optimizer | None) -> Optimizer | None:
    """The optimizer whose rate it is."""
    return optimizer.optimizer if isinstance(optimizer, Clipped) else optimizer


def rate_of(optimizer: Optimizer | None, step: Step) -> float | None:
    """η of the step that comes next."""
    rate: Rate | None = getattr(optimizer, "learning_rate", None)
    if rate is None:
        return None
    return float(rate_at(rate, 0 if step.state is None else step.state.step))


def bound_of(optimizer: Optimizer | None, found: Curvature) -> tuple[RateRule, float]:
    """How the optimizer uses its rate, and the largest stable one at this curvature."""
    if optimizer is None:
        return RateRule.UNKNOWN, found.bound
    if type(optimizer) is not SGD:
        return RateRule.ADAPTIVE, found.bound
    bound = found._replace(largest=found.largest + optimizer.weight_decay).bound
    if not optimizer.momentum:
        return RateRule.PLAIN, bound
    factor = 1 + optimizer.momentum
    if optimizer.nesterov:
        return RateRule.MOMENTUM, bound * factor / (1 + 2 * optimizer.momentum)
    left = 1 - optimizer.dampening
    return RateRule.MOMENTUM, bound * factor / left if left > 0 else float("inf")


def two_digits(value: float) -> float:
    """A rate to try, rounded down to two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit) * unit:.1e}")
