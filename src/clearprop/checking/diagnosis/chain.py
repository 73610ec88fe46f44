"""Mistakes in the chain rule, step by step: linear layers and activations.

Each is the layer's own backward with one thing put in the place of another.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import cast

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.fitted import fit
from clearprop.checking.diagnosis.hypothesis import Hypothesis, Question, Standing
from clearprop.checking.diagnosis.trusted import Trusted
from clearprop.checking.diagnosis.walk import Alteration, Altered, Step, walk
from clearprop.engine.combinators import Residual
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Activation, Identity
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.kinds.kind_tables import LAYER_EXAMPLES

# A mistake at one step: its key, the fields of its sentences, and the altered step.
Slip = tuple[str, dict[str, object], Alteration]


def slips(step: Step, before: Step | None, after: Step | None) -> Iterator[Slip]:
    """The mistakes that can be made at one step, between its neighbours."""
    yield from _anywhere(step)
    if isinstance(step.layer, Linear):
        yield from _linear(step, before, after)
    if isinstance(step.layer, Activation):
        yield from _activation(step.layer)


def bare_slips(step: Step) -> Iterator[Slip]:
    """The mistakes that can be made in any function that keeps its input's shape."""
    if step.input.shape == step.output.shape and step.input.dtype.kind == "f":
        yield "derivative_missing", {}, _dx(lambda s: s.dy)
        yield "mask_from_upstream", {}, _dx(lambda s: s.dy * (s.dy > 0))


def _anywhere(step: Step) -> Iterator[Slip]:
    if step.dx is None or isinstance(step.layer, Residual):
        return
    if step.input.shape == step.output.shape and not isinstance(step.layer, Linear):
        yield "derivative_missing", {}, _dx(lambda s: s.dy)
    yield "gradient_stops", {}, _dx(lambda s: np.zeros_like(s.input))
    yield "upstream_ignored", {}, lambda s: _backward(s, np.ones_like(s.dy))
    if len(step.dy) > 2:
        # All of the layer's gradients at once, or one of them by itself.
        each = [(name,) for name in step.gradients]
        for names in dict.fromkeys([tuple(step.gradients), *each]):
            for sample in (0, len(step.dy) - 1):
                yield "sample_missing", {"index": sample}, _without(sample, names)


def _without(sample: int, names: tuple[str, ...]) -> Alteration:
    def altered(step: Step) -> Altered:
        dy = step.dy.copy()
        dy[sample] = 0
        fewer = _backward(step, dy)[1]
        return step.dx, {**step.gradients, **{name: fewer[name] for name in names}}

    return altered


def _linear(step: Step, before: Step | None, after: Step | None) -> Iterator[Slip]:
    if before is not None and isinstance(before.layer, Activation):
        z = before.input
        if z.shape == step.input.shape:
            yield "weight_from_z", {"before": before.name}, _weight(lambda s: z.T @ s.dy)
    if step.input.shape == step.output.shape:
        yield "weight_not_transposed", {}, _dx(lambda s: s.dy @ s.params["weight"])
    if after is not None and isinstance(after.layer, Activation):
        da = after.dy
        if da.shape == step.dy.shape:
            yield from _before_the_derivative(step, after, da)


def _before_the_derivative(step: Step, after: Step, da: Array) -> Iterator[Slip]:
    """∂C/∂a, the gradient before it went through the activation, for some of the layer's gradients
    and not for all: that is the activation's derivative missing."""
    names = ("x", *step.gradients)
    for count in range(1, len(names)):
        for taken in combinations(names, count):
            key, values = "derivative_missing_for_weight", {"after": after.name}
            if "x" in taken:
                key, values = "derivative_missing", {"where": after.name}
            yield key, {**values}, _from(da, taken)


def _from(da: Array, taken: Sequence[str]) -> Alteration:
    def altered(step: Step) -> Altered:
        dx, gradients = _backward(step, da)
        mixed = {n: gradients[n] if n in taken else right for n, right in step.gradients.items()}
        return dx if "x" in taken else step.dx, mixed

    return altered


def _weight(function: Callable[[Step], Array]) -> Alteration:
    return lambda step: (step.dx, {**step.gradients, "weight": function(step)})


