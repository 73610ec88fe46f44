"""The names of mistakes that a plain function's own forward tells: in any layout, at any scale, two
at once, with the words that a person reads."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.checking.verdict import Verdict

Arrays = tuple[Array, ...]


def drawn(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def named(verdict: Verdict) -> list[str]:
    assert all(not one.alternatives for one in verdict.mistakes), verdict.mistakes
    return [str(one.key) for one in verdict.mistakes]


# Samples in columns, gradients with 1/m

X, Y = drawn(3, 7), drawn(2, 7)
COLUMNS = drawn(4, 3), drawn(4, 1), drawn(2, 4), drawn(2, 1)


def columns_cost(W1: Array, b1: Array, W2: Array, b2: Array) -> Any:
    return np.sum((W2 @ np.tanh(W1 @ X + b1) + b2 - Y) ** 2) / (2 * X.shape[1])


def columns_gradients(slip: str) -> Callable[..., Arrays]:
    def gradients(W1: Array, b1: Array, W2: Array, b2: Array) -> Arrays:
        m = X.shape[1]
        a = np.tanh(W1 @ X + b1)
        d2 = W2 @ a + b2 - Y
        d1 = W2.T @ d2 * (1 - a**2)
        dW1, db1 = d1 @ X.T / m, d1.sum(1, keepdims=True) / m
        if slip == "no 1/m":
            dW1, db1 = m * dW1, m * db1
        if slip == "1/m twice":
            dW1 = dW1 / m
        return dW1, db1, d2 @ a.T / m, d2.sum(1, keepdims=True) / m

    return gradients


@pytest.mark.parametrize(
    ("slip", "key", "arrays"),
    [
        ("no 1/m", "summed_for_mean", ("W1", "b1")),
        ("1/m twice", "mean_for_sum", ("W1",)),
    ],
)
def test_of_columns_the_number_of_samples_is_said(
    slip: str, key: str, arrays: tuple[str, ...]
) -> None:
    verdict = check(columns_cost, *COLUMNS, gradient=columns_gradients(slip))
    (mistake,) = verdict.mistakes
    assert (mistake.key, mistake.arrays, mistake.values["count"]) == (key, arrays, 7)
    assert mistake.alternatives == ()


# Scales


@pytest.mark.parametrize("scale", [1e-3, 1e-2, 1.0, 30.0, 1e3])
@pytest.mark.parametrize("slip", ["derivative_missing", "weight_from_z", "mask_inverted"])
def test_a_name_does_not_depend_on_the_scale_of_the_weights(scale: float, slip: str) -> None:
    x, W1, W2 = drawn(6, 3), scale * drawn(3, 5), scale * drawn(5, 2)

    def forward(x: Array, W1: Array, W2: Array) -> Array:
        y: Array = np.maximum(0, x @ W1) @ W2
        return y

    def backward(dy: Array, x: Array, W1: Array, W2: Array) -> Arrays:
        z = x @ W1
        dz = dy @ W2.T * {"derivative_missing": 1, "mask_inverted": z <= 0}.get(slip, z > 0)
        into = z if slip == "weight_from_z" else np.maximum(0, z)
        return dz @ W1.T, x.T @ dz, into.T @ dy

    assert named(check(forward, x, W1, W2, backward=backward)) == [slip]


# Two mistakes


def test_two_mistakes_on_one_way_back_are_both_named() -> None:
    x, W1, b, W2 = drawn(6, 3), drawn(3, 4), drawn(4), drawn(4, 2)

    def forward(x: Array, W1: Array, b: Array, W2: Array) -> Array:
        y: Array = np.tanh(x @ W1 + b) @ W2
        return y

    def backward(dy: Array, x: Array, W1: Array, b: Array, W2: Array) -> Arrays:
        a = np.tanh(x @ W1 + b)
        dz = dy @ W2.T  # tanh' is missing
        return dz @ W1.T, x.T @ dz, dz.mean(0), a.T @ dy  # and b's gradient is a mean

    verdict = check(forward, x, W1, b, W2, backward=backward)
    assert sorted(named(verdict)) == ["derivative_missing", "mean_for_sum"]
    assert {one.key: one.arrays for one in verdict.mistakes} == {
        "derivative_missing": ("x", "W1", "b"),
        "mean_for_sum": ("b",),
    }


def test_a_second_mistake_without_a_name_takes_the_first_ones_place_nowhere() -> None:
    x, W1, W2 = drawn(6, 3), drawn(3, 4), drawn(4, 2)

    def forward(x: Array, W1: Array, W2: Array) -> Array:
        y: Array = np.tanh(x @ W1) @ W2
        return y

    def backward(dy: Array, x: Array, W1: Array, W2: Array) -> Arrays:
        dz = dy @ W2.T
        return np.cbrt(dz @ W1.T), x.T @ dz, np.tanh(x @ W1).T @ dy

    assert set(named(check(forward, x, W1, W2, backward=backward))) <= {"derivative_missing"}


# A constant is one only where it is the same elsewhere


@pytest.mark.parametrize(
    ("factor", "keys"), [(lambda x: 3.3, ["factor"]), (lambda x: 1 + x[0], [])]
)
def test_a_constant_factor_is_constant(factor: Callable[[Array], float], keys: list[str]) -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(factor(x) * dy * np.cos(x))

    assert named(check(np.sin, drawn(5), backward=backward)) == keys


# Dropout


def test_a_mask_that_backward_draws_itself_is_wrong_and_has_a_name() -> None:
    def forward(x: Array, W: Array) -> tuple[Array, Any]:
        mask = np.random.rand(len(x), W.shape[1]) < 0.6
        return x @ W * mask / 0.6, (x, W, mask)

    def backward(dy: Array, cache: Any) -> Arrays:
        x, W, mask = cache
        mask = np.random.rand(*mask.shape) < 0.6
        dz = dy * mask / 0.6
        return dz @ W.T, x.T @ dz

    def kept(dy: Array, cache: Any) -> Arrays:
        x, W, mask = cache
        dz = dy * mask / 0.6
        return dz @ W.T, x.T @ dz

    x, W = drawn(6, 3), drawn(3, 4)
    assert named(check(forward, x, W, backward=backward)) == ["dropout_redrawn"]
    assert check(forward, x, W, backward=kept).outcome == "right"


def test_a_mask_drawn_again_from_the_same_seed_is_right() -> None:
    def mask(x: Array) -> Array:
        np.random.seed(4)
        return np.random.rand(*x.shape) < 0.6

    verdict = check(lambda x: x * mask(x), drawn(6, 3), backward=lambda dy, x: dy * mask(x))
    assert verdict.outcome == "right"


# Cross-entropy, and its neighbours

T = np.array([2, 0, 1, 1, 2])


def entropy(z: Array, t: Array) -> Any:
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return -np.log(p[np.arange(len(t)), t]).mean()


def p_of(z: Array) -> Array:
    e = np.exp(z)
    p: Array = e / e.sum(1, keepdims=True)
    return p


EYE = np.eye(3)
SLOPES: dict[str, Callable[[Array, Array], Array]] = {
    "derivative_on_cross_entropy": lambda p, t: (p - EYE[t]) * p * (1 - p),
    "softmax_diagonal": lambda p, t: -EYE[t] * (1 - p),
    "labels_shifted": lambda p, t: p - EYE[(t + 1) % 3],
    "target_missing": lambda p, t: p,
    "derivative_missing": lambda p, t: -EYE[t] / p,
    # Neighbours: a derivative of another kind, labels of somebody else, a softened target.
    "": lambda p, t: (p - EYE[t]) * p * (1 - p) ** 2,
    " ": lambda p, t: p - EYE[t[::-1]],
    "  ": lambda p, t: p - 0.9 * EYE[t],
}


@pytest.mark.parametrize("key", SLOPES)
@pytest.mark.parametrize("behind", [False, True])
def test_cross_entropy_with_and_without_a_linear_layer(key: str, behind: bool) -> None:
    W = drawn(4, 3)
    x = drawn(5, 4) if behind else drawn(5, 3)

    def loss(x: Array, W: Array) -> Any:
        return entropy(x @ W if behind else x, T)

    def gradient(x: Array, W: Array) -> Any:
        dz = SLOPES[key](p_of(x @ W if behind else x), T) / len(T)
        return {"x": dz @ W.T, "W": x.T @ dz} if behind else {"x": dz}

    verdict = check(loss, x, W, gradient=gradient, wrt=["x", "W"] if behind else ["x"])
    assert named(verdict) == ([key] if key.strip() else [])


# Words, time


def test_what_is_named_is_said_in_the_persons_own_names() -> None:
    verdict = check(columns_cost, *COLUMNS, gradient=columns_gradients("no 1/m"))
    for language in LANGUAGES:
        assert "W1, b1" in str(verdict.mistakes[0].words(language).evidence)

    def backward(dy: Array, x: Array, W: Array, b: Array) -> Arrays:
        return dy @ W.T, x.T @ dy, dy.sum(0)

    said = check(
        lambda x, W, b: np.tanh(x @ W + b), drawn(5, 3), drawn(3, 4), drawn(4), backward=backward
    ).mistakes[0]
    assert said.values["where"] == "Tanh(Linear(W, b))"


def test_a_search_ends_whatever_the_shapes() -> None:
    """Attention with square arrays, where nearly everything fits everywhere."""
    n = 8

    def attention(x: Array, Q: Array, K: Array, V: Array, Out: Array) -> Array:
        s = (x @ Q) @ (x @ K).T / np.sqrt(n)
        e = np.exp(s - s.max(1, keepdims=True))
        y: Array = np.tanh(e / e.sum(1, keepdims=True) @ (x @ V)) @ Out
        return y

    def backward(dy: Array, *arrays: Array) -> Arrays:
        return tuple(np.cos(array) * dy.sum() for array in arrays)

    arrays = [drawn(n, n, seed=seed) for seed in range(5)]
    begin = time.process_time()
    verdict = check(attention, *arrays, backward=backward, witnesses=())
    assert verdict.outcome == "wrong"
    assert verdict.mistakes == ()
    assert time.process_time() - begin < 10
