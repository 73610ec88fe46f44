"""A plain function is recognized by what it computes, and then its mistakes have names."""

from collections.abc import Callable

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recognition import BETWEEN
from clearprop.engine.layers.activations import Activation

Arrays = tuple[Array, ...]


def point(seed: int = 5) -> Arrays:
    """x (6, 3), W1 (3, 4), b1 (1, 4), W2 (4, 2), b2 (1, 2)."""
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=s) for s in ((6, 3), (3, 4), (1, 4), (4, 2), (1, 2)))


def forward(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    y: Array = np.tanh(x @ W1 + b1) @ W2 + b2
    return y


def gradients(dy: Array, x: Array, W1: Array, b1: Array, W2: Array, mistake: str) -> Arrays:
    z = x @ W1 + b1
    a = np.tanh(z)
    dW2 = (z if mistake == "weight_from_z" else a).T @ dy
    through = W2 - 0.1 * dW2 if mistake == "updated_weights" else W2
    da = dy @ through.T
    at = a if mistake == "derivative_at_a" else z
    dz = da if mistake == "derivative_missing" else da * (1 - np.tanh(at) ** 2)
    return dz @ W1.T, x.T @ dz, dz.sum(0, keepdims=True), dW2, dy.sum(0, keepdims=True)


BELOW = ("x", "W1", "b1")
NAMED = [
    ("weight_from_z", ("W2",)),
    ("derivative_missing", BELOW),
    ("derivative_at_a", BELOW),
    ("updated_weights", BELOW),
]


@pytest.mark.parametrize(("mistake", "arrays"), NAMED)
def test_two_layers_in_plain_numpy_without_a_reference(
    mistake: str, arrays: tuple[str, ...]
) -> None:
    def backward(dy: Array, x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Arrays:
        return gradients(dy, x, W1, b1, W2, mistake)

    verdict = check(forward, *point(), backward=backward)
    (named,) = verdict.mistakes
    assert (named.key, named.arrays, named.alternatives) == (mistake, arrays, ())


def test_layers_are_called_by_the_persons_own_names() -> None:
    def backward(dy: Array, x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Arrays:
        return gradients(dy, x, W1, b1, W2, "weight_from_z")

    said = str(check(forward, *point(), backward=backward))
    assert "Linear(W2, b2)" in said
    assert "layers[" not in said


def mean_square(y: Array, t: Array) -> tuple[float, Array]:
    return float(np.mean((y - t) ** 2)), 2 * (y - t) / y.size


def half_square(y: Array, t: Array) -> tuple[float, Array]:
    return 0.5 * float(np.sum((y - t) ** 2)) / len(y), (y - t) / len(y)


def cross_entropy(y: Array, t: Array) -> tuple[float, Array]:
    rows = np.arange(len(y))
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    dy = p.copy()
    dy[rows, t] -= 1
    return -float(np.mean(np.log(p[rows, t]))), dy / len(y)


@pytest.mark.parametrize("loss", [mean_square, half_square, cross_entropy])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("mistake", ["weight_from_z", "derivative_missing", "updated_weights"])
def test_a_network_under_a_loss_as_one_scalar_function(
    loss: Callable[[Array, Array], tuple[float, Array]], last: bool, mistake: str
) -> None:
    x, *parameters = point()
    drawn = np.random.default_rng(1)
    t = drawn.integers(2, size=6) if loss is cross_entropy else drawn.normal(size=(6, 2))

    def step(x: Array, t: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Arrays:
        _, dy = loss(forward(x, W1, b1, W2, b2), t)
        return gradients(dy, x, W1, b1, W2, mistake)[1:]

    def value(x: Array, t: Array, *parameters: Array) -> float:
        return loss(forward(x, *parameters), t)[0]

    names = ["W1", "b1", "W2", "b2"]

    def target_last(x: Array, W1: Array, b1: Array, W2: Array, b2: Array, t: Array) -> float:
        return value(x, t, W1, b1, W2, b2)

    def target_second(x: Array, t: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> float:
        return value(x, t, W1, b1, W2, b2)

    def last_gradient(
        x: Array, W1: Array, b1: Array, W2: Array, b2: Array, t: Array
    ) -> dict[str, Array]:
        return dict(zip(names, step(x, t, W1, b1, W2, b2), strict=True))

    def second_gradient(
        x: Array, t: Array, W1: Array, b1: Array, W2: Array, b2: Array
    ) -> dict[str, Array]:
        return dict(zip(names, step(x, t, W1, b1, W2, b2), strict=True))

    if last:
        verdict = check(target_last, x, *parameters, t, gradient=last_gradient, wrt=names)
    else:
        verdict = check(target_second, x, t, *parameters, gradient=second_gradient, wrt=names)
    assert [one.key for one in verdict.mistakes] == [mistake]


@pytest.mark.parametrize("factor", [6.0, 1 / 6])
def test_a_forgotten_number_of_samples_in_a_scalar_function(factor: float) -> None:
    x, W = point()[:2]
    t = np.random.default_rng(1).normal(size=(6, 4))

    def value(x: Array, t: Array, W: Array) -> float:
        return mean_square(x @ W, t)[0]

    def gradient(x: Array, t: Array, W: Array) -> Array:
        slope: Array = factor * (x.T @ mean_square(x @ W, t)[1])
        return slope

    verdict = check(value, x, t, W, gradient=gradient, wrt=["W"])
    (named,) = verdict.mistakes
    assert named.key == ("summed_for_mean" if factor > 1 else "mean_for_sum")
    assert named.values["count"] == 6


def test_a_residual_whose_skip_is_forgotten() -> None:
    random = np.random.default_rng(2)
    x, W = random.normal(size=(6, 3)), random.normal(size=(3, 3))

    def with_skip(x: Array, W: Array) -> Array:
        y: Array = x + np.tanh(x @ W)
        return y

    def backward(dy: Array, x: Array, W: Array) -> Arrays:
        dz = dy * (1 - np.tanh(x @ W) ** 2)
        return dz @ W.T, x.T @ dz

    assert [m.key for m in check(with_skip, x, W, backward=backward).mistakes] == ["residual_skip"]


def test_a_function_that_is_none_of_ours_is_called_what_it_is() -> None:
    def odd(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
        y: Array = np.sin(x @ W1 + b1) @ W2 + b2
        return y

    def backward(dy: Array, x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Arrays:
        z = x @ W1 + b1
        dz = dy @ W2.T  # cos(z) is missing
        parts = dz @ W1.T, x.T @ dz, dz.sum(0, keepdims=True)
        return (*parts, np.sin(z).T @ dy, dy.sum(0, keepdims=True))

    verdict = check(odd, *point(), backward=backward)
    assert verdict.outcome == "wrong"
    (named,) = verdict.mistakes
    assert (named.key, named.values) == ("derivative_missing", {"where": "sin(Linear(W1, b1))"})
    assert named.alternatives == ()


@pytest.mark.parametrize("activation", BETWEEN, ids=str)
def test_every_activation_takes_a_single_number(activation: Activation) -> None:
    """A loss on a tape is a number without axes."""
    z = np.array(0.3)
    a = np.asarray(activation.value(z))
    one = activation.value(z.reshape(1))
    np.testing.assert_array_equal(a.reshape(1), one)
    slope = np.asarray(activation.derivative(z, a)) * 1.0
    np.testing.assert_array_equal(slope.reshape(1), activation.derivative(z.reshape(1), one) * 1.0)
