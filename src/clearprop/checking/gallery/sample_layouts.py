"""Where samples and units lie in the layouts that people write networks in; units and losses."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape

INPUTS, HIDDEN, OUTPUTS, SAMPLES, STEPS = 3, 5, 4, 7, 3


class SampleLayout(NamedTuple):
    """Where the samples and the units lie.

    data       the shape of arrays with so many units a sample
    weight     the shape of a weight from so many inputs to so many outputs
    forward    (a, W) → a·W; back  (dz, W) → ∂C/∂a; outer  (a, dz) → ∂C/∂W
    bias       the shape of a bias; over  the axes that it is summed over
    samples    the axis of the samples; None where there is one
    unit       the axis of the units
    """

    name: str
    data: Callable[[int], Shape]
    weight: Callable[[int, int], Shape]
    forward: Callable[[Array, Array], Array]
    back: Callable[[Array, Array], Array]
    outer: Callable[[Array, Array], Array]
    bias: Callable[[int], Shape]
    over: tuple[int, ...]
    samples: int | None
    unit: int = -1


def _into(inputs: int, outputs: int) -> Shape:
    return inputs, outputs


def _out_of(inputs: int, outputs: int) -> Shape:
    return outputs, inputs


LAYOUTS = (
    SampleLayout(
        "rows", lambda n: (SAMPLES, n), _into, lambda a, w: a @ w, lambda d, w: d @ w.T,
        lambda a, d: a.T @ d, lambda n: (1, n), (0,), 0,
    ),
    SampleLayout(
        "rows, weights as in PyTorch", lambda n: (SAMPLES, n), _out_of, lambda a, w: a @ w.T,
        lambda d, w: d @ w, lambda a, d: d.T @ a, lambda n: (n,), (0,), 0,
    ),
    SampleLayout(
        "columns", lambda n: (n, SAMPLES), _out_of, lambda a, w: w @ a, lambda d, w: w.T @ d,
        lambda a, d: d @ a.T, lambda n: (n, 1), (1,), 1, 0,
    ),
    SampleLayout(
        "a sequence", lambda n: (SAMPLES, STEPS, n), _into, lambda a, w: a @ w,
        lambda d, w: d @ w.T, lambda a, d: np.einsum("bti,bto->io", a, d), lambda n: (n,),
        (0, 1), 0,
    ),
    SampleLayout(
        "a vector, W @ x", lambda n: (n,), _out_of, lambda a, w: w @ a, lambda d, w: w.T @ d,
        lambda a, d: np.outer(d, a), lambda n: (n,), (), None,
    ),
    SampleLayout(
        "a vector, x @ W", lambda n: (n,), _into, lambda a, w: a @ w, lambda d, w: w @ d,
        lambda a, d: np.outer(a, d), lambda n: (n,), (), None,
    ),
)  # fmt: skip


class Unit(NamedTuple):
    """f, f' written with z and a, and whether f' is 0 or 1."""

    name: str
    f: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    is_mask: bool


def _sigmoid(z: Array) -> Array:
    a: Array = 1 / (1 + np.exp(-z))
    return a


UNITS = (
    Unit("Tanh", np.tanh, lambda z, a: 1 - a**2, False),
    Unit("Sigmoid", _sigmoid, lambda z, a: a * (1 - a), False),
    Unit("ReLU", lambda z: np.maximum(0, z), lambda z, a: (z > 0) * 1.0, True),
    Unit(
        "LeakyReLU 0.2",
        lambda z: np.where(z > 0, z, 0.2 * z),
        lambda z, a: np.where(z > 0, 1.0, 0.2),
        False,
    ),
)


class Head(NamedTuple):
    """A loss: its value for every sample, summed; ∂C/∂y by p and the target; and p of y."""

    name: str
    value: Callable[[Array, Array, int], Array]
    slope: Callable[[Array, Array], Array]
    p: Callable[[Array, int], Array]


def _softmax(y: Array, axis: int) -> Array:
    e = np.exp(y - y.max(axis=axis, keepdims=True))
    p: Array = e / e.sum(axis=axis, keepdims=True)
    return p


def _of_sigmoids(y: Array, t: Array, _: int) -> Array:
    p = _sigmoid(y)
    return np.asarray(-np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)))


HEADS = (
    Head(
        "squares",
        lambda y, t, axis: np.asarray(0.5 * np.sum((y - t) ** 2)),
        lambda p, t: p - t,
        lambda y, axis: y,
    ),
    Head(
        "softmax and cross-entropy",
        lambda y, t, axis: np.asarray(-np.sum(t * np.log(_softmax(y, axis)))),
        lambda p, t: p - t,
        _softmax,
    ),
    Head(
        "sigmoid and cross-entropy", _of_sigmoids, lambda p, t: p - t, lambda y, axis: _sigmoid(y)
    ),
)
