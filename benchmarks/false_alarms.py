"""Random correct backward passes, which the checker must not call wrong, and random wrong ones near
kinks, which it must not call right: a nightly-style sweep.

    python -m benchmarks.false_alarms [--cases 10000] [--seed 0] [--planted]

Functions, shapes, dtypes, scales from 1e-4 to 1e4 and points are drawn; many points lie on kinks or
within 1e-2 of them, and some arrays are too large to be compared entry by entry. Prints how many
were right, undecided and wrong; status 1 for any wrong, with `--planted` for any right, and for
more than a hundredth undecided.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from clearprop import MSE, Linear, Network, Sequential
from clearprop.checking.request import Request, answers
from clearprop.checking.verdict import Verdict
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES

Array = np.ndarray[Any, Any]


def check(target: Any, *arrays: Any, **options: Any) -> Verdict:
    """The verdict as `clearprop.check` gives it, without the name of a mistake."""
    if arrays and callable(arrays[0]):
        options["backward"], arrays = arrays[0], arrays[1:]
    return next(answers(Request(target, arrays, **options)))


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


# How far from a kink a point may lie, and how near at least where it must lie beside it: what is
# nearer than rounding is at the kink.
FARTHEST, NEAREST = 1e-2, {"float64": 1e-12, "float32": 1e-4}


def scale_of(generator: Any) -> float:
    """From 1e-4 to 1e4, as often small as large."""
    return float(10.0 ** generator.uniform(-4, 4))


def distances(generator: Any, shape: tuple[int, ...], dtype: str) -> Array:
    """Distances from a kink, to either side, as often near as far."""
    power = generator.uniform(np.log10(NEAREST[dtype]), np.log10(FARTHEST), size=shape)
    return np.asarray(generator.choice([-1.0, 1.0], size=shape) * 10.0**power)


def draw_point(
    generator: Any, shape: tuple[int, ...], kinks: tuple[float, ...], dtype: str = "float64"
) -> Array:
    """Numbers of a random scale; with kinks, some lie on them or beside them."""
    x: Array = generator.normal(size=shape) * generator.choice([0.1, 1.0, 3.0])
    if kinks and generator.random() < 0.7:
        on = generator.random(shape) < 0.1
        there = generator.choice(kinks, size=shape) + np.where(
            on, 0, distances(generator, shape, dtype)
        )
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
    x = draw_point(generator, shape, function.kinks, dtype).astype(dtype)
    scale = np.dtype(dtype).type(scale_of(generator))

    def forward(x: Array) -> Array:
        return np.asarray(function.value(x) * scale.astype(x.dtype))

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * function.slope(x) * scale.astype(x.dtype))

    text = f"{name} {shape} {dtype} ×{float(scale):g}"
    seed = int(generator.integers(1000))
    return Case(text, lambda: check(forward, backward, x, seed=seed))


def layers_near_a_kink(generator: Any, function: Elementwise, dtype: str) -> list[Array]:
    """x, w1, b1, w2 and b2 of two layers of a random scale; with kinks, the first sample lies
    within a hair of one of them in every unit, and sometimes all of it lies on them."""
    n, i, h, o = (int(size) for size in generator.integers(1, 6, size=4))
    shapes = ((n, i), (i, h), (h,), (h, o), (1, o))
    x, w1, b1, w2, b2 = (draw_point(generator, shape, ()) for shape in shapes)
    x, w1, w2 = (
        x * scale_of(generator) ** 0.5,
        w1 * scale_of(generator) ** 0.5,
        w2 * scale_of(generator),
    )
    if function.kinks and generator.random() < 0.02:
        x[0], b1[:] = 0, function.kinks[0]
    elif function.kinks and generator.random() < 0.7:
        b1 = (
            generator.choice(function.kinks, size=h) - x[0] @ w1 + distances(generator, (h,), dtype)
        )
    return [array.astype(dtype) for array in (x, w1, b1, w2, b2)]


def two_layers(generator: Any) -> Case:
    name = str(generator.choice(list(FUNCTIONS)))
    function = FUNCTIONS[name]
    dtype = dtype_of(generator)
    arrays = layers_near_a_kink(generator, function, dtype)

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
    x: Array = draw_point(generator, shape, (0.0, 1.0, -1.0), dtype).astype(dtype)
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
    x = (draw_point(generator, (n, widths[0]), (0.0,)) * scale_of(generator)).astype(dtype)
    t = generator.normal(size=(n, widths[-1])).astype(dtype)
    seed = int(generator.integers(1000))
    return Case(
        f"network {widths} {dtype}",
        lambda: check(made, x=x, t=t, loss=MSE(), seed=seed, witnesses=["complex-step"]),
    )


KINDS = (elementwise, elementwise, two_layers, reduction, catalogue_layer, catalogue_loss, network)


class Mistake(NamedTuple):
    """A wrong slope of an elementwise function near a kink: a name, and the slope at z."""

    name: str
    slope: Callable[[Elementwise, Array], Array]


def _other_side(function: Elementwise, z: Array) -> Array:
    kinks = np.array(function.kinks)
    nearest = kinks[np.argmin(np.abs(z[..., None] - kinks), axis=-1)]
    mirrored = np.where(np.abs(z - nearest) < 2 * FARTHEST, 2 * nearest - z, z)
    return function.slope(mirrored.astype(z.dtype))


def _flat_near(function: Elementwise, z: Array) -> Array:
    near = np.min([np.abs(z - kink) for kink in function.kinks], axis=0) < 2 * FARTHEST
    outside = np.mean(
        [function.slope(np.full(1, z.dtype.type(k + s))) for k in function.kinks for s in (-1, 1)]
    )
    return np.where(near, outside.astype(z.dtype), function.slope(z))


MISTAKES = (
    Mistake("the other side's slope", _other_side),
    Mistake("a mean of slopes near the kink", _flat_near),
    Mistake("no derivative", lambda _, z: np.ones_like(z)),
    Mistake("doubled", lambda function, z: 2 * function.slope(z)),
    Mistake("sign", lambda function, z: -function.slope(z)),
    Mistake("one part in twenty", lambda function, z: function.slope(z) * z.dtype.type(1.05)),
)


def planted(generator: Any) -> Case:
    """A wrong backward pass at a point near a kink: elementwise, or of two layers."""
    name = str(generator.choice([name for name, one in FUNCTIONS.items() if one.kinks]))
    function = FUNCTIONS[name]
    mistake = MISTAKES[int(generator.integers(len(MISTAKES)))]
    dtype = str(generator.choice(["float64", "float32"]))
    seed = int(generator.integers(1000))
    text = f"{mistake.name} in {name}, {dtype}"
    if generator.random() < 0.5:
        shape = tuple(int(size) for size in generator.integers(1, 5, size=2))
        on = generator.choice(function.kinks, size=shape) + distances(generator, shape, dtype)
        x, scale = on.astype(dtype), np.dtype(dtype).type(scale_of(generator))
        if _unseen(function, mistake, x):
            return planted(generator)
        return Case(
            text,
            lambda: check(
                lambda x: np.asarray(function.value(x) * scale.astype(x.dtype)),
                lambda dy, x: np.asarray(dy * mistake.slope(function, x) * scale.astype(x.dtype)),
                x,
                seed=seed,
            ),
        )
    x, w1, b1, w2, b2 = layers_near_a_kink(generator, function, dtype)
    b1 = function.kinks[0] - x[0] @ w1 + distances(generator, b1.shape, dtype).astype(dtype)
    z = x @ w1 + b1
    if _unseen(function, mistake, z):
        return planted(generator)

    def forward(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Array:
        return np.asarray(function.value(x @ w1 + b1) @ w2 + b2)

    def backward(
        dy: Array, x: Array, w1: Array, b1: Array, w2: Array, _b2: Array
    ) -> tuple[Array, ...]:
        z = x @ w1 + b1
        dz = dy @ w2.T * mistake.slope(function, z)
        return dz @ w1.T, x.T @ dz, dz.sum(0), function.value(z).T @ dy, dy.sum(0, keepdims=True)

    return Case(
        f"two layers: {text}", lambda: check(forward, backward, x, w1, b1, w2, b2, seed=seed)
    )


def _unseen(function: Elementwise, mistake: Mistake, z: Array) -> bool:
    """Whether the mistake changes nothing at this point, or a number lies so near to a kink that
    rounding decides its side."""
    rounding = 16 * float(np.finfo(z.dtype).eps) * float(np.abs(z).max() + 1)
    near = min(float(np.min(np.abs(z - kink))) for kink in function.kinks)
    return near < rounding or np.array_equal(mistake.slope(function, z), function.slope(z))


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """`count` cases, of every kind in turn."""
    for number in range(count):
        yield KINDS[number % len(KINDS)](np.random.default_rng([seed, number]))


def planted_cases(count: int, seed: int = 0) -> Iterator[Case]:
    """`count` wrong backward passes near kinks."""
    for number in range(count):
        yield planted(np.random.default_rng([seed, number, 1]))


def sweep(
    drawn: Iterator[Case], expected: str = "right"
) -> tuple[Counter[str], list[tuple[str, Verdict]]]:
    """The outcomes of the cases, and every verdict that was not the expected one."""
    outcomes: Counter[str] = Counter()
    others = []
    for case in drawn:
        verdict = case.run()
        outcomes[verdict.outcome] += 1
        if verdict.outcome != expected:
            others.append((case.name, verdict))
    return outcomes, others


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--planted", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    expected, false = ("wrong", "right") if options.planted else ("right", "wrong")
    drawn = (planted_cases if options.planted else cases)(options.cases, options.seed)
    outcomes, others = sweep(drawn, expected)
    for name, verdict in others:
        if verdict.outcome == false:
            print(f"FALSE {false.upper()}: {name}\n{verdict}\n")
    reasons = Counter(
        one.reason or "finding"
        for _, verdict in others
        if verdict.outcome == "undecided"
        for one in verdict.arrays
        if one.outcome == "undecided"
    )
    print(dict(outcomes), f"undecided because of {dict(reasons)}", sep="; ", end="")
    print(f"; {time.perf_counter() - begin:.0f} s")
    return int(outcomes[false] > 0 or outcomes["undecided"] > 0.01 * outcomes.total())


if __name__ == "__main__":
    sys.exit(main())
