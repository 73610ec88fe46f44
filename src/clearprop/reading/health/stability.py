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

from collections.abc import Iterator
from dataclasses import dataclass

from clearprop.engine.optimizers import SGD, Clipped, Optimizer
from clearprop.engine.schedules import Rate, rate_at
from clearprop.engine.step import Step
from clearprop.reading.health.curvature import Curvature, curvature
from clearprop.reading.health.finding import WARNING, Finding


@dataclass(frozen=True)
class Stability:
    """The local bound at one point of a training.

    when        "start", "end", or "here" where the training has not begun or is not known
    loss        L there
    curvature   λmax of the loss's Hessian; not the largest where `converged` is False
    bound       2/λmax, with what momentum and weight decay make of it; ∞ where nothing curves
                upwards
    rate        the learning rate of that step; None where none is known
    rule        "plain", "momentum", "adaptive" (the bound is not that of this optimizer), or
                "unknown" without an optimizer
    iterations  of the power iteration, whose residual ‖Hv − λv‖/|λ| is `residual`
    kinked      whether a kink of the loss stood so close that λmax is not to be trusted
    """

    when: str
    loss: float
    curvature: float
    bound: float
    rate: float | None
    rule: str
    iterations: int
    residual: float
    converged: bool
    kinked: bool


def stability_at(step: Step, when: str, rate: float | None) -> Stability:
    """The bound at the parameters of a step. `rate` stands in for the optimizer's."""
    found = curvature(step)
    optimizer = step.optimizer.optimizer if isinstance(step.optimizer, Clipped) else step.optimizer
    rule, bound = _bound(optimizer, found)
    return Stability(
        when,
        step.value,
        found.largest,
        bound,
        rate if rate is not None else rate_of(optimizer, step),
        rule,
        found.iterations,
        found.residual,
        found.converged,
        found.kinked,
    )


def rate_above_bound(found: tuple[Stability, ...]) -> Iterator[Finding]:
    """A finding for every point at which the rate is above the bound."""
    for one in found:
        if one.rate is None or one.rule == "adaptive" or one.kinked or not one.rate > one.bound:
            continue
        yield Finding(
            f"rate_{one.when}",
            WARNING,
            (),
            {"rate": one.rate, "bound": one.bound, "curvature": one.curvature},
        )


def rate_of(optimizer: Optimizer | None, step: Step) -> float | None:
    """η of the step that comes next."""
    rate: Rate | None = getattr(optimizer, "learning_rate", None)
    if rate is None:
        return None
    return float(rate_at(rate, 0 if step.state is None else step.state.step))


def _bound(optimizer: Optimizer | None, found: Curvature) -> tuple[str, float]:
    if optimizer is None:
        return "unknown", found.bound
    if type(optimizer) is not SGD:
        return "adaptive", found.bound
    bound = found._replace(largest=found.largest + optimizer.weight_decay).bound
    if not optimizer.momentum:
        return "plain", bound
    factor = 1 + optimizer.momentum
    if optimizer.nesterov:
        return "momentum", bound * factor / (1 + 2 * optimizer.momentum)
    left = 1 - optimizer.dampening
    return "momentum", bound * factor / left if left > 0 else float("inf")
