"""Networks of two linear layers with an activation between them, their backward written out as in
a training loop, once right and then with each mistake by itself."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import Arrays, Specimen, always
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network

W1, B1, W2, B2 = "layers[0].weight", "layers[0].bias", "layers[2].weight", "layers[2].bias"
RATE, DECAY = 0.1, 0.01


class Nonlinearity(NamedTuple):
    """f, f' written with z and a, and the two ways to get f' wrong: with a for z, with z for a.

    A function whose derivative is the same either way has no such ways: `is_smooth` is False.
    """

    name: str
    f: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    at_a: Callable[[Array], Array]
    of_z: Callable[[Array], Array]
    is_smooth: bool = True


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


NONLINEARITIES = (
    Nonlinearity(
        "ReLU",
        lambda z: np.maximum(0, z),
        lambda z, a: (z > 0) * 1.0,
        lambda a: (a > 0) * 1.0,
        lambda z: (z > 0) * 1.0,
        is_smooth=False,
    ),
    Nonlinearity(
        "Tanh",
        np.tanh,
        lambda z, a: 1 - a**2,
        lambda a: 1 - np.tanh(a) ** 2,
        lambda z: 1 - z**2,
    ),
    Nonlinearity(
        "Sigmoid",
        _sigmoid,
        lambda z, a: a * (1 - a),
        lambda a: _sigmoid(a) * (1 - _sigmoid(a)),
        lambda z: z * (1 - z),
    ),
)
LAYER_OF: dict[str, Callable[[], Layer]] = {"ReLU": ReLU, "Tanh": Tanh, "Sigmoid": Sigmoid}


class LoopState(NamedTuple):
    """What the loop has at hand when it goes back."""

    n: Nonlinearity
    x: Array
    w1: Array
    w2: Array
    z: Array
    a: Array
    dy: Array


def gradients(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Arrays:
    """The five gradients by name."""
    return {"x": x, W1: w1, B1: b1, W2: w2, B2: b2}


def right(t: LoopState) -> Arrays:
    """As it should be."""
    da = t.dy @ t.w2.T
    dz = da * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def weight_from_z(t: LoopState) -> Arrays:
    """The tutorial's own."""
    dw2 = t.z.T @ t.dy
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), dw2, t.dy.sum(0))


def derivative_missing(t: LoopState) -> Arrays:
    """The activation is passed over."""
    dz = t.dy @ t.w2.T
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def derivative_missing_for_weight(t: LoopState) -> Arrays:
    """The gradients are taken a line too early."""
    delta = t.dy @ t.w2.T
    dw1, db1 = t.x.T @ delta, delta.sum(0)
    delta = delta * t.n.slope(t.z, t.a)
    return gradients(delta @ t.w1.T, dw1, db1, t.a.T @ t.dy, t.dy.sum(0))


def derivative_at_a(t: LoopState) -> Arrays:
    """F' is handed the activation."""
    dz = t.dy @ t.w2.T * t.n.at_a(t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def derivative_of_z(t: LoopState) -> Arrays:
    """The formula in a is handed z."""
    dz = t.dy @ t.w2.T * t.n.of_z(t.z)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def derivative_twice(t: LoopState) -> Arrays:
    """Once on leaving, once on entering."""
    slope = t.n.slope(t.z, t.a)
    dz = t.dy @ t.w2.T * slope
    dz = dz * slope
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def mask_from_upstream(t: LoopState) -> Arrays:
    """The negative entries of the gradient are cut off."""
    dz = t.dy @ t.w2.T
    dz[dz < 0] = 0
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def mask_inverted(t: LoopState) -> Arrays:
    """Z > 0 is cut off."""
    dz = t.dy @ t.w2.T
    dz[t.z > 0] = 0
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def updated_weights(t: LoopState) -> Arrays:
    """The update comes too early."""
    dw2 = t.a.T @ t.dy
    w2 = t.w2 - RATE * dw2
    dz = t.dy @ w2.T * t.n.slope(t.z, t.a)
    dw1 = t.x.T @ dz
    w1 = t.w1 - RATE * dw1
    return gradients(dz @ w1.T, dw1, dz.sum(0), dw2, t.dy.sum(0))


def weight_not_transposed(t: LoopState) -> Arrays:
    """W2 is square, and nothing complains."""
    dz = t.dy @ t.w2 * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def transposed(t: LoopState) -> Arrays:
    """dzᵀ·a in place of aᵀ·dz."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.dy.T @ t.a, t.dy.sum(0))


def upstream_ignored(t: LoopState) -> Arrays:
    """Everything starts from 1."""
    start = np.ones_like(t.dy)
    dz = start @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ start, start.sum(0))


def gradient_stops(t: LoopState) -> Arrays:
    """Nothing is handed to the first layer."""
    dw1, db1 = np.zeros_like(t.w1), np.zeros(t.w1.shape[1])
    return gradients(np.zeros_like(t.x), dw1, db1, t.a.T @ t.dy, t.dy.sum(0))


def unsummed(t: LoopState) -> Arrays:
    """The biases' gradients keep a row for each sample."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz, t.a.T @ t.dy, t.dy)


def mean_for_sum(t: LoopState) -> Arrays:
    """Divided by N a second time."""
    n = len(t.x)
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz / n, dz.mean(0), t.a.T @ t.dy / n, t.dy.mean(0))


def sample_missing(t: LoopState) -> Arrays:
    """The loop over the samples ends one too early."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    dw1 = np.zeros_like(t.w1)
    for row in range(len(t.x) - 1):
        dw1 += np.outer(t.x[row], dz[row])
    return gradients(dz @ t.w1.T, dw1, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def one_sample(t: LoopState) -> Arrays:
    """The loop over the samples overwrites in place of adding."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    dw1, db1 = np.zeros_like(t.w1), np.zeros(t.w1.shape[1])
    for row in range(len(t.x)):
        dw1, db1 = np.outer(t.x[row], dz[row]), dz[row]
    return gradients(dz @ t.w1.T, dw1, db1, t.a.T @ t.dy, t.dy.sum(0))


