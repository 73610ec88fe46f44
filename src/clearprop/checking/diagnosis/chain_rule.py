"""Mistakes in the chain rule, step by step: linear layers and activations.

Each is the layer's own backward with one thing put in the place of another.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import (
    Alteration,
    Altered,
    AlteredStep,
    altered,
    another_dx,
    suspects,
)
from clearprop.checking.diagnosis.fitted import ENOUGH, fit
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    Discrepancy,
    Hypothesis,
    difference,
    scale,
)
from clearprop.checking.diagnosis.image_slips import image_slips
from clearprop.checking.diagnosis.recognition import BETWEEN
from clearprop.checking.diagnosis.time_slips import time_slips
from clearprop.checking.diagnosis.trusted import TrustedPass
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.activations import Activation, Identity
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.recurrent_cells import RecurrentCell

# A mistake at one step: its key, the fields of its sentences, and the altered step.
Slip = tuple[MistakeKind, dict[str, object], Alteration]


def slips(
    step: AlteredStep, before: AlteredStep | None, after: AlteredStep | None
) -> Iterator[Slip]:
    """The mistakes that can be made at one step, between its neighbours."""
    for key, values, alteration in _between(step, before, after):
        yield key, values, alteration
        states = step.layer.states if isinstance(step.layer, RecurrentCell) else ()
        judged = [name for name in states if name in step.gradients]
        if judged:
            yield key, values, _but_the_states(judged, alteration)


def _but_the_states(states: Sequence[str], alteration: Alteration) -> Alteration:
    """The same where ∂C/∂(the states before) are made elsewhere, and rightly."""

    def changed(step: AlteredStep) -> Altered:
        dx, gradients = alteration(step)
        right = {name: step.gradients[name] for name in states}
        return dx, {**gradients, **right}

    return changed


def _between(
    step: AlteredStep, before: AlteredStep | None, after: AlteredStep | None
) -> Iterator[Slip]:
    yield from _anywhere(step)
    if isinstance(step.layer, Linear):
        yield from _linear(step, before, after)
    if isinstance(step.layer, Activation):
        yield from _activation(step.layer)
    yield from image_slips(step)
    yield from time_slips(step)


def bare_slips(step: AlteredStep) -> Iterator[Slip]:
    """The mistakes that can be made in any function that keeps its input's shape."""
    if step.input.shape == step.output.shape and step.input.dtype.kind == "f":
        yield MistakeKind.DERIVATIVE_MISSING, {}, another_dx(lambda s: s.dy)
        yield MistakeKind.MASK_FROM_UPSTREAM, {}, another_dx(lambda s: s.dy * (s.dy > 0))


def _anywhere(step: AlteredStep) -> Iterator[Slip]:
    if step.dx is None:
        return
    if step.input.shape == step.output.shape and not isinstance(step.layer, Linear):
        yield MistakeKind.DERIVATIVE_MISSING, {}, another_dx(lambda s: s.dy)
    yield MistakeKind.GRADIENT_STOPS, {}, another_dx(lambda s: np.zeros_like(s.input))
    yield MistakeKind.UPSTREAM_IGNORED, {}, lambda s: s.back(np.ones_like(s.dy))
    # All of the layer's gradients at once, or one of them by itself.
    each = [(name,) for name in step.gradients]
    for names in dict.fromkeys([tuple(step.gradients), *each]):
        for sample in (0, len(step.dy) - 1):
            values: dict[str, object] = {"index": sample}
            if len(step.dy) > 2:
                yield MistakeKind.SAMPLE_MISSING, values, _of_some(sample, names, alone=False)
            if len(step.dy) > 1:
                yield MistakeKind.ONE_SAMPLE, values, _of_some(sample, names, alone=True)


def _of_some(sample: int, names: tuple[str, ...], *, alone: bool) -> Alteration:
    """Without one of the samples, or of that one alone."""

    def changed(step: AlteredStep) -> Altered:
        there = np.arange(len(step.dy)) == sample
        kept = (there if alone else ~there).reshape((-1,) + (1,) * (step.dy.ndim - 1))
        fewer = step.back(step.dy * kept)[1]
        return step.dx, {**step.gradients, **{name: fewer[name] for name in names}}

    return changed


