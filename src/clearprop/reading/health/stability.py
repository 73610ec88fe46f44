"""The learning rate against its local bound of stability.

Near a point θ the loss is L ≈ L(θ) + gᵀd + ½ dᵀH d. A step of gradient descent,
d ← d − η (g + H d), multiplies what d has along the eigenvector of λ by 1 − ηλ. That grows where
|1 − ηλ| > 1, which for λ > 0 is where η > 2/λ. So 2/λmax is the largest rate at which nothing grows
that curves upwards, at this point: it is local, and moves as the parameters do.

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
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from clearprop.base import messages
from clearprop.engine.optimizers import SGD, Clipped, Optimizer
from clearprop.engine.schedules import Rate, rate_at
from clearprop.engine.step import Step
from clearprop.reading.explanation.readable import joined
from clearprop.reading.health.curvature import Curvature, curvature
from clearprop.reading.health.finding import Finding, Severity, Symptom, shown


class Moment(StrEnum):
    """When in a training: HERE where it has not begun, or nothing is known of it."""

    START = "start"
    END = "end"
    HERE = "here"


class RateRule(StrEnum):
    """How an optimizer uses its rate: ADAPTIVE where the bound is not that of this optimizer,
    UNKNOWN without an optimizer."""

    PLAIN = "plain"
    MOMENTUM = "momentum"
    ADAPTIVE = "adaptive"
    UNKNOWN = "unknown"


# What a rate above its bound is called.
ABOVE = {
    Moment.START: Symptom.RATE_START,
    Moment.END: Symptom.RATE_END,
    Moment.HERE: Symptom.RATE_HERE,
}


@dataclass(frozen=True)
class Stability:
    """The local bound at one point of a training.

    loss        L there
    curvature   λmax of the loss's Hessian; not the largest where `converged` is False
    bound       2/λmax, with what momentum and weight decay make of it; ∞ where nothing curves
                upwards
    rate        the learning rate of that step; None where none is known
    iterations  of the power iteration, whose residual ‖Hv − λv‖/|λ| is `residual`
    kinked      whether a kink of the loss stood so close that λmax is not to be trusted
    """

    when: Moment
    loss: float
    curvature: float
    bound: float
    rate: float | None
    rule: RateRule
    iterations: int
    residual: float
    converged: bool
    kinked: bool

    def sentence(self, language: str) -> str:
        """The bound, the rate against it, and how far both are to be trusted."""
        say = partial(messages.within("health.stability"), language)

        key = "bound" if self.curvature > 0 else "flat"
        if math.isnan(self.curvature):
            key = "unknown"
        numbers = {
            "curvature": shown(self.curvature),
            "bound": shown(self.bound),
            "loss": shown(self.loss),
        }
        parts = [say(key, when=say(self.when), **numbers)]
        if self.rate is not None and key == "bound" and self.rule != RateRule.ADAPTIVE:
            side = "above" if self.rate > self.bound else "below"
            parts.append(say(side, rate=shown(self.rate)))
        if self.rule in (RateRule.MOMENTUM, RateRule.ADAPTIVE):
            parts.append(say(f"rule_{self.rule}"))
        if not self.converged:
            parts.append(say("unsettled", iterations=self.iterations))
        if self.kinked:
            parts.append(say("kinked"))
        return joined(language, parts)


def stability_at(step: Step, when: Moment, rate: float | None) -> Stability:
    """The bound at the parameters of a step. `rate` stands in for the optimizer's."""
    found = curvature(step)
    optimizer = step.optimizer.optimizer if isinstance(step.optimizer, Clipped) else step.optimizer
    rule, bound = _bound(optimizer, found)
    return Stability(
        when=when,
        loss=step.value,
        curvature=found.largest,
        bound=bound,
        rate=rate if rate is not None else rate_of(optimizer, step),
        rule=rule,
        iterations=found.iterations,
        residual=found.residual,
        converged=found.converged,
        kinked=found.kinked,
    )


def rate_above_bound(found: tuple[Stability, ...], *, converged: bool) -> Iterator[Finding]:
    """A finding for every point at which the rate is above the bound; a note where the network has
    converged, for no step is to come."""
    for one in found:
        if (
            one.rate is None
            or one.rule == RateRule.ADAPTIVE
            or one.kinked
            or not one.rate > one.bound
        ):
            continue
        yield Finding(
            ABOVE[one.when],
            Severity.NOTE if converged else Severity.WARNING,
            (),
            {"rate": one.rate, "bound": one.bound, "curvature": one.curvature},
        )


def rate_of(optimizer: Optimizer | None, step: Step) -> float | None:
    """η of the step that comes next."""
    rate: Rate | None = getattr(optimizer, "learning_rate", None)
    if rate is None:
        return None
    return float(rate_at(rate, 0 if step.state is None else step.state.step))


def _bound(optimizer: Optimizer | None, found: Curvature) -> tuple[RateRule, float]:
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
