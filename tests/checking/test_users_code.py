"""Backward passes as people write them, none of them the gallery's: a three-layer network with a
cache, losses with their gradient, a softmax, a residual step. What is named, and what is not.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Linear, Sequential, Sigmoid, Tanh, check
from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict
from tests.sweeps import quick_where

N, D, H, K = 9, 4, 6, 3
_random = np.random.default_rng(11)
X = _random.normal(size=(N, D))
SHAPES = ((D, H), (H,), (H, H), (H,), (H, K), (K,))
WEIGHTS = tuple(0.6 * _random.normal(size=shape) for shape in SHAPES)
NETWORK = Sequential(Linear(D, H), Tanh(), Linear(H, H), Sigmoid(), Linear(H, K))


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def forward(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array
) -> tuple[Array, dict[str, Array]]:
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    a2 = sigmoid(z2)
    saved = {"x": x, "z1": z1, "a1": a1, "z2": z2, "a2": a2, "W1": W1, "W2": W2, "W3": W3}
    return a2 @ W3 + b3, saved


# What a line of `backward` may be replaced by.
Lines = Mapping[str, Callable[[Mapping[str, Array], Array], Array]]
RIGHT: Lines = {
    "dW3": lambda c, d: c["a2"].T @ d,
    "db3": lambda c, d: d.sum(0),
    "da2": lambda c, d: d @ c["W3"].T,
    "dz2": lambda c, d: d * c["a2"] * (1 - c["a2"]),
    "dW2": lambda c, d: c["a1"].T @ d,
    "da1": lambda c, d: d @ c["W2"].T,
    "dz1": lambda c, d: d * (1 - c["a1"] ** 2),
    "dW1": lambda c, d: c["x"].T @ d,
}


def backward_with(**lines: Any) -> Callable[..., tuple[Array, ...]]:
    do = {**RIGHT, **lines}

    def backward(dy: Array, c: Mapping[str, Array]) -> tuple[Array, ...]:
        dz2 = do["dz2"](c, do["da2"](c, dy))
        dz1 = do["dz1"](c, do["da1"](c, dz2))
        first = dz1 @ c["W1"].T, do["dW1"](c, dz1), dz1.sum(0)
        return *first, do["dW2"](c, dz2), dz2.sum(0), do["dW3"](c, dy), do["db3"](c, dy)

    return backward


def named(verdict: Verdict) -> list[str]:
    assert all(not mistake.alternatives for mistake in verdict.mistakes)
    return [mistake.key for mistake in verdict.mistakes]


MISTAKES: list[tuple[str, Any]] = [
    ("derivative_missing", {"dz1": lambda c, d: d}),
    ("derivative_missing", {"dz2": lambda c, d: d}),
    ("derivative_at_a", {"dz1": lambda c, d: d * (1 - np.tanh(c["a1"]) ** 2)}),
    ("derivative_of_z", {"dz2": lambda c, d: d * c["z2"] * (1 - c["z2"])}),
    ("derivative_twice", {"dz1": lambda c, d: d * (1 - c["a1"] ** 2) ** 2}),
    # The formula of the other activation, at this one's a.
    ("other_function", {"dz1": lambda c, d: d * c["a1"] * (1 - c["a1"])}),
    ("mask_from_upstream", {"dz1": lambda c, d: d * (d > 0)}),
    ("weight_from_z", {"dW3": lambda c, d: c["z2"].T @ d}),
    ("weight_from_z", {"dW2": lambda c, d: c["z1"].T @ d}),
    ("weight_not_transposed", {"da1": lambda c, d: d @ c["W2"]}),
    ("updated_weights", {"da2": lambda c, d: d @ (c["W3"] - 0.1 * c["a2"].T @ d).T}),
    ("updated_weights", {"da1": lambda c, d: d @ (c["W2"] - 0.1 * c["a1"].T @ d).T}),
    ("gradient_stops", {"da2": lambda c, d: np.zeros_like(c["a2"])}),
    ("sample_missing", {"dW3": lambda c, d: c["a2"][:-1].T @ d[:-1]}),
    ("upstream_ignored", {"dW3": lambda c, d: c["a2"].T @ np.ones_like(d)}),
    ("mean_for_sum", {"db3": lambda c, d: d.mean(0)}),
    ("unsummed", {"db3": lambda c, d: d}),
    ("weight_decay", {"dW2": lambda c, d: c["a1"].T @ d + 0.01 * c["W2"]}),
    ("factor", {"dW1": lambda c, d: 0.37 * c["x"].T @ d}),
]


# Alone and beside a network in turn.
BOTH_WAYS = quick_where(
    [
        (key, lines, against)
        for place, (key, lines) in enumerate(MISTAKES)
        for against in (None, NETWORK)[:: (-1) ** place]
    ],
    lambda place, _: place % 2 == 0,
)


@pytest.mark.parametrize(("key", "lines", "against"), BOTH_WAYS)
def test_a_network_of_three_layers(key: str, lines: Any, against: Any) -> None:
    backward = backward_with(**lines)
    verdict = check(forward, X, *WEIGHTS, backward=backward, against=against)
    assert verdict.outcome == "wrong"
    assert named(verdict) == [key]


@pytest.mark.parametrize("against", [None, NETWORK])
def test_the_right_one_is_right(against: Any) -> None:
    verdict = check(forward, X, *WEIGHTS, backward=backward_with(), against=against)
    assert verdict.outcome == "right"


@pytest.mark.parametrize(
    "lines",
    [
        {"dW2": lambda c, d: np.sin(c["a1"].T @ d)},
        {"da1": lambda c, d: np.cos(d @ c["W2"].T)},
        {"dz1": lambda c, d: d * np.exp(-(c["z1"] ** 2))},
        {"dW3": lambda c, d: c["a2"][::-1].T @ d},
    ],
)
def test_what_nobody_knows_has_no_name(lines: Any) -> None:
    verdict = check(forward, X, *WEIGHTS, backward=backward_with(**lines))
    assert (verdict.outcome, named(verdict)) == ("wrong", [])


def test_the_arrays_may_come_in_another_order() -> None:
    def turned(W2: Array, b2: Array, x: Array, W1: Array) -> Array:
        return np.asarray(np.tanh(x @ W1) @ W2 + b2)

    def backward(dy: Array, W2: Array, b2: Array, x: Array, W1: Array) -> tuple[Array, ...]:
        z = x @ W1
        dz = dy @ W2.T * (1 - np.tanh(z) ** 2)
        return z.T @ dy, dy.sum(0), dz @ W1.T, x.T @ dz

    w1, _, w2, b2, *_ = WEIGHTS
    verdict = check(turned, w2, b2, X, w1, backward=backward)
    assert named(verdict) == ["weight_from_z"]
    assert verdict.mistakes[0].arrays == ("W2",)


# One layer whose derivative reaches some of its gradients and not others


def relu(z: Array) -> Array:
    return np.maximum(z, 0)


def relu_slope(z: Array) -> Array:
    return np.where(z > 0, 1.0, 0.0)


def tanh_slope(z: Array) -> Array:
    return np.asarray(1 - np.tanh(z) ** 2)


def swish(z: Array) -> Array:
    return np.asarray(z * sigmoid(z))


def swish_slope(z: Array) -> Array:
    return np.asarray(sigmoid(z) * (1 + z * (1 - sigmoid(z))))


BENT = {relu: relu_slope, np.tanh: tanh_slope, swish: swish_slope}


@pytest.mark.parametrize(
    ("function", "missing"),
    quick_where(
        list(product(BENT, ["x", "W", "b", "xW", "xb", "Wb", "xWb"])),
        lambda place, _: place % 3 != 2,
    ),
)
def test_a_derivative_that_is_missing_in_some_arrays(function: Any, missing: str) -> None:
    slope = BENT[function]

    def layer(x: Array, W: Array, b: Array) -> Array:
        return np.asarray(function(x @ W + b))

    def backward(dy: Array, x: Array, W: Array, b: Array) -> tuple[Array, ...]:
        dz = dy * slope(x @ W + b)
        dx, dW, db = (dy if name in missing else dz for name in "xWb")
        return dx @ W.T, x.T @ dW, db.sum(0)

    verdict = check(layer, X, WEIGHTS[0], WEIGHTS[1], backward=backward)
    key = "derivative_missing" if "x" in missing else "derivative_missing_for_weight"
    assert named(verdict) == [key]
    assert verdict.mistakes[0].arrays == tuple(missing)


# Other functions


def test_a_residual_step() -> None:
    def step(x: Array, W: Array) -> Array:
        return np.asarray(x + relu(x @ W))

    def backward(dy: Array, x: Array, W: Array) -> tuple[Array, Array]:
        dz = dy * (x @ W > 0)
        return dz @ W.T, x.T @ dz

    square = np.random.default_rng(2).normal(size=(D, D))
    assert named(check(step, X, square, backward=backward)) == ["residual_skip"]


def test_a_softmax_behind_a_linear_layer() -> None:
    def share(x: Array, W: Array) -> Array:
        z = x @ W
        powers = np.exp(z - z.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))

    def backward(dy: Array, x: Array, W: Array) -> tuple[Array, Array]:
        p = share(x, W)
        dz = dy * p * (1 - p)
        return dz @ W.T, x.T @ dz

    verdict = check(share, X, WEIGHTS[0], backward=backward)
    assert named(verdict) == ["softmax_diagonal"]


@pytest.mark.parametrize(
    ("key", "factor"),
    [("summed_for_mean", 2.0), ("factor_half", 1 / N), ("mean_for_sum", 2 / N**2)],
)
def test_a_loss_of_one_number_and_its_gradient(key: str, factor: float) -> None:
    def loss(w: Array, x: Array, t: Array) -> float:
        return float(((x @ w - t) ** 2).mean())

    def gradient(w: Array, x: Array, t: Array) -> tuple[Array, ...]:
        r = x @ w - t
        return factor * x.T @ r, factor * np.outer(r, w), -factor * r

    t = np.cos(np.arange(N))
    verdict = check(loss, np.linspace(-1, 1, D), X, t, gradient=gradient)
    assert named(verdict) == [key]


def test_the_exact_derivative_of_the_other_form_of_gelu() -> None:
    def gelu(x: Array) -> Array:
        return np.asarray(x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))

    def backward(dy: Array, x: Array) -> Array:
        from scipy.special import ndtr

        return np.asarray(dy * (ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)))

    (mistake,) = check(gelu, X, backward=backward).mistakes
    assert (mistake.key, mistake.values["other"]) == ("other_function", "GELU(approximate='none')")


# A network with its loss, which is one number


@pytest.mark.parametrize(
    ("key", "arrays"),
    [
        ("weight_from_z", ("W2",)),
        ("derivative_missing", ("x", "W1")),
        ("updated_weights", ("x", "W1")),
        ("summed_for_mean", ("x", "W1", "W2", "t")),
        ("sign", ("t",)),
    ],
)
def test_a_loss_beside_a_network_and_its_loss(key: str, arrays: tuple[str, ...]) -> None:
    def loss(x: Array, W1: Array, W2: Array, t: Array) -> float:
        return float(np.mean((np.tanh(x @ W1) @ W2 - t) ** 2))

    def gradient(x: Array, W1: Array, W2: Array, t: Array) -> tuple[Array, ...]:
        z = x @ W1
        a = np.tanh(z)
        dy = 2 * (a @ W2 - t) / (1 if key == "summed_for_mean" else t.size)
        dW2 = (z if key == "weight_from_z" else a).T @ dy
        back = W2 - 0.1 * dW2 if key == "updated_weights" else W2
        dz = dy @ back.T * (1 if key == "derivative_missing" else 1 - a**2)
        return dz @ W1.T, x.T @ dz, dW2, dy if key == "sign" else -dy

    t = np.cos(np.arange(N * K)).reshape(N, K)
    network = Sequential(Linear(D, H, bias=False), Tanh(), Linear(H, K, bias=False))
    point = X, WEIGHTS[0], WEIGHTS[4], t
    verdict = check(loss, *point, gradient=gradient, against=network, loss=MSE())
    assert named(verdict) == [key]
    assert verdict.mistakes[0].arrays == arrays


def cross_entropy(x: Array, t: Array, W1: Array, b1: Array, W2: Array) -> float:
    z = np.maximum(x @ W1 + b1, 0) @ W2
    z = z - z.max(1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return float(-log_p[np.arange(len(t)), t].mean())


def squares(x: Array, t: Array, W1: Array, b1: Array, W2: Array) -> float:
    y = np.maximum(x @ W1 + b1, 0) @ W2
    return float(((y - t) ** 2).sum() / (2 * len(t)))


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize(
    ("key", "arrays"),
    [
        ("weight_from_z", ("W2",)),
        ("derivative_missing", ("x", "W1", "b1")),
        ("updated_weights", ("x", "W1", "b1")),
        ("unsummed", ("b1",)),
        ("", ("x", "W1", "b1")),
    ],
)
def test_a_training_loss_that_nothing_stands_beside(
    key: str, arrays: tuple[str, ...], classes: bool
) -> None:
    def gradient(x: Array, t: Array, W1: Array, b1: Array, W2: Array) -> dict[str, Array]:
        z = x @ W1 + b1
        a = np.maximum(z, 0)
        y = a @ W2
        p = np.exp(y - y.max(1, keepdims=True))
        dy = (p / p.sum(1, keepdims=True) - np.eye(K)[t] if classes else y - t) / len(t)
        dW2 = (z if key == "weight_from_z" else a).T @ dy
        da = dy @ (W2 - 0.1 * dW2 if key == "updated_weights" else W2).T
        dz = {"derivative_missing": da, "": da * np.exp(-(z**2))}.get(key, da * (z > 0))
        db1 = dz if key == "unsummed" else dz.sum(0)
        return {
            "x": dz @ W1.T,
            "W1": x.T @ dz,
            "b1": db1,
            "W2": dW2,
            **({} if classes else {"t": -dy}),
        }

    t = np.arange(N) % K if classes else np.sin(np.arange(N * K)).reshape(N, K)
    point = X, t, WEIGHTS[0], WEIGHTS[1], WEIGHTS[4]
    verdict = check(cross_entropy if classes else squares, *point, gradient=gradient)
    assert verdict.outcome == "wrong"
    assert named(verdict) == ([key] if key else [])
    assert not key or verdict.mistakes[0].arrays == arrays
