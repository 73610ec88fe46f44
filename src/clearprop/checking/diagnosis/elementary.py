"""Mistakes that the two gradients show by themselves: what was claimed is the right gradient
negated, scaled, transposed, in another's place, not summed.

Nothing is known here of layers; a plain function is enough.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Hypothesis, difference
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind

# A transformation of one array's right gradient; None where it cannot be applied.
Transformation = Callable[[Array], Array | None]


def elementary(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """The hypotheses of this file that hold for at least one array."""
    yield from over_arrays(discrepancy, MistakeKind.SIGN, np.negative)
    yield from over_arrays(discrepancy, MistakeKind.TRANSPOSED, _transposed)
    yield from over_arrays(discrepancy, MistakeKind.ZEROS, np.zeros_like, standing=Standing.FITTED)
    yield from _factors(discrepancy)
    yield from _permuted(discrepancy)
    yield from _unsummed(discrepancy)


def considered(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """What of this file could have been made in all the wrong arrays at once, whether it holds or
    not: for whoever asks why it was not named."""
    transformations: list[tuple[MistakeKind, Transformation, dict[str, object]]] = [
        (MistakeKind.SIGN, np.negative, {}),
        (MistakeKind.TRANSPOSED, _transposed, {}),
        (MistakeKind.ZEROS, np.zeros_like, {}),
    ]
    for key, factor, count in named_factors(discrepancy):
        values: dict[str, object] = {"factor": factor, "count": count}
        transformations.append((key, partial(np.multiply, factor), values))
    for key, transformation, fields in transformations:
        made = {name: transformation(discrepancy.expected[name]) for name in discrepancy.wrong}
        predicted = {name: array for name, array in made.items() if array is not None}
        if predicted:
            yield Hypothesis(key, predicted, fields)


def over_arrays(
    discrepancy: Discrepancy,
    key: MistakeKind,
    transformation: Transformation,
    *,
    standing: Standing = Standing.EXACT,
    **values: object,
) -> Iterator[Hypothesis]:
    """One hypothesis for all the wrong arrays that a transformation reproduces."""
    predicted = {}
    for name in discrepancy.wrong:
        array = transformation(discrepancy.expected[name])
        if array is not None and discrepancy.reproduces(name, array):
            predicted[name] = array
    if predicted:
        yield Hypothesis(key, predicted, values, standing)


def _transposed(right: Array) -> Array | None:
    if right.ndim != 2 or 1 in right.shape:
        return None
    return np.ascontiguousarray(right.T)


def _factors(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    for key, factor, count in named_factors(discrepancy):
        yield from over_arrays(
            discrepancy, key, partial(np.multiply, factor), factor=factor, count=count
        )


def named_factors(discrepancy: Discrepancy) -> list[tuple[MistakeKind, float, int]]:
    """Of the numbers that people multiply by, those that are something here."""
    n, d = discrepancy.samples, discrepancy.outputs
    counts = dict.fromkeys((*(discrepancy.batch or (n,)), n * d))
    factors = [
        *((MistakeKind.SUMMED_FOR_MEAN, float(count), count) for count in counts),
        *((MistakeKind.MEAN_FOR_SUM, 1 / count, count) for count in counts),
        (MistakeKind.FACTOR_TWO, 2.0, 2),
        (MistakeKind.FACTOR_HALF, 0.5, 2),
        (MistakeKind.FACTOR_OUTPUTS, float(d), d),
        (MistakeKind.FACTOR_OUTPUTS, 1 / d, d),
    ]
    return [one for one in factors if one[1] != 1]


def _permuted(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """Every wrong array is the right gradient of another wrong array, each of a different one."""
    sources = {}
    for name in discrepancy.wrong:
        for other in discrepancy.wrong:
            if other != name and _is_array(discrepancy, name, other):
                sources[name] = other
    if sources and set(sources.values()) == set(sources):
        predicted = {name: _like(discrepancy, name, other) for name, other in sources.items()}
        yield Hypothesis(MistakeKind.SWAPPED, predicted)


def _is_array(discrepancy: Discrepancy, name: str, other: str) -> bool:
    if discrepancy.claimed[name].size != discrepancy.expected[other].size:
        return False
    return discrepancy.reproduces(name, _like(discrepancy, name, other))


def _like(discrepancy: Discrepancy, name: str, other: str) -> Array:
    """The right gradient of `other`, in the shape that was claimed for `name`."""
    shape = discrepancy.claimed[name].shape
    right = discrepancy.expected[other]
    return right.reshape(shape) if right.size == np.prod(shape) else right


def _unsummed(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """The claimed array has an entry for every sample, and those add up to the right gradient."""
    predicted = {}
    for name in discrepancy.wrong:
        claimed, right = discrepancy.claimed[name], discrepancy.expected[name]
        for axes in [*(tuple(range(n)) for n in range(1, claimed.ndim)), (-1,)]:
            rows = claimed.size // max(right.size, 1)
            summed = claimed.sum(axis=axes) if claimed.ndim > 1 else claimed
            if rows < 2 or summed.size != right.size:
                continue
            if difference(summed.reshape(right.shape), right) <= discrepancy.relative[name]:
                predicted[name] = claimed
    if predicted:
        yield Hypothesis(MistakeKind.UNSUMMED, predicted, {"count": discrepancy.samples})
