"""Mistakes that the two gradients show by themselves: what was claimed is the right gradient
negated, scaled, transposed, in another's place, not summed.

Nothing is known here of layers; a plain function is enough.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.hypothesis import Hypothesis, Question, Standing, difference

# A transformation of one array's right gradient; None where it cannot be applied.
Transformation = Callable[[Array], Array | None]


def elementary(question: Question) -> Iterator[Hypothesis]:
    """The hypotheses of this file that hold for at least one array."""
    yield from over_arrays(question, "sign", np.negative)
    yield from over_arrays(question, "transposed", _transposed)
    yield from over_arrays(question, "zeros", np.zeros_like, standing=Standing.FITTED)
    yield from _factors(question)
    yield from _permuted(question)
    yield from _unsummed(question)


def over_arrays(
    question: Question,
    key: str,
    transformation: Transformation,
    *,
    standing: Standing = Standing.EXACT,
    **values: object,
) -> Iterator[Hypothesis]:
    """One hypothesis for all the wrong arrays that a transformation reproduces."""
    predicted = {}
    for name in question.wrong:
        array = transformation(question.expected[name])
        if array is not None and question.reproduces(name, array) is not None:
            predicted[name] = array
    if predicted:
        yield Hypothesis(key, predicted, values, standing)


def _transposed(right: Array) -> Array | None:
    if right.ndim != 2 or 1 in right.shape:
        return None
    return np.ascontiguousarray(right.T)


def _factors(question: Question) -> Iterator[Hypothesis]:
    n, d = question.samples, question.outputs
    # Of the numbers that people multiply by, those that are something here.
    named = [
        ("summed_for_mean", float(n), n),
        ("summed_for_mean", float(n * d), n * d),
        ("mean_for_sum", 1 / n, n),
        ("mean_for_sum", 1 / (n * d), n * d),
        ("factor_two", 2.0, 2),
        ("factor_half", 0.5, 2),
        ("factor_outputs", float(d), d),
        ("factor_outputs", 1 / d, d),
    ]
    for key, factor, count in named:
        if factor != 1:
            yield from over_arrays(
                question, key, partial(np.multiply, factor), factor=factor, count=count
            )


def _permuted(question: Question) -> Iterator[Hypothesis]:
    """Every wrong array is the right gradient of another wrong array, each of a different one."""
    sources = {}
    for name in question.wrong:
        for other in question.wrong:
            if other != name and _is_array(question, name, other):
                sources[name] = other
    if sources and set(sources.values()) == set(sources):
        predicted = {name: _like(question, name, other) for name, other in sources.items()}
        yield Hypothesis("swapped", predicted)


def _is_array(question: Question, name: str, other: str) -> bool:
    if question.claimed[name].size != question.expected[other].size:
        return False
    return question.reproduces(name, _like(question, name, other)) is not None


def _like(question: Question, name: str, other: str) -> Array:
    """The right gradient of `other`, in the shape that was claimed for `name`."""
    shape = question.claimed[name].shape
    right = question.expected[other]
    return right.reshape(shape) if right.size == np.prod(shape) else right


def _unsummed(question: Question) -> Iterator[Hypothesis]:
    """The claimed array has a row for every sample, and the rows add up to the right gradient."""
    predicted = {}
    for name in question.wrong:
        claimed, right = question.claimed[name], question.expected[name]
        if claimed.ndim < 2 or len(claimed) < 2 or claimed.size != len(claimed) * right.size:
            continue
        summed = claimed.sum(axis=0).reshape(right.shape)
        if difference(summed, right) <= question.relative[name]:
            predicted[name] = claimed
    if predicted:
        yield Hypothesis("unsummed", predicted, {"count": question.samples})
