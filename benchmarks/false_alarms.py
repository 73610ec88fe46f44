"""Random correct backward passes, which the checker must not call wrong: a nightly-style sweep.

    python -m benchmarks.false_alarms [--cases 10000] [--seed 0]

Functions, shapes, dtypes, scales and points are drawn; many points lie on kinks or within a hair of
them, and some arrays are too large to be compared entry by entry. Prints how many were right,
undecided and wrong; status 1 for any wrong.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from clearprop import MSE, Linear, Network, Sequential, check
from clearprop.checking.verdict import Verdict
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """One correct case: what it is, and how it is checked."""

    name: str
    run: Callable[[], Verdict]


class Elementwise(NamedTuple):
    """A function of one number with its derivative, and the kinks that it has."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    kinks: tuple[float, ...] = ()


FUNCTIONS: dict[str, Elementwise] = {
    "relu": Elementwise(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype), (0,)),
    "leaky": Elementwise(
        lambda z: np.where(z > 0, z, z * z.dtype.type(0.01)),
        lambda z: np.where(z > 0, 1, 0.01).astype(z.dtype),
        (0,),
    ),
    "abs": Elementwise(np.abs, np.sign, (0,)),
    "hardtanh": Elementwise(
        lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1).astype(z.dtype), (-1, 1)
    ),
    "square relu": Elementwise(lambda z: np.maximum(z, 0) ** 2, lambda z: 2 * np.maximum(z, 0)),
    "tanh": Elementwise(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sin": Elementwise(np.sin, np.cos),
    "exp": Elementwise(lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z)),
    "cube": Elementwise(lambda z: z**3, lambda z: 3 * z**2),
    "softplus": Elementwise(
        lambda z: np.logaddexp(z, z.dtype.type(0)), lambda z: 1 / (1 + np.exp(-z))
    ),
}


def draw_point(generator: Any, shape: tuple[int, ...], kinks: tuple[float, ...]) -> Array:
    """Numbers of a random scale; with kinks, some lie on them or beside them."""
    x: Array = generator.normal(size=shape) * generator.choice([0.1, 1.0, 3.0])
    if kinks and generator.random() < 0.7:
        near = generator.choice([0.0, 0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3], size=shape)
        sign = generator.choice([-1.0, 1.0], size=shape)
        there = generator.choice(kinks, size=shape) + sign * near
        x = np.where(generator.random(shape) < 0.4, there, x)
    return x


def dtype_of(generator: Any) -> str:
    return str(generator.choice(["float64", "float64", "float32"]))


def elementwise(generator: Any) -> Case:
    name = str(generator.choice(list(FUNCTIONS)))
    function = FUNCTIONS[name]
    shape = tuple(int(n) for n in generator.integers(1, 5, size=generator.integers(1, 4)))
    if generator.random() < 0.02:
        # More entries than are compared one by one: a sample of them, and random directions.
        shape = (70, 70)
    dtype = dtype_of(generator)
    x = draw_point(generator, shape, function.kinks).astype(dtype)
    scale = np.dtype(dtype).type(10.0 ** generator.integers(-6, 7))

    def forward(x: Array) -> Array:
        return np.asarray(function.value(x) * scale.astype(x.dtype))

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * function.slope(x) * scale.astype(x.dtype))

    text = f"{name} {shape} {dtype} ×{float(scale):g}"
    seed = int(generator.integers(1000))
    return Case(text, lambda: check(forward, backward, x, seed=seed))