def _linear(
    step: AlteredStep, before: AlteredStep | None, after: AlteredStep | None
) -> Iterator[Slip]:
    if before is not None and isinstance(before.layer, Activation):
        z = before.input
        if z.shape == step.input.shape:
            of_z = _weight(lambda s: _rows(z).T @ _rows(s.dy))
            yield MistakeKind.WEIGHT_FROM_Z, {"before": before.name}, of_z
    if step.input.shape == step.output.shape:
        yield MistakeKind.WEIGHT_NOT_TRANSPOSED, {}, another_dx(lambda s: s.dy @ s.params["weight"])
    if after is not None and isinstance(after.layer, Activation):
        da = after.dy
        if da.shape == step.dy.shape:
            yield from _before_the_derivative(step, after, da)


def _rows(array: Array) -> Array:
    """(N, ..., D) as one matrix of rows."""
    return array.reshape(-1, array.shape[-1])


def _before_the_derivative(step: AlteredStep, after: AlteredStep, da: Array) -> Iterator[Slip]:
    """∂C/∂a, the gradient before it went through the activation, for some of the layer's gradients
    and not for all: that is the activation's derivative missing."""
    names = ("x", *step.gradients)
    for count in range(1, len(names)):
        for taken in combinations(names, count):
            key, values = MistakeKind.DERIVATIVE_MISSING_FOR_WEIGHT, {"after": after.name}
            if "x" in taken:
                key, values = MistakeKind.DERIVATIVE_MISSING, {"where": after.name}
            yield key, {**values}, _from(da, taken)


def _from(da: Array, taken: Sequence[str]) -> Alteration:
    def changed(step: AlteredStep) -> Altered:
        dx, gradients = step.back(da)
        mixed = {n: gradients[n] if n in taken else right for n, right in step.gradients.items()}
        return dx if "x" in taken else step.dx, mixed

    return changed


def _weight(function: Callable[[AlteredStep], Array]) -> Alteration:
    return lambda step: (step.dx, {**step.gradients, "weight": function(step)})


def _activation(layer: Activation) -> Iterator[Slip]:
    """Mistakes about f'(z) where a = f(z)."""
    right = partial(_slope_at, layer)
    wrong: tuple[tuple[MistakeKind, Callable[[AlteredStep], Array]], ...] = (
        (
            MistakeKind.DERIVATIVE_AT_A,
            lambda s: slope_formula(layer, s.output, layer.value(s.output)),
        ),
        (MistakeKind.DERIVATIVE_OF_Z, lambda s: slope_formula(layer, s.input, s.input)),
        (MistakeKind.DERIVATIVE_OF_Z, lambda s: slope_formula(layer, s.output, s.output)),
        (MistakeKind.DERIVATIVE_TWICE, lambda s: right(s) ** 2),
        (MistakeKind.VALUE_FOR_DERIVATIVE, lambda s: s.output),
        (MistakeKind.INPUT_FOR_DERIVATIVE, lambda s: s.input),
        (MistakeKind.MASK_FROM_UPSTREAM, lambda s: (s.dy > 0) * 1.0),
        (MistakeKind.MASK_FROM_UPSTREAM, lambda s: (s.dy > 0) * right(s)),
        (MistakeKind.MASK_INVERTED, lambda s: 1 - right(s)),
    )
    # A smooth function leaves nothing to a convention.
    conventions = (1.0, 0.5, 0.0) if layer.kinks() else ()
    at_kinks: tuple[tuple[MistakeKind, Callable[[AlteredStep], Array]], ...] = tuple(
        (MistakeKind.KINK, partial(_slope_with, right, one)) for one in conventions
    )
    for key, slope in (*wrong, *at_kinks):
        yield key, {}, _withslope_formula(slope)
    for other in BETWEEN:
        # Identity's f' = 1 is the missing derivative.
        if other not in (layer, Identity()):
            yield from _of_another(layer, other)


def _slope_with(
    right: Callable[[AlteredStep], Array], convention: float, step: AlteredStep
) -> Array:
    """The right slope, but for an input of exactly 0."""
    return np.where(step.input == 0, convention, right(step))


def _of_another(layer: Activation, other: Activation) -> Iterator[Slip]:
    """The derivative of another activation; its formula at this one's a, as a(1 − a) of a tanh."""
    same = type(other) is type(layer)
    values: dict[str, object] = {"other": str(other) if same else type(other).__name__}
    yield MistakeKind.OTHER_FUNCTION, values, _withslope_formula(partial(_slope_at, other))
    yield (
        MistakeKind.OTHER_FUNCTION,
        values,
        _withslope_formula(lambda s: slope_formula(other, s.input, s.output)),
    )


