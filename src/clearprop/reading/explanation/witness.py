"""The witness of an explanation: one number is moved and the loss evaluated again.

    ∂L/∂w ≈ (L(w + h) − L(w − h)) / 2h

It knows nothing of the backward pass. Everything else stays as it was in the step, random draws
and side inputs included. A network in float32 is evaluated in float64 for it, because float32 would
leave two digits.

Where a number meets a kink on the way, of any layer or of the loss, the two ends lie on two pieces
of the loss. The step is then made smaller until both ends lie on the piece of w itself; where w is
too close to the kink for that, the piece of w alone is asked, from its own side, with the quotient
of the same order,

    ∂L/∂w ≈ (−3 L(w) + 4 L(w + h) − L(w + 2h)) / 2h          h < 0 on the left

and where w stands on a kink, both sides are, and the gradient may be the slope of either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import number
from clearprop.engine.addresses import InnerAddress, every_sample
from clearprop.engine.kinks import Sides, leaves_side, same_sides, sides
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.losses import LossResult
from clearprop.engine.moving import moved_inside, with_output
from clearprop.engine.network import ForwardPass
from clearprop.engine.step import Step
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep
from clearprop.reading.explanation.latex import latex_number
from clearprop.reading.explanation.readable import say

# What the step computes where its number is another one.
Evaluated: TypeAlias = tuple[ForwardPass, LossResult]

# How far quotient and gradient may be apart: relative to the gradient, relative to Σ|terms| (the
# quotient's own error, h² times a third derivative), and in units of the loss's rounding over h.
RELATIVE = 1e-6
OF_TERMS = {"float64": 1e-9, "float32": 1e-4}
ROUNDINGS = 100
# A loss is shown to this many digits where two losses close to each other are compared.
LOSS_DIGITS = 12
# h = ∛ε · max(1, |w|) times each of these, until no kink is met. Below, rounding is all there is.
SHRUNK = (1.0, 0.1, 0.01, 0.001)


class Testimony(StrEnum):
    """What a witness says; UNDECIDED where its quotient says nothing."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNDECIDED = "undecided"


class HowMoved(StrEnum):
    """How the number was moved.

    CENTRAL  to both sides
    CLOSER   to both sides with a smaller step, because a kink lies near
    RIGHT    to one side alone, because a kink lies on the other; so is LEFT
    ACROSS   to both sides, with a kink in between that could not be avoided
    """

    CENTRAL = "central"
    CLOSER = "closer"
    RIGHT = "right"
    LEFT = "left"
    ACROSS = "across"


@dataclass(frozen=True)
class Witness:
    """What the loss says when the number is moved.

    step       |h|
    below      the loss at w − h, or at w where only the right side is asked
    above      the loss at w + h, or at w where only the left side is asked
    quotient   the slope between them, with the distance that was really moved
    tolerance  how far quotient and gradient may be apart
    """

    outcome: Testimony
    step: float
    below: float
    above: float
    quotient: float
    tolerance: float
    method: HowMoved = HowMoved.CENTRAL

    def sentence(self, language: str) -> str:
        """What it found."""
        return say(
            language,
            f"witness.{self.outcome}",
            moved=say(language, f"witness.{self.method}", step=number(self.step, 2)),
            below=number(self.below, LOSS_DIGITS),
            above=number(self.above, LOSS_DIGITS),
            quotient=number(self.quotient, 6),
        )

    def step_of(self, letter: str, language: str) -> ExplainedStep:
        """The same as a step; `letter` is what the number is called."""
        moved = say(language, f"witness.{self.method}", step=number(self.step, 2))
        told = say(language, f"step.witness_{self.outcome}", moved=moved)
        ends = f"({number(self.above, LOSS_DIGITS)} − {number(self.below, LOSS_DIGITS)})"
        wide = self.step if self.method in (HowMoved.RIGHT, HowMoved.LEFT) else 2 * self.step
        moved = "" if wide == self.step else f"{ends} / {number(wide, 4)}"
        return ExplainedStep(told, (Chain(f"ΔL/Δ{letter}", (moved, number(self.quotient, 6))),))

    def equation_of(self, letter: str) -> str:
        """The difference quotient as LaTeX."""
        quotient = rf"\frac{{L({letter} + h) - L({letter} - h)}}{{2h}}"
        if self.method in (HowMoved.RIGHT, HowMoved.LEFT):
            losses = f"-3 L({letter}) + 4 L({letter} + h) - L({letter} + 2h)"
            quotient = rf"\frac{{{losses}}}{{2h}}"
        h = -self.step if self.method == HowMoved.LEFT else self.step
        return rf"{quotient} \approx {latex_number(self.quotient)}, \quad h = {latex_number(h)}"


def witness_of_parameter(step: Step, position: int, gradient: float, size: float) -> Witness:
    """Move the parameter at `position` of the flat array. `size` is Σ|terms| of its gradient."""
    params, x = _doubles(step.forward.params), _doubles(step.forward.input)

    def moved(value: float) -> Evaluated:
        point = params.copy()
        point[position] = value
        return step.again(point, x)

    return _witness(step, float(params[position]), moved, gradient, size)


def witness_of_feature(step: Step, index: tuple[int, ...], gradient: float, size: float) -> Witness:
    """Move one feature of the input by the same amount in every sample."""
    params, x = _doubles(step.forward.params), _doubles(step.forward.input)

    def moved(value: float) -> Evaluated:
        point = x.copy()
        point[every_sample(index)] += value
        return step.again(params, point)

    return _witness(step, 0.0, moved, gradient, size)


