"""Mistakes about layers that mix entries: softmax, normalization, dropout, embedding.

A layer is known by what it computes (x and y at the point), not by its class: so they are found
in a plain function too, and no layer's own saved values are needed.
"""

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import Alteration, Altered, AlteredStep, another_dx
from clearprop.checking.diagnosis.chain_rule import Slip
from clearprop.checking.diagnosis.hypotheses import USUAL, difference
from clearprop.checking.verdict.mistakes import MistakeKind


def structural_slips(step: AlteredStep) -> Iterator[Slip]:
    """The mistakes that can be made at one step, by what it computes."""
    if step.dx is None:
        yield from _lookup(step)
        return
    if step.input.shape == step.output.shape and step.input.ndim >= 2:
        yield from _softmax(step)
        yield from _dropout(step)
        yield from _normalization(step)


def _softmax(step: AlteredStep) -> Iterator[Slip]:
    z, y = step.input, step.output
    exponentials = np.exp(z - z.max(axis=-1, keepdims=True))
    p = exponentials / exponentials.sum(axis=-1, keepdims=True)
    if difference(y, p) <= USUAL:
        # ∂yᵢ/∂zⱼ = yᵢ (δᵢⱼ − yⱼ)
        yield MistakeKind.SOFTMAX_DIAGONAL, {}, another_dx(lambda s: s.dy * p * (1 - p))
        yield MistakeKind.SOFTMAX_SUM, {}, another_dx(lambda s: s.dy * p)
        bare = another_dx(lambda s: s.dy - (s.dy * p).sum(axis=-1, keepdims=True))
        yield MistakeKind.SOFTMAX_FACTOR, {}, bare
    elif difference(np.exp(y), p) <= USUAL:
        # ∂yᵢ/∂zⱼ = δᵢⱼ − pⱼ
        yield MistakeKind.SOFTMAX_DIAGONAL, {}, another_dx(lambda s: s.dy * (1 - p))
        yield MistakeKind.SOFTMAX_SUM, {}, another_dx(lambda s: s.dy)
        yield MistakeKind.SOFTMAX_SUM, {}, another_dx(lambda s: s.dy - p)


def _dropout(step: AlteredStep) -> Iterator[Slip]:
    x, y = step.input, step.output
    if np.any(x == 0) or not np.any(y == 0) or not np.any(y):
        return
    multiplier = y / x
    scale = float(multiplier.max())
    kept = multiplier != 0
    # Every entry is dropped or scaled by the same number above 1; a ReLU's mask has 1.
    if scale < 1 + USUAL or difference(multiplier, scale * kept) > USUAL:
        return
    values: dict[str, object] = {"scale": scale}
    yield MistakeKind.DROPOUT_SCALE, values, another_dx(lambda s: s.dy * kept)
    yield MistakeKind.DROPOUT_SCALE, values, another_dx(lambda s: s.dy * kept * scale * scale)
    yield MistakeKind.DROPOUT_MASK, values, another_dx(lambda s: s.dy * scale)
    yield MistakeKind.DROPOUT_MASK, values, another_dx(lambda s: s.dy)


class Normalized(NamedTuple):
    """y = γ x̂ + β with x̂ = s (x − μ), the means taken over `axes`.

    inverse  s, one for each group; scale  γ; gains  the names of γ among the parameters
    """

    hat: Array
    inverse: Array
    scale: Array
    gain: str | None
    axes: tuple[int, ...]
    centred: bool