def _withslope_formula(slope: Callable[[AlteredStep], Array]) -> Alteration:
    return another_dx(lambda step: step.dy * slope(step))


def _slope_at(layer: Activation, step: AlteredStep) -> Array:
    return slope_formula(layer, step.input, layer.value(step.input))


def slope_formula(layer: Activation, z: Array, a: Array) -> Array:
    """F' as the layer writes it, of z and a."""
    # Numbers for a mask, so that it can be multiplied and subtracted. Arguments that f' was never
    # meant for may overflow, which only says that this was not the mistake.
    with np.errstate(all="ignore"):
        return np.asarray(layer.derivative(z, a)) * np.ones_like(z)


def updated_weights(
    discrepancy: Discrepancy, trusted: TrustedPass, line: tuple[AlteredStep, ...]
) -> Iterator[Hypothesis]:
    """Dx = dz (W − η ∂C/∂W)ᵀ: the weights were updated before the signal went through them; those
    of all linear layers, or those of one."""
    linear = [step for step in line if isinstance(step.layer, Linear)]
    ones = [[step] for step in linear]
    for updated in [linear, *ones] if len(linear) > 1 else ones:
        rate = _rate(discrepancy, trusted, line, updated)
        if rate > 0:
            predicted = altered(trusted, {step.path: _updated(rate) for step in updated})
            values = {"where": updated[-1].name, "rate": rate}
            yield Hypothesis(MistakeKind.UPDATED_WEIGHTS, predicted, values, Standing.FITTED)


def _rate(
    discrepancy: Discrepancy,
    trusted: TrustedPass,
    line: tuple[AlteredStep, ...],
    updated: Sequence[AlteredStep],
) -> float:
    """η, fitted on what only the last update reaches, because there it enters linearly; 0 where
    nothing of that is wrong."""
    right = trusted.right()
    once = altered(trusted, {updated[-1].path: _updated(1.0)})
    reached = [n for n in discrepancy.wrong if n in once and discrepancy.changes(n, once[n])]
    if len(updated) > 1:
        # Left of the next linear layer a second update joins in.
        near = {
            trusted.name_of(step.path, name)
            for step in line[line.index(updated[-2]) :]
            for name in step.gradients
        }
        reached = [name for name in reached if name in near]
    for name in reached[:1]:
        direction = once[name] - right[name]
        if discrepancy.claimed[name].shape == direction.shape and np.count_nonzero(direction) >= 3:
            return fit(discrepancy.claimed[name] - right[name], direction)
    return 0.0


def _updated(rate: float) -> Alteration:
    return another_dx(lambda s: s.dy @ (s.params["weight"] - rate * s.gradients["weight"]).T)


def factors_handed_on(
    discrepancy: Discrepancy, trusted: TrustedPass, line: tuple[AlteredStep, ...]
) -> Iterator[Hypothesis]:
    """c·dx for dx, in a layer beside which another way goes back: behind the place where they meet
    no array is a multiple of the right one, and the factor enters linearly."""
    right = trusted.right()
    for step in suspects(trusted, line):
        if step.dx is None:
            continue
        without = altered(trusted, {step.path: another_dx(lambda s: np.zeros_like(s.input))})
        reached = [
            name
            for name in discrepancy.wrong
            if name in without
            and discrepancy.claimed[name].size == without[name].size
            and difference(without[name], right[name]) > USUAL
        ]
        if not any(scale(without[name]) > USUAL * scale(right[name]) for name in reached):
            continue
        directions = np.concatenate([(right[n] - without[n]).ravel() for n in reached])
        values = np.concatenate(
            [discrepancy.claimed[n].ravel() - without[n].ravel() for n in reached]
        )
        factor = fit(values, directions)
        if np.count_nonzero(directions) >= ENOUGH and factor:
            predicted = {
                name: without[name] + factor * (right[name] - without[name]) for name in without
            }
            fields = {"where": step.name, "factor": factor}
            yield Hypothesis(MistakeKind.FACTOR_HANDED_ON, predicted, fields, Standing.FITTED)
