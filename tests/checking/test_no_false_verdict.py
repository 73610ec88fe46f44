"""A verdict that is false even once costs all trust: each kind of false word that there was, with
its right value."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.checking.verdict import Verdict

TINY = [1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 2e-3, 9e-3]


def keys(verdict: Verdict) -> list[str]:
    return [one.key for one in verdict.findings]


# Smooth points near a kink


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("distance", TINY)
def test_a_point_near_a_kink_is_smooth(distance: float, side: float) -> None:
    x = np.array([side * distance, 1.0, -2.0])

    def flat(dy: Array, x: Array) -> Array:
        return np.asarray(dy * np.where(np.abs(x) < 0.05, 0, np.sign(x)))

    wrong = check(np.abs, flat, x)
    assert wrong.outcome == "wrong"
    first = wrong.array("x")
    assert (first.index, first.claimed, first.kinks_met) == ((0,), 0, 0)
    right = check(np.abs, lambda dy, x: dy * np.sign(x), x)
    assert (right.outcome, right.array("x").kinks_met) == ("right", 0)


@pytest.mark.parametrize("distance", [d for d in TINY if d >= 1e-11])
def test_beside_a_kink_that_is_not_at_0(distance: float) -> None:
    # Beside 1, a step has to be above the rounding of 1.
    x = np.array([1 + distance, 1 - distance, 0.3])
    inside = check(lambda x: np.clip(x, -1, 1), lambda dy, x: dy * (np.abs(x) < 1), x)
    assert (inside.outcome, inside.array("x").kinks_met) == ("right", 0)
    other = check(lambda x: np.clip(x, -1, 1), lambda dy, x: dy * (np.abs(x) < 1 + 2 * distance), x)
    assert other.outcome == "wrong"


def test_the_diagnosis_is_handed_no_false_kinks() -> None:
    generator = np.random.default_rng(0)
    x, w1, w2 = (generator.normal(size=shape) for shape in ((6, 4), (4, 5), (5, 2)))

    def forward(x: Array, w1: Array, w2: Array) -> Array:
        return np.asarray(np.maximum(x @ w1, 0) @ w2)

    def backward(dy: Array, x: Array, w1: Array, w2: Array) -> tuple[Array, ...]:
        dz = dy @ w2.T
        return dz @ w1.T, x.T @ dz, np.maximum(x @ w1, 0).T @ dy

    for scale in (1.0, 0.1, 0.01):
        verdict = check(forward, backward, x, scale * w1, scale * w2, witnesses=())
        assert [one.key for one in verdict.mistakes] == ["derivative_missing"], scale


def test_at_a_kink_of_a_steep_curve_no_slope_is_made_up() -> None:
    # √|x| has no slopes at 0: they grow without end.
    verdict = check(lambda x: np.sqrt(np.abs(x)), lambda dy, x: 0 * dy, np.array([0.0, 1.0]))
    assert verdict.outcome != "right"


# Rows that meet columns


@pytest.mark.parametrize("samples", [1, 2])
def test_the_xor_network_has_no_target_that_lost_its_axis(samples: int) -> None:
    generator = np.random.default_rng(samples)
    x = np.array([[0.0, 1.0], [1.0, 1.0]])[:samples]
    t = np.array([[1.0], [0.0]])[:samples]
    w1, b1 = generator.normal(size=(2, 2)), generator.normal(size=2)
    w2, b2 = generator.normal(size=(2, 1)), generator.normal(size=1)

    def loss(x: Array, w1: Array, b1: Array, w2: Array, b2: Array, t: Array) -> float:
        return float(np.mean((np.tanh(x @ w1 + b1) @ w2 + b2 - t) ** 2))

    def gradient(
        x: Array, w1: Array, b1: Array, w2: Array, b2: Array, t: Array
    ) -> tuple[Array, ...]:
        a = np.tanh(x @ w1 + b1)
        d2 = 2 * (a @ w2 + b2 - t) / t.size
        d1 = d2 @ w2.T * (1 - a * a)
        return d1 @ w1.T, x.T @ d1, d1.sum(0), a.T @ d2, d2.sum(0), -d2

    verdict = check(loss, x, w1, b1, w2, b2, t, gradient=gradient)
    assert (verdict.outcome, keys(verdict)) == ("right", [])


X, W, Y = (
    np.random.default_rng(0).normal(size=(5, 3)),
    np.random.default_rng(1).normal(size=(3, 1)),
    np.arange(5.0),
)


def spread_loss(X: Array, w: Array, y: Array) -> float:
    return float(np.mean((X @ w - y) ** 2))


def spread_gradient(X: Array, w: Array, y: Array) -> tuple[Array, ...]:
    d = 2 * (X @ w - y) / 25
    return d.sum(1, keepdims=True) @ w.T, X.T @ d.sum(1, keepdims=True), -d.sum(0)


@pytest.mark.parametrize("wrt", [("X", "w", "y"), ("w",)])
def test_a_target_that_meets_a_computed_column(wrt: tuple[str, ...]) -> None:
    def gradient(*arrays: Array) -> Any:
        found = dict(zip("Xwy", spread_gradient(*arrays), strict=True))
        return tuple(found[name] for name in wrt)

    verdict = check(spread_loss, X, W, Y, gradient=gradient, wrt=wrt)
    assert (verdict.outcome, keys(verdict)) == ("wrong", ["broadcast_computed"])
    assert all(one.outcome == "right" for one in verdict.arrays)  # of what was computed
    assert "y is (5,) and meets a column (5, 1) in `return float(np.mean(" in str(verdict)
    assert "broadcast to (5, 5)" in str(verdict)
    mended = check(
        lambda X, w, y: float(np.mean((X @ w - y[:, None]) ** 2)),
        X,
        W,
        Y,
        gradient=lambda X, w, y: X.T @ (2 * (X @ w - y[:, None]) / 5),
        wrt=["w"],
    )
    assert (mended.outcome, keys(mended)) == ("right", [])


def test_pairs_that_are_meant_are_no_mistake() -> None:
    # A kernel over as many centres as points, and pairs of one row made on purpose.
    x, c = X[:, :1], np.linspace(-1, 1, 5)

    def kernel(x: Array, c: Array) -> float:
        return float(np.exp(-((x - c) ** 2)).sum())

    def slopes(x: Array, c: Array) -> tuple[Array, Array]:
        d = -2 * (x - c) * np.exp(-((x - c) ** 2))
        return d.sum(1, keepdims=True), -d.sum(0)

    verdict = check(kernel, x, c, gradient=slopes)
    assert (verdict.outcome, keys(verdict)) == ("right", ["broadcast"])
    energy = check(
        lambda y: float(((y[:, None] - y) ** 2).sum()),
        Y,
        gradient=lambda y: 4 * (len(y) * y - y.sum()),
    )
    assert (energy.outcome, keys(energy)) == ("right", [])


# Nothing compared


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_nothing_compared_is_undecided(shape: tuple[int, ...]) -> None:
    verdict = check(np.tanh, lambda dy, x: dy, np.zeros(shape))
    assert (verdict.outcome, keys(verdict)) == ("undecided", ["nothing_compared"])


def test_arrays_that_were_not_compared_are_listed() -> None:
    def backward(dy: Array, x: Array, w: Array, e: Array) -> dict[str, Array]:
        return {"w": x.T @ dy, "e": e}

    ids = np.ones((2, 3), int)
    verdict = check(lambda x, w, e: x @ w, backward, ids, np.ones((3, 2)), np.zeros(0))
    assert verdict.outcome == "right"
    assert [(one.name, one.reason) for one in verdict.not_compared] == [
        ("x", "integers"),
        ("e", "empty"),
    ]
    some = check(lambda x, w: x @ w, lambda dy, x, w: x.T @ dy, X, W, wrt=["w"])
    assert [(one.name, one.reason) for one in some.not_compared] == [("x", "not_asked")]
    for language in LANGUAGES:
        assert "int64" in verdict.text(language)
        assert "int64" in verdict.to_junit(language)
    assert '"not_compared"' in verdict.to_json()
    assert check(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2), X).not_compared == ()


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("dx", [True, False])
def test_a_generic_backward_beside_whole_numbers(dx: bool, factor: float) -> None:
    """x = [[0, 1, 2], [3, 4, 5]] as whole numbers: dW = xᵀ·dy is compared, dx is not, and the
    backward need not know it."""

    def backward(dy: Array, x: Array, w: Array, b: Array) -> tuple[Any, ...]:
        return dy @ w.T if dx else None, factor * (x.T @ dy), dy.sum(axis=0)

    x, w = np.arange(6).reshape(2, 3), np.linspace(-1, 1, 6).reshape(3, 2)
    verdict = check(lambda x, w, b: x @ w + b, x, w, np.ones(2), backward=backward)
    assert verdict.outcome == ("right" if factor == 1 else "wrong")
    assert [(one.name, one.outcome) for one in verdict.arrays] == [
        ("w", verdict.outcome),
        ("b", "right"),
    ]
    assert [(one.name, one.reason) for one in verdict.not_compared] == [("x", "integers")]


def test_a_loss_beside_its_gradient_is_not_taken_for_the_gradient_of_a_label() -> None:
    def loss(z: Array, t: Array) -> tuple[Any, Array]:
        return np.sum((z - t) ** 2), 2 * (z - t)

    z, t = np.array([0.3, -1.2, 0.7]), np.array([0, 1, 1])
    verdict = check(loss, z, t)
    assert verdict.outcome == "right"
    assert [one.name for one in verdict.arrays] == ["z"]


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_an_output_of_complex_numbers_is_not_cut_down_to_its_real_part(slope: float) -> None:
    with warnings.catch_warnings(action="error"):
        verdict = check(lambda x: np.exp(1j * x), lambda dy, x: -slope * dy * np.sin(x), X)
    assert (verdict.outcome, keys(verdict)) == ("undecided", ["output_complex"])
    assert "y.real" in str(verdict)
    real = check(lambda x: np.exp(1j * x).real, lambda dy, x: -dy * np.sin(x), X)
    assert real.outcome == "right"


# Ties

TIED = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0], [0.0, 3.0, 1.0]])


def shared(dy: Array, x: Array) -> Array:
    mask = x == x.max(1, keepdims=True)
    return np.asarray(dy[:, None] * mask / mask.sum(1, keepdims=True))


def first(dy: Array, x: Array) -> Array:
    mask = np.zeros_like(x)
    mask[np.arange(len(x)), x.argmax(1)] = 1
    return np.asarray(dy[:, None] * mask)


def every(dy: Array, x: Array) -> Array:
    return np.asarray(dy[:, None] * (x == x.max(1, keepdims=True)))


def nobody(dy: Array, x: Array) -> Array:
    mask = x == x.max(1, keepdims=True)
    return np.asarray(dy[:, None] * mask * (mask.sum(1, keepdims=True) == 1))


@pytest.mark.parametrize(
    ("backward", "outcome"),
    [(shared, "right"), (first, "right"), (every, "wrong"), (nobody, "wrong")],
)
def test_what_tied_maxima_receive_adds_up(
    backward: Callable[[Array, Array], Array], outcome: str
) -> None:
    verdict = check(lambda x: x.max(1), backward, TIED)
    assert verdict.outcome == outcome
    assert verdict.array("x").reason == ("ties" if outcome == "wrong" else None)
    summed = check(
        lambda x: float(x.max(1).sum()), TIED, gradient=lambda x: backward(np.ones(3), x)
    )
    assert summed.outcome == outcome
    # Without ties all of them are the same.
    assert check(lambda x: x.max(1), backward, TIED + np.arange(3) / 7).outcome == "right"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("own", "others", "outcome"), [(1, 0, "right"), (1, 1, "wrong")])
def test_a_tie_between_two_arrays(own: float, others: float, outcome: str, dtype: str) -> None:
    a, b = np.array([1, 2, 0], dtype), np.array([1, 1, -0.5], dtype)

    def backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return dy * ((a > b) + own * (a == b)), dy * ((b > a) + others * (a == b))

    verdict = check(lambda a, b: np.maximum(a, b), backward, a, b)
    assert verdict.outcome == outcome


def test_kinks_that_only_stand_side_by_side_are_no_tie() -> None:
    x = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    for slope in (0.0, 0.5, 1.0):

        def backward(dy: Array, x: Array, slope: float = slope) -> Array:
            return np.asarray(dy * np.where(x == 0, slope, x > 0))

        assert check(lambda x: np.maximum(x, 0), backward, x).outcome == "right"
        one = check(
            lambda x: float(np.maximum(x, 0).sum()),
            x,
            gradient=lambda x, b=backward: b(np.ones_like(x), x),
        )
        assert one.outcome == "right"


# One point, one number


def test_a_claim_that_is_wrong_at_one_point_alone() -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (1 - np.tanh(x) ** 2) * (x != 0.5))

    verdict = check(np.tanh, backward, np.array([0.5, 1.0, 2.0]))
    assert verdict.outcome == "wrong"
    assert verdict.array("x").reason == "differs"


@pytest.mark.parametrize("value", [0.5, 0.0])
@pytest.mark.parametrize("claim", [0.0, np.zeros(())])
def test_a_forgotten_gradient_of_a_single_number(value: float, claim: Any) -> None:
    def backward(dy: Array, x: Array, s: Array) -> tuple[Array, Any]:
        return dy * s * (1 - np.tanh(x * s) ** 2), claim

    verdict = check(lambda x, s: np.tanh(x * s), backward, np.full(3, 0.3), value)
    assert verdict.array("s").outcome == "wrong"


def test_no_witness_disagrees_under_undecided() -> None:
    def forward(x: Array) -> Array:
        return np.asarray(np.maximum(x, 0) - np.maximum(-x, 0))

    verdict = check(forward, lambda dy, x: dy * (x > 0) + dy * (x < 0), np.zeros(3))
    assert verdict.outcome == "undecided"
    assert "disagrees" not in str(verdict)


# What can be decided


@pytest.mark.parametrize("x", [1e-8, 1e-6, 1e-12])
@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_the_step_follows_a_small_number(x: float, factor: float) -> None:
    outcome = "right" if factor == 1 else "wrong"
    point = np.array([x, 1.0, 2.0])
    assert check(np.log, lambda dy, x: factor * dy / x, point).outcome == outcome
    root = check(np.sqrt, lambda dy, x: factor * dy / (2 * np.sqrt(x)), point)
    assert root.outcome == outcome


def test_a_function_that_computes_in_float16_inside_is_undecided_in_words() -> None:
    half = check(
        lambda x: np.tanh(x.astype("float16")),
        lambda dy, x: dy * (1 - np.tanh(x) ** 2),
        np.array([0.5, 1, 2]),
    )
    assert (half.outcome, keys(half)) == ("undecided", ["half_precision"])


# Right numbers in another shape or dtype


@pytest.mark.parametrize("shape", [(1, 3), (3, 1)])
def test_right_numbers_in_another_shape(shape: tuple[int, int]) -> None:
    def backward(dy: Array, x: Array, b: Array) -> tuple[Array, Array]:
        return dy, dy.sum(0).reshape(shape)

    verdict = check(lambda x, b: x + b, backward, X, np.zeros(3))
    assert (verdict.outcome, keys(verdict)) == ("right", ["shape"])
    assert verdict.findings[0].outcome == "right"
    assert verdict.array("b").outcome == "right"
    assert "the numbers are right" in str(verdict)
    doubled = check(
        lambda x, b: x + b, lambda dy, x, b: (dy, 2 * backward(dy, x, b)[1]), X, np.zeros(3)
    )
    assert doubled.array("b").outcome == "wrong"


def test_another_shape_with_other_numbers_is_a_mistake_of_shape() -> None:
    verdict = check(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, dy.T @ x), X, np.ones((3, 2)))
    assert (verdict.outcome, keys(verdict)) == ("wrong", ["shape"])
    assert [one.key for one in verdict.mistakes] == ["transposed"]
    flat = check(
        lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, (x.T @ dy).ravel()), X, np.ones((3, 2))
    )
    assert (flat.outcome, keys(flat)) == ("right", ["shape"])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_right_numbers_in_fewer_digits(dtype: str) -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (1 - np.tanh(x) ** 2)).astype(dtype)

    verdict = check(np.tanh, backward, X)
    assert (verdict.outcome, keys(verdict)) == ("right", ["dtype"])
    assert verdict.array("x").tolerance_source == "narrow"
    assert check(np.tanh, lambda dy, x: backward(1.2 * dy, x), X).outcome == "wrong"
