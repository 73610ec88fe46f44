"""Deeper networks: three linear layers, and a residual block, with their mistakes."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import Arrays, Code, Specimen, always
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.layers.activations import Tanh
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network

RATE = 0.05
WEIGHTS = ("layers[0].weight", "layers[2].weight", "layers[4].weight")
BIASES = ("layers[0].bias", "layers[2].bias", "layers[4].bias")


class Deep(NamedTuple):
    """The activations of a 2-4-4-2 tanh network, and its weights."""

    a0: Array
    z1: Array
    a1: Array
    z2: Array
    a2: Array
    w: tuple[Array, Array, Array]


def _deep(a: Arrays) -> tuple[Array, Deep]:
    w, b = [a[n] for n in WEIGHTS], [a[n] for n in BIASES]
    z1 = a["x"] @ w[0] + b[0]
    a1 = np.tanh(z1)
    z2 = a1 @ w[1] + b[1]
    a2 = np.tanh(z2)
    return a2 @ w[2] + b[2], Deep(a["x"], z1, a1, z2, a2, (w[0], w[1], w[2]))


def _named(x: Array, dw: tuple[Array, ...], d: tuple[Array, ...]) -> Arrays:
    """Weights' gradients as they are, biases' as sums of the signals."""
    sums = [signal.sum(0, keepdims=True) for signal in d]
    return {"x": x, **dict(zip(WEIGHTS, dw, strict=True)), **dict(zip(BIASES, sums, strict=True))}


def _deep_right(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = dy @ t.w[2].T * (1 - t.a2**2)
    d1 = d2 @ t.w[1].T * (1 - t.a1**2)
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.a1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


def _deep_derivative_missing(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = dy @ t.w[2].T * (1 - t.a2**2)
    d1 = d2 @ t.w[1].T
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.a1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


def _deep_weight_from_z(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = dy @ t.w[2].T * (1 - t.a2**2)
    d1 = d2 @ t.w[1].T * (1 - t.a1**2)
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.z1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


def _deep_not_transposed(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = dy @ t.w[2].T * (1 - t.a2**2)
    d1 = d2 @ t.w[1] * (1 - t.a1**2)
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.a1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


def _deep_updated(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    w = [weight.copy() for weight in t.w]
    dw3 = t.a2.T @ dy
    w[2] -= RATE * dw3
    d2 = dy @ w[2].T * (1 - t.a2**2)
    dw2 = t.a1.T @ d2
    w[1] -= RATE * dw2
    d1 = d2 @ w[1].T * (1 - t.a1**2)
    dw1 = t.a0.T @ d1
    w[0] -= RATE * dw1
    return _named(d1 @ w[0].T, (dw1, dw2, dw3), (d1, d2, dy))


def _deep_stops(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = dy @ t.w[2].T * (1 - t.a2**2)
    d1 = np.zeros_like(t.z1)
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.a1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


def _deep_decreasing(dy: Array, a: Arrays) -> Arrays:
    _, t = _deep(a)
    d2 = -dy @ t.w[2].T * (1 - t.a2**2)
    d1 = d2 @ t.w[1].T * (1 - t.a1**2)
    return _named(d1 @ t.w[0].T, (t.a0.T @ d1, t.a1.T @ d2, t.a2.T @ dy), (d1, d2, dy))


DEEP: dict[str, Code] = {
    "": _deep_right,
    "derivative_missing": _deep_derivative_missing,
    "weight_from_z": _deep_weight_from_z,
    "weight_not_transposed": _deep_not_transposed,
    "updated_weights": _deep_updated,
    "gradient_stops": _deep_stops,
    "sign": _deep_decreasing,
}

# Linear, a residual tanh block, Linear

BRANCH = "layers[1].branch.layers[0]"


class Block(NamedTuple):
    """h = x·W0 + b0, f = tanh(h·W1 + b1), y = (h + f)·W2 + b2."""

    h: Array
    f: Array


def _block(a: Arrays) -> Block:
    h = a["x"] @ a["layers[0].weight"] + a["layers[0].bias"]
    return Block(h, np.tanh(h @ a[f"{BRANCH}.weight"] + a[f"{BRANCH}.bias"]))


def _block_forward(a: Arrays) -> Array:
    t = _block(a)
    y: Array = (t.h + t.f) @ a["layers[2].weight"] + a["layers[2].bias"]
    return y


def _block_backward(join: Callable[[Array, Array], Array]) -> Code:
    def backward(dy: Array, a: Arrays) -> Arrays:
        t = _block(a)
        dr = dy @ a["layers[2].weight"].T
        df = dr * (1 - t.f**2)
        dh = join(dr, df @ a[f"{BRANCH}.weight"].T)
        return {
            "x": dh @ a["layers[0].weight"].T,
            "layers[0].weight": a["x"].T @ dh,
            "layers[0].bias": dh.sum(0),
            f"{BRANCH}.weight": t.h.T @ df,
            f"{BRANCH}.bias": df.sum(0),
            "layers[2].weight": (t.h + t.f).T @ dy,
            "layers[2].bias": dy.sum(0),
        }

    return backward


BLOCK: dict[str, Code] = {
    "": _block_backward(lambda direct, branch: direct + branch),
    "residual_skip": _block_backward(lambda direct, branch: branch),
    "residual_branch": _block_backward(lambda direct, branch: direct),
}


def specimens(seeds: range) -> Iterator[Specimen]:
    """Both networks, every mistake, every point."""
    deep = Network(Sequential(Linear(2, 4), Tanh(), Linear(4, 4), Tanh(), Linear(4, 2)))
    block = Network(
        Sequential(Linear(3, 4), Residual(Sequential(Linear(4, 4), Tanh())), Linear(4, 2))
    )
    rooms: tuple[tuple[str, Network, Callable[[Arrays], Array], dict[str, Code]], ...] = (
        ("2-4-4-2 Tanh", deep, lambda a: _deep(a)[0], DEEP),
        ("residual block", block, _block_forward, BLOCK),
    )
    for subject, network, forward, codes in rooms:
        for mistake, code in codes.items():
            for seed in seeds:
                generator = np.random.default_rng([seed, 4])
                inputs = network.layout.slots["layers[0].weight"].shape[0]
                arrays = {"x": generator.normal(size=(6, inputs))} | {
                    path: generator.normal(size=slot.shape) / 2
                    for path, slot in network.layout.slots.items()
                }
                dy = generator.normal(size=(6, 2)) / 6
                yield Specimen(
                    subject=subject,
                    mistake=mistake,
                    arrays=arrays,
                    dy=dy,
                    forward=forward,
                    start=always(code),
                    network=network,
                )
