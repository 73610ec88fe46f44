"""The tester tested: planted mistakes are caught, whatever their size and the gradient's scale, and
what cannot be seen is never called right."""

from collections.abc import Callable

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, ReLU, Sequential, Tanh, check
from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict
from tests.sweeps import paired

Plant = Callable[[Array], Array]


def permille(g: Array) -> Array:
    return np.asarray(g * g.dtype.type(1.001))


def single_entry(g: Array) -> Array:
    wrong = g.copy()
    wrong.flat[-1] += g.dtype.type(1e-3) * np.abs(g).max()
    return wrong


def smallest_entry_doubled(g: Array) -> Array:
    wrong = g.copy()
    wrong.flat[np.abs(g).argmin()] *= 2
    return wrong


def constant(g: Array) -> Array:
    return np.asarray(g + g.dtype.type(1e-4) * np.abs(g).max())


def doubled(g: Array) -> Array:
    return np.asarray(2 * g)


def checked(plant: Plant, scale: float, dtype: str, which: int, seed: int) -> Verdict:
    """A two-layer function at this scale with one gradient altered."""
    generator = np.random.default_rng(seed)
    shapes = ((4, 3), (3, 5), (5,), (5, 2), (1, 2))
    arrays = [generator.normal(size=shape).astype(dtype) for shape in shapes]

    def forward(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Array:
        return np.asarray((np.tanh(x @ w1 + b1) @ w2 + b2) * x.dtype.type(scale))

    def backward(
        dy: Array, x: Array, w1: Array, b1: Array, w2: Array, _b2: Array
    ) -> tuple[Array, ...]:
        dy = dy * x.dtype.type(scale)
        a = np.tanh(x @ w1 + b1)
        dz = dy @ w2.T * (1 - a * a)
        found = [dz @ w1.T, x.T @ dz, dz.sum(0), a.T @ dy, dy.sum(0, keepdims=True)]
        found[which] = plant(found[which])
        return tuple(found)

    return check(forward, backward, *arrays, seed=seed, witnesses=())


@pytest.mark.parametrize(
    ("plant", "scale", "dtype", "which"),
    paired(
        [permille, single_entry, constant, doubled],
        [1e-12, 1e-6, 1.0, 1e6, 1e12],
        ["float64", "float32"],
        range(5),
    ),
)
def test_every_planted_error_is_caught(plant: Plant, scale: float, dtype: str, which: int) -> None:
    verdict = checked(plant, scale, dtype, which, seed=which)
    assert verdict.outcome == "wrong"
    names = ["x", "w1", "b1", "w2", "b2"]
    assert [one.name for one in verdict.arrays if one.outcome == "wrong"] == [names[which]]


def test_the_same_without_a_planted_error_is_right() -> None:
    for scale in (1e-12, 1e-6, 1.0, 1e6, 1e12):
        for dtype in ("float64", "float32"):
            assert checked(lambda g: g, scale, dtype, 0, seed=0).outcome == "right"


def test_a_small_entry_beside_large_ones() -> None:
    # One feature is a millionth of the other: its weights' gradients are too.
    x = np.random.default_rng(0).normal(size=(6, 2)) * [1.0, 1e-6]

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        return dy @ w.T, x.T @ dy * np.array([[1.0], [2.0]])

    verdict = check(lambda x, w: x @ w, backward, x, np.ones((2, 3)))
    assert verdict.array("x").outcome == "right"
    assert verdict.array("w").outcome == "wrong"
    index = verdict.array("w").index
    assert index is not None
    assert index[0] == 1


def test_the_smallest_entry_of_an_array() -> None:
    assert checked(smallest_entry_doubled, 1.0, "float64", 1, seed=3).outcome == "wrong"


@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0])
def test_a_gradient_of_1e_10_under_a_loss_of_1e3_is_never_right(factor: float) -> None:
    x = np.array([0.3, -0.7])
    verdict = check(
        lambda x: 1e3 + 1e-10 * np.sum(np.sin(x)), x, gradient=lambda x: factor * 1e-10 * np.cos(x)
    )
    assert verdict.outcome != "right"
    if factor == 1.0:
        assert verdict.outcome == "undecided"
        assert verdict.arrays[0].reason == "resolution"


def test_a_small_gradient_under_a_large_constant_that_can_be_seen() -> None:
    # 1e-4 beside 1e3 needs a larger step than the usual one, and gets it.
    x = np.array([0.3, -0.7, 1.1])

    def value(x: Array) -> float:
        return float(1e3 + 1e-4 * np.sum(x * x))

    assert check(value, x, gradient=lambda x: 2e-4 * x).outcome == "right"
    assert check(value, x, gradient=lambda x: 4e-4 * x).outcome == "wrong"


