"""The learning rate against its local bound of stability, which `rate_bound` derives."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from clearprop.base import messages
from clearprop.engine.step import Step
from clearprop.reading.explanation.readable import joined
from clearprop.training.curvature import curvature
from clearprop.training.finding import Finding, Severity, Symptom, shown
from clearprop.training.rate_bound import RateRule, bound_of, inside_clipping, rate_of


class Moment(StrEnum):
    """When in a training: HERE where it has not begun, or nothing is known of it."""

    START = "start"
    END = "end"
    HERE = "here"


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
    optimizer = inside_clipping(step.optimizer)
    rule, bound = bound_of(optimizer, found)
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
