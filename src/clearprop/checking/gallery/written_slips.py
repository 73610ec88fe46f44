"""Slips between layers: values and signals of another layer, a use that gives nothing back, a mask
that is drawn anew; and two mistakes in one code, which are both named."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import AND, STRANGER, Arrays, Code, Specimen, always


class ThreeLayers(NamedTuple):
    """Three layers in rows: x → tanh → tanh → y, all of one width, and x beside the last sum."""

    a: Arrays
    z1: Array
    a1: Array
    z2: Array
    a2: Array


def _tape(a: Arrays) -> ThreeLayers:
    z1 = a["x"] @ a["W1"] + a["b1"]
    a1 = np.tanh(z1)
    z2 = a1 @ a["W2"] + a["b2"]
    return ThreeLayers(a, z1, a1, z2, np.tanh(z2))


def _forward(a: Arrays) -> Array:
    y: Array = _tape(a).a2 @ a["W3"] + a["x"]
    return y


def _backward(**wrong: Callable[[ThreeLayers, Array, Array], Array]) -> Code:
    """The way back, where some lines are other ones: made of the tape, the right result and dy."""

    def code(dy: Array, a: Arrays) -> Arrays:
        t = _tape(a)

        def line(name: str, right: Array) -> Array:
            return wrong[name](t, right, dy) if name in wrong else right

        dw3 = line("dW3", t.a2.T @ dy)
        d2 = line("d2", dy @ line("W3", a["W3"]).T * line("slope2", 1 - t.a2**2))
        d1 = line("d1", d2 @ line("W2", a["W2"]).T * line("slope1", 1 - t.a1**2))
        return {
            "x": line("x", d1 @ a["W1"].T + dy),
            "W1": line("dW1", a["x"].T @ d1),
            "b1": line("db1", d1.sum(0)),
            "W2": line("dW2", line("into2", t.a1).T @ d2),
            "b2": line("db2", d2.sum(0)),
            "W3": dw3,
        }

    return code


CODES: Mapping[str, Code] = {
    "": _backward(),
    "wrong_cache": _backward(slope1=lambda t, right, dy: 1 - t.a2**2),
    "wrong_cache, W3 for W2": _backward(W2=lambda t, right, dy: t.a["W3"]),
    "wrong_cache, a2 for a1": _backward(into2=lambda t, right, dy: t.a2),
    "residual_skip": _backward(x=lambda t, right, dy: right - dy),
    f"weight_from_z{AND}derivative_missing": _backward(
        dW3=lambda t, right, dy: t.z2.T @ dy, slope1=lambda t, right, dy: np.ones_like(t.a1)
    ),
    f"derivative_missing{AND}mean_for_sum": _backward(
        slope2=lambda t, right, dy: np.ones_like(t.a2), db1=lambda t, right, dy: right / len(t.a1)
    ),
    f"derivative_twice{AND}transposed": _backward(
        slope2=lambda t, right, dy: right**2, dW1=lambda t, right, dy: right.T
    ),
    f"weight_not_transposed{AND}sign": _backward(
        W3=lambda t, right, dy: right.T, dW2=lambda t, right, dy: -right
    ),
    STRANGER: _backward(
        slope2=lambda t, right, dy: np.ones_like(t.a2),
        dW1=lambda t, right, dy: right + 0.1 * np.abs(right),
    ),
    f"{STRANGER}, another slope": _backward(slope1=lambda t, right, dy: np.exp(-np.abs(t.z1))),
}
SHAPE = (6, 4)


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every code, at several points."""
    for seed in seeds:
        yield _drawn("", seed)
        yield _drawn("dropout_redrawn", seed)
    for mistake, code in CODES.items():
        for seed in seeds:
            generator = np.random.default_rng([seed, 12])
            arrays: dict[str, Array] = {"x": generator.normal(size=SHAPE)}
            for layer in (1, 2, 3):
                arrays[f"W{layer}"] = generator.normal(size=(4, 4)) / 1.5
                if layer < 3:
                    arrays[f"b{layer}"] = generator.normal(size=4) / 2
            yield Specimen(
                subject="three layers and a direct path",
                mistake=mistake.partition(",")[0],
                arrays=arrays,
                dy=generator.normal(size=SHAPE),
                forward=_forward,
                start=always(code),
            )


def _drawn(mistake: str, seed: int) -> Specimen:
    """A mask from a generator that goes on where forward left it."""
    generator = np.random.default_rng([seed, 13])
    arrays = {"x": generator.normal(size=(6, 3)), "W": generator.normal(size=(3, 4))}
    mask, other = (generator.random((6, 4)) < 0.6 for _ in range(2))

    def backward(dy: Array, a: Arrays) -> Arrays:
        dz = dy * (other if mistake else mask) / 0.6
        return {"x": dz @ a["W"].T, "W": a["x"].T @ dz}

    return Specimen(
        subject="a mask that is drawn",
        mistake=mistake,
        arrays=arrays,
        dy=generator.normal(size=(6, 4)),
        forward=lambda a: a["x"] @ a["W"] * mask / 0.6,
        start=always(backward),
        redrawn=frozenset(arrays) if mistake else frozenset(),
    )