def test_a_gradient_that_is_zero_is_right_and_a_gradient_where_it_is_zero_is_wrong() -> None:
    def forward(x: Array, w: Array) -> Array:
        return np.asarray(np.maximum(x @ w - 50, 0) + 1)

    x, w = np.ones((3, 2)), np.ones((2, 2))
    zeros = check(forward, lambda dy, x, w: (0 * x, 0 * w), x, w)
    assert zeros.outcome == "right"
    other = check(forward, lambda dy, x, w: (0 * x + 1e-3, 0 * w), x, w)
    assert other.array("x").outcome == "wrong"
    assert other.array("w").outcome == "right"


def test_a_sharp_function_needs_a_small_step_and_a_wide_one_a_large_step() -> None:
    for frequency in (1e-5, 1.0, 1e4):
        x = np.linspace(0.1, 1, 5)
        right = check(
            lambda x, f=frequency: np.sin(f * x),
            lambda dy, x, f=frequency: dy * f * np.cos(f * x),
            x,
        )
        assert right.outcome == "right", frequency
        wrong = check(
            lambda x, f=frequency: np.sin(f * x),
            lambda dy, x, f=frequency: dy * f * np.cos(f * x) * 1.001,
            x,
        )
        assert wrong.outcome == "wrong", frequency


def test_a_backward_that_ignores_dy_is_wrong_because_dy_is_random() -> None:
    x = np.ones(3)
    assert check(np.tanh, lambda dy, x: 1 - np.tanh(x) ** 2, x).outcome == "wrong"
    # Where the person hands over ones it cannot be seen.
    assert check(np.tanh, lambda dy, x: 1 - np.tanh(x) ** 2, x, dy=np.ones(3)).outcome == "right"


def big(wrong_at: int | None) -> Verdict:
    """x @ w with 20,000 weights, one entry of its gradient wrong."""
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(2, 200)), generator.normal(size=(200, 100))

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        found = x.T @ dy
        if wrong_at is not None:
            found.flat[wrong_at] += 50
        return dy @ w.T, found

    return check(lambda x, w: x @ w, backward, x, w, witnesses=())


def test_a_large_function_is_sampled_and_the_verdict_says_so() -> None:
    verdict = big(None)
    assert verdict.outcome == "right"
    weight = verdict.array("w")
    assert (weight.method, weight.size, weight.checked) == ("sample", 20_000, 200)
    assert weight.directions > 0
    assert verdict.array("x").method == "every_entry"
    assert "of a sample of" in str(verdict)
    assert "random directions" in str(verdict)


def test_an_entry_beyond_the_sample_is_seen_along_random_directions() -> None:
    verdict = big(7_777)
    assert verdict.array("w").outcome == "wrong"


@pytest.mark.parametrize("which", ["x", "layers[0].weight", "layers[2].bias"])
def test_a_network_of_ours_with_a_wrong_layer(which: str) -> None:
    class Sloppy(Tanh):
        def derivative(self, z: Array, a: Array) -> Array:
            return np.asarray(1 - a * a * 1.001)

    network = Network(Sequential(Linear(3, 4), Sloppy(), Linear(4, 2)))
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    verdict = check(network, x=x, t=t, loss=MSE())
    assert verdict.outcome == "wrong"
    expected = "right" if which == "layers[2].bias" else "wrong"
    assert verdict.array(which).outcome == expected


def test_the_tolerance_may_be_overridden_and_the_verdict_says_whose_it_is() -> None:
    x = np.linspace(-1, 1, 5)

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (1 - np.tanh(x) ** 2) * 1.001)

    assert check(np.tanh, backward, x).array("x").tolerance_source == "derived"
    loose = check(np.tanh, backward, x, rtol=0.01)
    assert loose.outcome == "right"
    assert loose.array("x").tolerance_source == "given"
    assert "yours" in str(loose)
    assert check(np.tanh, backward, x, rtol=0, atol=1e-9).outcome == "wrong"


def test_a_whole_network_has_every_parameter_checked() -> None:
    network = Network(Sequential(Linear(20, 30), ReLU(), Linear(30, 5)))
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(4, 20)), generator.normal(size=(4, 5))
    verdict = check(network, x=x, t=t, loss=MSE(), witnesses=())
    assert verdict.outcome == "right"
    assert sum(one.checked for one in verdict.arrays) == network.size + x.size