def witness_of_inner(
    step: Step, place: InnerAddress, sample: int, gradient: float, size: float
) -> Witness:
    """Move one number inside a layer, of one sample, where it is computed."""
    start, _ = step.again(_doubles(step.forward.params), _doubles(step.forward.input))
    values = start.inside(place.path)[place.name].values
    target = _doubles(step.target)
    own = float(values[sample][place.place])

    def moved(value: float) -> Evaluated:
        added = np.zeros(values.shape)
        added[(sample, *place.place)] = value - own
        forward = moved_inside(start, place.path, {place.name: added})
        return forward, step.loss.evaluate(forward.output, target)

    return _witness(step, own, moved, gradient, size)


def witness_at_one_time(
    step: Step,
    path: str,
    name: str,
    index: tuple[int, int],
    time: int,
    gradient: float,
    size: float,
) -> Witness:
    """Move one entry of a parameter at one time alone, of the recurrent layer at `path`."""
    start, _ = step.again(_doubles(step.forward.params), _doubles(step.forward.input))
    record, target = start[path], _doubles(step.target)
    layer, own = record.layer, float(record.params[name][index])
    assert isinstance(layer, Recurrent)

    def moved(value: float) -> Evaluated:
        change = value - own
        y = layer.output_moved_at(record.params, record.cache, name, index, time, change)
        forward = with_output(start, path, y)
        return forward, step.loss.evaluate(forward.output, target)

    return _witness(step, own, moved, gradient, size)


def witness_at_one_place(
    step: Step,
    entry: tuple[str, str, tuple[int, ...]],
    at: tuple[int, ...],
    factor: float,
    gradient: float,
) -> Witness:
    """Move an entry (path, name, index) of a parameter at one place of one sample alone: `at` is
    the output's entry that it is used for there, which answers with `factor`."""
    start, _ = step.again(_doubles(step.forward.params), _doubles(step.forward.input))
    path, name, index = entry
    record, target = start[path], _doubles(step.target)
    own = float(record.params[name][index])

    def moved(value: float) -> Evaluated:
        y = record.output.copy()
        y[at] += (value - own) * factor
        forward = with_output(start, path, y)
        return forward, step.loss.evaluate(forward.output, target)

    return _witness(step, own, moved, gradient, abs(gradient))


class _Evaluation(NamedTuple):
    """One evaluation: where it really was, the loss, and the sides of all kinks."""

    at: float
    loss: float
    sides: Sides


class _Quotient(NamedTuple):
    """A difference quotient, the losses at its ends, and how often a rounding of them stands in
    it."""

    value: float
    below: float
    above: float
    roundings: float


def _witness(
    step: Step,
    value: float,
    moved: Callable[[float], Evaluated],
    gradient: float,
    size: float,
) -> Witness:
    def evaluate(to: float) -> _Evaluation:
        # The distance that is really moved: w + h is rounded.
        forward, result = moved(to)
        target = _doubles(step.target)
        loss = float(result.total / result.weight)
        return _Evaluation(to, loss, sides(forward, step.loss, target))

    wide = float(np.cbrt(np.finfo(np.float64).eps)) * max(1.0, abs(value))
    with np.errstate(all="ignore"):
        start = evaluate(value)
        for shrunk in SHRUNK:
            h = wide * shrunk
            above, below = evaluate(value + h), evaluate(value - h)
            if same_sides(start.sides, above.sides) and same_sides(start.sides, below.sides):
                method = HowMoved.CENTRAL if shrunk == 1 else HowMoved.CLOSER
                found = {method: _central(below, above)}
                break
        else:
            h = wide
            found = _one_sided(evaluate, start, h)
            if not found:
                found = {HowMoved.ACROSS: _central(evaluate(value - h), evaluate(value + h))}
    # On a kink either side will do: the one that comes closest to the gradient is told.
    method = min(found, key=lambda name: abs(found[name].value - gradient))
    quotient = found[method]
    losses = max(abs(quotient.below), abs(quotient.above))
    rounding = ROUNDINGS * quotient.roundings * np.finfo(np.float64).eps * losses / h
    tolerance = RELATIVE * abs(gradient) + OF_TERMS[step.forward.params.dtype.name] * size
    tolerance += rounding
    if abs(quotient.value - gradient) <= tolerance and method != HowMoved.ACROSS:
        outcome = Testimony.AGREES
    elif (
        not np.isfinite([quotient.value, gradient]).all()
        or method == HowMoved.ACROSS
        or len(found) == 2
    ):
        outcome = Testimony.UNDECIDED
    else:
        outcome = Testimony.DISAGREES
    return Witness(
        outcome=outcome,
        step=h,
        below=quotient.below,
        above=quotient.above,
        quotient=quotient.value,
        tolerance=float(tolerance),
        method=method,
    )


def _central(below: _Evaluation, above: _Evaluation) -> _Quotient:
    slope = (above.loss - below.loss) / (above.at - below.at)
    return _Quotient(slope, below.loss, above.loss, 1)


def _one_sided(
    evaluate: Callable[[float], _Evaluation], start: _Evaluation, h: float
) -> dict[HowMoved, _Quotient]:
    """The slopes from every side on which no kink is met within 2h."""
    found = {}
    for name, sign in ((HowMoved.RIGHT, 1), (HowMoved.LEFT, -1)):
        near, far = evaluate(start.at + sign * h), evaluate(start.at + sign * 2 * h)
        if leaves_side(start.sides, near.sides) or not same_sides(near.sides, far.sides):
            continue
        slope = (-3 * start.loss + 4 * near.loss - far.loss) / (far.at - start.at)
        ends = (start.loss, near.loss) if sign > 0 else (near.loss, start.loss)
        found[name] = _Quotient(slope, *ends, 4)
    return found


def _doubles(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