def input_for_derivative(t: LoopState) -> Arrays:
    """Z in place of the mask, or of f'(z)."""
    dz = t.dy @ t.w2.T * t.z
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def wrong_axis(t: LoopState) -> Arrays:
    """The bias is summed over the units."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(1), t.a.T @ t.dy, t.dy.sum(0))


def swapped(t: LoopState) -> Arrays:
    """The two biases' gradients, returned in the wrong order."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    db1, db2 = dz.sum(0), t.dy.sum(0)
    return gradients(dz @ t.w1.T, t.x.T @ dz, db2, t.a.T @ t.dy, db1)


def weight_decay(t: LoopState) -> Arrays:
    """The penalty of the weights is in their gradients."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    dw1, dw2 = t.x.T @ dz + DECAY * t.w1, t.a.T @ t.dy + DECAY * t.w2
    return gradients(dz @ t.w1.T, dw1, dz.sum(0), dw2, t.dy.sum(0))


def _turned_round(t: LoopState) -> Arrays:
    return right(t._replace(dy=-t.dy))


def _half(t: LoopState) -> Arrays:
    return right(t._replace(dy=t.dy / 2))


def _twice(t: LoopState) -> Arrays:
    return right(t._replace(dy=t.dy + t.dy))


def _summed(t: LoopState) -> Arrays:
    return right(t._replace(dy=t.dy * len(t.dy)))


ANY = {
    "": right,
    "derivative_missing": derivative_missing,
    "derivative_missing_for_weight": derivative_missing_for_weight,
    "weight_from_z": weight_from_z,
    "updated_weights": updated_weights,
    "upstream_ignored": upstream_ignored,
    "gradient_stops": gradient_stops,
    "unsummed": unsummed,
    "mean_for_sum": mean_for_sum,
    "sample_missing": sample_missing,
    "one_sample": one_sample,
    "input_for_derivative": input_for_derivative,
    "wrong_axis": wrong_axis,
    "weight_decay": weight_decay,
    "sign": _turned_round,
    "factor_half": _half,
    "factor_two": _twice,
    "summed_for_mean": _summed,
}
OF_RELU = {"mask_from_upstream": mask_from_upstream, "mask_inverted": mask_inverted}
OF_SMOOTH = {
    "derivative_at_a": derivative_at_a,
    "derivative_of_z": derivative_of_z,
    "derivative_twice": derivative_twice,
}
OF_SQUARE = {
    "weight_not_transposed": weight_not_transposed,
    "transposed": transposed,
    "swapped": swapped,
}


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every mistake in every network that it can be made in, at several points."""
    for sizes in ((2, 3, 1), (1, 10, 1), (3, 3, 3)):
        for n in NONLINEARITIES:
            wrong = dict(ANY)
            wrong |= OF_SMOOTH if n.is_smooth else OF_RELU
            if len(set(sizes)) == 1:
                wrong |= OF_SQUARE
            for mistake, code in wrong.items():
                for seed in seeds:
                    yield specimen(sizes, n, mistake, code, seed)
                yield specimen(sizes, n, mistake, code, seeds[0]).alone()


def specimen(
    sizes: tuple[int, int, int],
    n: Nonlinearity,
    mistake: str,
    code: Callable[[LoopState], Arrays],
    seed: int,
) -> Specimen:
    """One network with one way to go back, at one point."""
    inputs, hidden, outputs = sizes
    arrays = _point(sizes, seed)
    generator = np.random.default_rng([seed, 1])
    samples = len(arrays["x"])
    network = Network(
        Sequential(Linear(inputs, hidden), LAYER_OF[n.name](), Linear(hidden, outputs))
    )

    def forward(a: Arrays) -> Array:
        y: Array = n.f(a["x"] @ a[W1] + a[B1]) @ a[W2] + a[B2]
        return y

    def backward(dy: Array, a: Arrays) -> Arrays:
        z = a["x"] @ a[W1] + a[B1]
        return code(LoopState(n, a["x"], a[W1], a[W2], z, n.f(z), dy))

    # ∂L/∂y of a mean squared error.
    target = generator.normal(size=(samples, outputs))
    dy = 2 * (forward(arrays) - target) / target.size
    subject = f"{inputs}-{hidden}-{outputs} {n.name}"
    return Specimen(
        subject=subject,
        mistake=mistake,
        arrays=arrays,
        dy=dy,
        forward=forward,
        start=always(backward),
        network=network,
    )


def _point(sizes: tuple[int, int, int], seed: int) -> dict[str, Array]:
    """A point at which no hidden unit is near the kink, every one is on both sides, and the last
    sample reaches one: otherwise a mistake could leave the numbers right."""
    inputs, hidden, outputs = sizes
    generator = np.random.default_rng(seed)
    while True:
        arrays = {
            "x": generator.normal(size=(7 + seed % 3, inputs)),
            W1: generator.normal(size=(inputs, hidden)),
            B1: generator.normal(size=(1, hidden)) * 0.3,
            W2: generator.normal(size=(hidden, outputs)),
            B2: generator.normal(size=(1, outputs)),
        }
        z = arrays["x"] @ arrays[W1] + arrays[B1]
        both_sides = np.all(z.min(0) < 0) and np.all(z.max(0) > 0)
        if np.abs(z).min() > 1e-3 and both_sides and np.any(z[-1] > 0):
            return arrays
