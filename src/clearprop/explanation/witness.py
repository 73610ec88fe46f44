"""The witness of an explanation: one number is moved by ±h and the loss evaluated again.

    ∂L/∂w ≈ (L(w + h) − L(w − h)) / 2h

It knows nothing of the backward pass. Everything else stays as it was in the step, random draws
and side inputs included. A network in float32 is evaluated in float64 for it, because float32 would
leave two digits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearprop.arrays import Array
from clearprop.checking.finite_differences import central_differences
from clearprop.explanation.addresses import every_sample
from clearprop.explanation.step import Step
from clearprop.layers.activations import ReLU

# How far quotient and gradient may be apart: relative to the gradient, relative to Σ|terms| (the
# quotient's own error, h² times a third derivative), and in units of the loss's rounding over h.
RELATIVE = 1e-6
OF_TERMS = {"float64": 1e-9, "float32": 1e-4}
ROUNDINGS = 100


@dataclass(frozen=True)
class Witness:
    """What the loss says when the number is moved.

    outcome    "agrees", "disagrees", or "undecided": a ReLU switched between the two ends or a loss
               was not finite, so that the quotient says nothing
    step       h
    below      the loss at w − h
    above      the loss at w + h
    quotient   (above − below) / 2h, with the distance that was really moved
    tolerance  how far quotient and gradient may be apart
    """

    outcome: str
    step: float
    below: float
    above: float
    quotient: float
    tolerance: float


def witness_of_parameter(step: Step, position: int, gradient: float, size: float) -> Witness:
    """Move the parameter at `position` of the flat array. `size` is Σ|terms| of its gradient."""
    params, x = _doubles(step.forward.params), _doubles(step.forward.input)

    def moved(value: float) -> tuple[Array, Array]:
        point = params.copy()
        point[position] = value
        return point, x

    return _witness(step, float(params[position]), moved, gradient, size)


def witness_of_feature(step: Step, index: tuple[int, ...], gradient: float, size: float) -> Witness:
    """Move one feature of the input by the same amount in every sample."""
    params, x = _doubles(step.forward.params), _doubles(step.forward.input)

    def moved(value: float) -> tuple[Array, Array]:
        point = x.copy()
        point[every_sample(index)] += value
        return params, point

    return _witness(step, 0.0, moved, gradient, size)


def _witness(
    step: Step,
    value: float,
    moved: Callable[[float], tuple[Array, Array]],
    gradient: float,
    size: float,
) -> Witness:
    losses: list[float] = []
    masks: list[list[Array]] = []
    context = step.forward.context
    target = _doubles(step.target)

    def loss_at(point: Array) -> float:
        params, x = moved(float(point[0]))
        forward = step.forward.network.forward(
            params,
            x,
            training=context.training,
            seed=context.seed,
            step=context.step,
            state=context.state,
            side_inputs=context.side_inputs,
        )
        result = step.loss.evaluate(forward.output, target)
        losses.append(float(result.total / result.weight))
        masks.append([r.input > 0 for r in forward.records if isinstance(r.layer, ReLU)])
        return losses[-1]

    with np.errstate(all="ignore"):
        differences = central_differences(loss_at, np.array([value]))
    above, below = losses
    h, quotient = float(differences.steps[0]), float(differences.gradient[0])
    rounding = ROUNDINGS * np.finfo(np.float64).eps * max(abs(above), abs(below)) / h
    tolerance = RELATIVE * abs(gradient) + OF_TERMS[step.forward.params.dtype.name] * size
    tolerance += rounding
    if abs(quotient - gradient) <= tolerance:
        outcome = "agrees"
    elif not np.isfinite([quotient, gradient]).all() or any(
        not np.array_equal(a, b) for a, b in zip(*masks, strict=True)
    ):
        outcome = "undecided"
    else:
        outcome = "disagrees"
    return Witness(outcome, h, below, above, quotient, float(tolerance))


def _doubles(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