def two_layers(generator: Any) -> Case:
    n, i, h, o = (int(size) for size in generator.integers(1, 6, size=4))
    name = str(generator.choice(list(FUNCTIONS)))
    function = FUNCTIONS[name]
    dtype = dtype_of(generator)
    arrays = [
        draw_point(generator, shape, ()).astype(dtype)
        for shape in ((n, i), (i, h), (h,), (h, o), (1, o))
    ]
    if function.kinks and generator.random() < 0.5:
        arrays[0][0] = 0
        arrays[2][:] = function.kinks[0]

    def forward(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Array:
        return np.asarray(function.value(x @ w1 + b1) @ w2 + b2)

    def backward(
        dy: Array, x: Array, w1: Array, b1: Array, w2: Array, _b2: Array
    ) -> tuple[Array, ...]:
        z = x @ w1 + b1
        dz = dy @ w2.T * function.slope(z)
        weight = function.value(z).T @ dy
        return dz @ w1.T, x.T @ dz, dz.sum(0), weight, dy.sum(0, keepdims=True)

    seed = int(generator.integers(1000))
    return Case(
        f"two layers, {name}, {dtype}", lambda: check(forward, backward, *arrays, seed=seed)
    )


def reduction(generator: Any) -> Case:
    """Max over rows, and log-sum-exp, whose gradient is softmax."""
    n, d = (int(size) for size in generator.integers(1, 6, size=2))
    dtype = dtype_of(generator)
    x = generator.normal(size=(n, d)).astype(dtype)
    seed = int(generator.integers(1000))
    if generator.random() < 0.5:
        x = np.round(x * 2) / 2 if generator.random() < 0.5 else x

        def first(x: Array) -> Array:
            mask = np.zeros_like(x)
            mask[np.arange(len(x)), x.argmax(1)] = 1
            return mask

        return Case(
            f"max {n, d} {dtype}",
            lambda: check(lambda x: x.max(1), lambda dy, x: dy[:, None] * first(x), x, seed=seed),
        )

    def value(x: Array) -> Array:
        top = x.max(1, keepdims=True)
        return np.asarray(top[:, 0] + np.log(np.exp(x - top).sum(1)))

    def back(dy: Array, x: Array) -> Array:
        return np.asarray(dy[:, None] * np.exp(x - value(x)[:, None]))

    return Case(f"log-sum-exp {n, d} {dtype}", lambda: check(value, back, x, seed=seed))


def catalogue_layer(generator: Any) -> Case:
    kinds = [example for group in LAYER_EXAMPLES.values() for example in group]
    example = kinds[int(generator.integers(len(kinds)))]
    shape = (int(generator.integers(2, 5)), *example.input_shape)
    dtype = dtype_of(generator)
    x: Array = draw_point(generator, shape, (0.0, 1.0, -1.0)).astype(dtype)
    if example.ids is not None:
        x = generator.integers(example.ids, size=shape)
    seed = int(generator.integers(1000))
    return Case(
        f"{example.layer} {dtype}",
        lambda: check(
            example.layer, x=x, seed=seed, training=example.training, witnesses=["complex-step"]
        ),
    )


def catalogue_loss(generator: Any) -> Case:
    kinds = [example for group in LOSS_EXAMPLES.values() for example in group]
    example = kinds[int(generator.integers(len(kinds)))]
    output, target = example.draw(generator, int(generator.integers(1, 5)))
    if (
        generator.random() < 0.3
        and output.shape == target.shape
        and example.output.__name__ != "rates"
    ):
        output[0] = target[0]
    return Case(
        str(example.loss),
        lambda: check(example.loss, x=output, t=target, witnesses=["complex-step"]),
    )


def network(generator: Any) -> Case:
    widths = [int(size) for size in generator.integers(1, 6, size=generator.integers(2, 5))]
    activations = [
        kind(*([] if kind.__name__ != "LeakyReLU" else [0.1]))
        for kind in LAYER_EXAMPLES
        if kind.__name__ in ("ReLU", "Tanh", "LeakyReLU", "Hardtanh", "SiLU", "GELU")
    ]
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        chosen = activations[int(generator.integers(len(activations)))]
        layers += [Linear(inputs, outputs), chosen]
    made = Network(Sequential(*layers))
    n = int(generator.integers(1, 6))
    dtype = dtype_of(generator)
    x = draw_point(generator, (n, widths[0]), (0.0,)).astype(dtype)
    t = generator.normal(size=(n, widths[-1])).astype(dtype)
    seed = int(generator.integers(1000))
    return Case(
        f"network {widths} {dtype}",
        lambda: check(made, x=x, t=t, loss=MSE(), seed=seed, witnesses=["complex-step"]),
    )


KINDS = (elementwise, elementwise, two_layers, reduction, catalogue_layer, catalogue_loss, network)


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """`count` cases, of every kind in turn."""
    for number in range(count):
        yield KINDS[number % len(KINDS)](np.random.default_rng([seed, number]))


def sweep(count: int, seed: int = 0) -> tuple[Counter[str], list[tuple[str, Verdict]]]:
    """The outcomes of `count` cases, and every verdict that was not right."""
    outcomes: Counter[str] = Counter()
    others = []
    for case in cases(count, seed):
        verdict = case.run()
        outcomes[verdict.outcome] += 1
        if verdict.outcome != "right":
            others.append((case.name, verdict))
    return outcomes, others


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin = time.perf_counter()
    outcomes, others = sweep(options.cases, options.seed)
    for name, verdict in others:
        if verdict.outcome == "wrong":
            print(f"FALSE ALARM: {name}\n{verdict}\n")
    reasons = Counter(
        one.reason or "finding"
        for _, verdict in others
        if verdict.outcome == "undecided"
        for one in verdict.arrays
        if one.outcome == "undecided"
    )
    print(dict(outcomes), f"undecided because of {dict(reasons)}", sep="; ", end="")
    print(f"; {time.perf_counter() - begin:.0f} s")
    return int(outcomes["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