def _normalization(step: AlteredStep) -> Iterator[Slip]:
    found = _normalized(step)
    if found is None:
        return
    hat, inverse, scale, gain, axes, centred = found

    def mean(array: Array) -> Array:
        average: Array = array.mean(axis=axes, keepdims=True)
        return average

    # dx = s (g − mean(g) − x̂ mean(g x̂)) with g = γ dy; without centring there is no mean(g).
    yield MistakeKind.NORM_CONSTANT, {}, another_dx(lambda s: inverse * scale * s.dy)
    if centred:
        yield (
            MistakeKind.NORM_VARIANCE_CONSTANT,
            {},
            another_dx(lambda s: inverse * (scale * s.dy - mean(scale * s.dy))),
        )
        yield (
            MistakeKind.NORM_MEAN_CONSTANT,
            {},
            another_dx(lambda s: inverse * (scale * s.dy - hat * mean(scale * s.dy * hat))),
        )
    count = int(np.prod([hat.shape[axis] for axis in axes]))

    def paths(shift: float, along: float) -> Alteration:
        """With factors before the term of the mean and that of the variance."""

        def altered(step: AlteredStep) -> Altered:
            g = scale * step.dy
            of_mean = shift * mean(g) if centred else 0.0
            return inverse * (g - of_mean - along * hat * mean(g * hat)), step.gradients

        return altered

    bessel = count / (count - 1) if count > 1 else 1.0
    yield MistakeKind.NORM_BESSEL, {"count": count}, paths(1, bessel)
    yield MistakeKind.NORM_BESSEL, {"count": count}, paths(bessel, bessel)
    for factor in (2.0, 0.5, -1.0, float(count), 1 / count):
        values: dict[str, object] = {"path": "v", "factor": factor}
        yield MistakeKind.NORM_PATH_FACTOR, values, paths(1, factor)
        if centred:
            values = {"path": "μ", "factor": factor}
            yield MistakeKind.NORM_PATH_FACTOR, values, paths(factor, 1)
            values = {"path": "μ, v", "factor": factor}
            yield MistakeKind.NORM_PATH_FACTOR, values, paths(factor, factor)
    if gain is not None:
        yield MistakeKind.NORM_GAIN_MISSING, {}, _without_gain(inverse, hat, mean, centred)
        yield MistakeKind.NORM_GAIN_FROM_INPUT, {}, _gain_gradient(gain, lambda s: s.input)
        yield MistakeKind.NORM_GAIN_FROM_INPUT, {}, _gain_gradient(gain, lambda s: s.output)


def _without_gain(
    inverse: Array, hat: Array, mean: Callable[[Array], Array], centred: bool
) -> Alteration:
    def altered(step: AlteredStep) -> Altered:
        g = step.dy
        return inverse * (g - (mean(g) if centred else 0) - hat * mean(g * hat)), step.gradients

    return altered


def _gain_gradient(name: str, factor: Callable[[AlteredStep], Array]) -> Alteration:
    def altered(step: AlteredStep) -> Altered:
        right = step.gradients[name]
        product = step.dy * factor(step)
        spread = product.ndim - right.ndim
        shape = (1,) * spread + right.shape
        axes = tuple(i for i, n in enumerate(shape) if n == 1)
        wrong = product.sum(axis=axes, keepdims=True).reshape(right.shape)
        return step.dx, {**step.gradients, name: wrong}

    return altered


def _normalized(step: AlteredStep) -> Normalized | None:
    x, y = step.input, step.output
    names = list(step.params)
    # γ and β among the parameters: none, γ alone, both in either order.
    choices: list[tuple[str | None, str | None]] = [(None, None)]
    if len(names) == 1:
        choices = [(names[0], None), (None, names[0])]
    elif len(names) == 2:
        choices = [(first, second) for first, second in permutations(names)]
    groups = [((-1,), True), ((-1,), False), ((0, *range(2, x.ndim)), True)]
    for gain, shift in choices:
        gamma = np.asarray(step.params[gain] if gain else np.ones(1))
        beta = np.asarray(step.params[shift] if shift else np.zeros(1))
        if np.any(np.abs(gamma) < USUAL):
            continue
        for axes, centred in groups:
            found = _hat(x, y, gamma, beta, axes, centred)
            if found is not None:
                return Normalized(*found, gamma, gain, axes, centred)
    return None


def _hat(
    x: Array, y: Array, gamma: Array, beta: Array, axes: tuple[int, ...], centred: bool
) -> tuple[Array, Array] | None:
    """x̂ and s where y is that normalization of x: every group scaled to a mean square of 1, or
    a little less for the ε under the root."""
    try:
        hat = np.broadcast_to((y - beta) / gamma, x.shape)
    except ValueError:
        return None
    deviation = x - x.mean(axis=axes, keepdims=True) if centred else x
    square = np.mean(deviation * deviation, axis=axes, keepdims=True)
    if not np.all(square):
        return None
    inverse = np.mean(deviation * hat, axis=axes, keepdims=True) / square
    unit = inverse * inverse * square
    is_unit = np.all((unit > 0.5) & (unit < 1 + USUAL))
    if not is_unit or difference(hat, inverse * deviation) > USUAL:
        return None
    return hat, inverse


def _lookup(step: AlteredStep) -> Iterator[Slip]:
    """A table's rows picked by ids: every use of a row adds to its gradient."""
    if len(step.gradients) == 1 and step.input.dtype.kind in "iu":
        ((name, right),) = step.gradients.items()

        def overwritten(s: AlteredStep) -> Altered:
            wrong = np.zeros_like(right)
            wrong[s.input] = s.dy
            return None, {name: wrong}

        yield MistakeKind.EMBEDDING_OVERWRITTEN, {}, overwritten