def _activation(layer: Activation) -> Iterator[Slip]:
    """Mistakes about f'(z) where a = f(z)."""
    right = partial(_slope_at, layer)
    wrong: tuple[tuple[str, Callable[[Step], Array]], ...] = (
        ("derivative_at_a", lambda s: _slope(layer, s.output, layer.value(s.output))),
        ("derivative_of_z", lambda s: _slope(layer, s.input, s.input)),
        ("derivative_of_z", lambda s: _slope(layer, s.output, s.output)),
        ("derivative_twice", lambda s: right(s) ** 2),
        ("value_for_derivative", lambda s: s.output),
        ("mask_from_upstream", lambda s: (s.dy > 0) * 1.0),
        ("mask_from_upstream", lambda s: (s.dy > 0) * right(s)),
        ("mask_inverted", lambda s: 1 - right(s)),
        ("kink", lambda s: np.where(s.input == 0, 1.0, right(s))),
        ("kink", lambda s: np.where(s.input == 0, 0.5, right(s))),
        ("kink", lambda s: np.where(s.input == 0, 0.0, right(s))),
    )
    for key, slope in wrong:
        yield key, {}, _with_slope(slope)
    for examples in LAYER_EXAMPLES.values():
        for other in dict.fromkeys(example.layer for example in examples):
            # Identity's f' = 1 is the missing derivative.
            if isinstance(other, Activation) and other not in (layer, Identity()):
                yield from _of_another(layer, other)


def _of_another(layer: Activation, other: Activation) -> Iterator[Slip]:
    """The derivative of another activation; its formula at this one's a, as a(1 − a) of a tanh."""
    same = type(other) is type(layer)
    values: dict[str, object] = {"other": str(other) if same else type(other).__name__}
    yield "other_function", values, _with_slope(partial(_slope_at, other))
    yield "other_function", values, _with_slope(lambda s: _slope(other, s.input, s.output))


def _with_slope(slope: Callable[[Step], Array]) -> Alteration:
    return _dx(lambda step: step.dy * slope(step))


def _slope_at(layer: Activation, step: Step) -> Array:
    return _slope(layer, step.input, layer.value(step.input))


def _slope(layer: Activation, z: Array, a: Array) -> Array:
    # Numbers for a mask, so that it can be multiplied and subtracted. Arguments that f' was never
    # meant for may overflow, which only says that this was not the mistake.
    with np.errstate(all="ignore"):
        return np.asarray(layer.derivative(z, a)) * np.ones_like(z)


def _dx(function: Callable[[Step], Array]) -> Alteration:
    return lambda step: (function(step), step.gradients)


def _backward(step: Step, dy: Array) -> Altered:
    layer = cast(Layer, step.layer)  # a bare step has no slip that comes here
    return layer.backward(step.params, step.cache, dy)


def updated_weights(
    question: Question, trusted: Trusted, line: tuple[Step, ...]
) -> Iterator[Hypothesis]:
    """Dx = dz (W − η ∂C/∂W)ᵀ: the weights were updated before the signal went through them; those
    of all linear layers, or those of one."""
    linear = [step for step in line if isinstance(step.layer, Linear)]
    ones = [[step] for step in linear]
    for updated in [linear, *ones] if len(linear) > 1 else ones:
        rate = _rate(question, trusted, line, updated)
        if rate > 0:
            predicted = walk(trusted, {step.path: _updated(rate) for step in updated})
            values = {"where": updated[-1].name, "rate": rate}
            yield Hypothesis("updated_weights", predicted, values, Standing.FITTED)


def _rate(
    question: Question, trusted: Trusted, line: tuple[Step, ...], updated: Sequence[Step]
) -> float:
    """η, fitted on what only the last update reaches, because there it enters linearly; 0 where
    nothing of that is wrong."""
    right = trusted.right()
    once = walk(trusted, {updated[-1].path: _updated(1.0)})
    reached = [n for n in question.wrong if n in once and question.changes(n, once[n])]
    if len(updated) > 1:
        # Left of the next linear layer a second update joins in.
        near = {
            trusted.names[join_path(step.path, name)]
            for step in line[line.index(updated[-2]) :]
            for name in step.gradients
        }
        reached = [name for name in reached if name in near]
    for name in reached[:1]:
        direction = once[name] - right[name]
        if question.claimed[name].shape == direction.shape and np.count_nonzero(direction) >= 3:
            return fit(question.claimed[name] - right[name], direction)
    return 0.0


def _updated(rate: float) -> Alteration:
    return _dx(lambda s: s.dy @ (s.params["weight"] - rate * s.gradients["weight"]).T)
