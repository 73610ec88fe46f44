"""What a backward pass must not do beside computing numbers."""

from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict

X = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 3.0]])


def keys(verdict: Verdict) -> list[str]:
    return [finding.key for finding in verdict.findings]


def slope(dy: Array, x: Array) -> Array:
    return np.asarray(dy * (1 - np.tanh(x) ** 2))


def test_forward_edits_its_input() -> None:
    def forward(x: Array) -> Array:
        x *= 2
        return np.tanh(x)

    verdict = check(forward, lambda dy, x: 2 * slope(dy, 2 * x), X)
    assert verdict.outcome == "wrong"
    assert keys(verdict) == ["forward_edits"]
    assert verdict.array("x").outcome == "right"
    assert "forward edits x" in str(verdict)


def test_backward_edits_its_input_and_dy() -> None:
    def backward(dy: Array, x: Array) -> Array:
        found = slope(dy, x)
        dy += 1
        x += 1
        return found

    verdict = check(np.tanh, backward, X)
    assert verdict.outcome == "wrong"
    assert keys(verdict) == ["backward_edits", "backward_edits"]
    assert [finding.values["name"] for finding in verdict.findings] == ["dy", "x"]


def test_backward_edits_the_cache() -> None:
    def forward(x: Array) -> tuple[Array, dict[str, Any]]:
        y = np.tanh(x)
        return y.copy(), {"saved": [y]}

    def backward(dy: Array, cache: dict[str, Any]) -> Array:
        y = cache["saved"][0]
        y *= y
        return np.asarray(dy * (1 - y))

    verdict = check(forward, backward, X)
    assert keys(verdict) == ["cache_edited"]
    assert verdict.outcome == "wrong"
    assert verdict.array("x").outcome == "right"


def test_a_second_call_accumulates() -> None:
    kept = np.zeros_like(X)

    def backward(dy: Array, x: Array) -> Array:
        kept[...] += slope(dy, x)
        return kept.copy()

    verdict = check(np.tanh, backward, X)
    assert verdict.outcome == "wrong"
    assert "accumulates" in keys(verdict)
    assert "twice the gradient" in str(verdict)


def test_a_result_that_is_used_again() -> None:
    kept = np.zeros_like(X)
    calls = []

    def backward(dy: Array, x: Array) -> Array:
        calls.append(1)
        kept[...] = slope(dy, x) * (1 + 1e-9 * len(calls))
        return kept

    assert "result_reused" in keys(check(np.tanh, backward, X))


def test_a_second_call_with_other_numbers() -> None:
    calls = []

    def backward(dy: Array, x: Array) -> Array:
        calls.append(1)
        return np.asarray(slope(dy, x) * (1 if len(calls) == 1 else 5))

    assert "second_call_differs" in keys(check(np.tanh, backward, X))


def test_a_wrong_shape() -> None:
    verdict = check(
        lambda x, b: x + b, lambda dy, x, b: (dy, dy), X, np.zeros((1, 2)), witnesses=()
    )
    assert verdict.outcome == "wrong"
    assert keys(verdict) == ["shape"]
    assert "backward returns a gradient (3, 2) for an array (1, 2)" in str(verdict)
    assert verdict.array("x").outcome == "right"


def test_a_wrong_dtype() -> None:
    verdict = check(np.tanh, lambda dy, x: slope(dy, x).astype(np.float32), X)
    assert keys(verdict) == ["dtype"]
    assert verdict.outcome == "right"
    assert verdict.array("x").tolerance_source == "narrow"
    assert "the numbers are right; backward returns them as float32" in str(verdict)
    doubled = check(np.tanh, lambda dy, x: 2 * slope(dy, x).astype(np.float32), X)
    assert doubled.outcome == "wrong"
    complex_one = check(np.tanh, lambda dy, x: slope(dy, x) + 0j, X)
    assert keys(complex_one) == ["dtype"]
    assert complex_one.arrays == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_place_that_is_not_finite_is_named(bad: float) -> None:
    def backward(dy: Array, x: Array) -> Array:
        found = slope(dy, x)
        found[1, 1] = found[2, 0] = bad
        return found

    verdict = check(np.tanh, backward, X)
    assert verdict.outcome == "wrong"
    assert verdict.findings[0].key == "not_finite"
    assert verdict.findings[0].values["index"] == (1, 1)
    assert verdict.array("x").reason == "not_finite"
    assert f"backward returns {bad}, first at [1, 1]" in str(verdict)


def test_an_output_that_is_not_finite_is_undecided() -> None:
    verdict = check(np.log, lambda dy, x: dy / x, X)
    assert verdict.outcome == "undecided"
    assert verdict.findings[0].values["index"] == (0, 1)
    assert verdict.arrays == ()


def test_a_target_that_lost_its_axis() -> None:
    y, t = np.random.default_rng(0).normal(size=(2, 4))

    def loss(y: Array, t: Array) -> float:
        return float(np.mean((y - t) ** 2))

    def gradient(y: Array, t: Array) -> Array:
        return np.asarray((2 * (y - t).mean(axis=1, keepdims=True)) / len(y))

    verdict = check(loss, y.reshape(4, 1), t, gradient=gradient, wrt=["y"])
    assert verdict.array("y").outcome == "right"  # of what was computed
    assert keys(verdict) == ["broadcast"]
    assert verdict.outcome == "wrong"
    assert "broadcast to (4, 4)" in str(verdict)


def test_pairs_may_be_meant_and_a_bias_is_no_target() -> None:
    u, v = np.ones(3), np.ones((3, 1))
    verdict = check(
        lambda u, v: u - v,
        lambda dy, u, v: (dy.sum(0), -dy.sum(1, keepdims=True)),
        u * [1, 2, 3],
        v,
    )
    assert keys(verdict) == ["broadcast"]
    assert verdict.outcome == "undecided"
    bias = check(
        lambda x, w, b: float(np.sum(np.tanh(x @ w + b))),
        np.ones((3, 1)),
        np.ones((1, 3)),
        np.arange(3.0),
        gradient=lambda x, w, b: (
            (1 - np.tanh(x @ w + b) ** 2) @ w.T,
            x.T @ (1 - np.tanh(x @ w + b) ** 2),
            (1 - np.tanh(x @ w + b) ** 2).sum(0),
        ),
    )
    assert keys(bias) == []
    assert bias.outcome == "right"


def test_dropout_from_the_global_generator_is_repeated_by_its_seed() -> None:
    def forward(x: Array) -> tuple[Array, Array]:
        mask = np.random.rand(*x.shape) < 0.5
        return x * mask * 2, mask

    before = repr(np.random.get_state())
    verdict = check(forward, lambda dy, mask: dy * mask * 2, X)
    assert verdict.outcome == "right"
    assert keys(verdict) == ["repeated_by_key"]
    assert repr(np.random.get_state()) == before
    wrong = check(forward, lambda dy, mask: dy * mask, X)
    assert wrong.outcome == "wrong"


def test_a_generator_of_its_own_draws_the_same_every_time() -> None:
    generator = np.random.default_rng(0)

    def forward(x: Array) -> tuple[Array, Array]:
        mask = generator.random(x.shape) < 0.5
        return x * mask * 2, mask

    before = repr(generator.bit_generator.state)
    assert check(forward, lambda dy, mask: dy * mask * 2, X).outcome == "right"
    assert check(forward, lambda dy, mask: dy * mask, X).outcome == "wrong"
    assert repr(generator.bit_generator.state) == before


def test_numbers_that_nobody_can_draw_again_are_not_repeatable() -> None:
    def forward(x: Array) -> tuple[Array, Array]:
        mask = np.random.default_rng().random(x.shape) < 0.5
        return x * mask * 2, mask

    verdict = check(forward, lambda dy, mask: dy * mask * 2, X)
    assert verdict.outcome == "undecided"
    assert keys(verdict) == ["not_repeatable"]


def test_a_function_that_rounds_to_float32_is_judged_by_float32() -> None:
    def forward(x: Array) -> Array:
        return np.asarray(np.tanh(x.astype(np.float32)))

    def backward(dy: Array, x: Array) -> Array:
        x = x.astype(np.float32)
        return np.asarray(dy.astype(np.float32) * (1 - np.tanh(x) ** 2))

    x = X.astype(np.float32)
    verdict = check(forward, backward, x)
    assert verdict.outcome == "right"
    assert verdict.array("x").tolerance_source == "float32"
    assert check(forward, lambda dy, x: backward(dy, x) * np.float32(1.2), x).outcome == "wrong"


def test_a_float32_function_that_takes_float64_is_judged_in_it() -> None:
    verdict = check(np.tanh, lambda dy, x: slope(dy, x) * x.dtype.type(1.001), X.astype("f"))
    assert verdict.outcome == "wrong"
    assert verdict.array("x").tolerance_source == "derived"


def test_a_formula_that_loses_its_digits_in_float32() -> None:
    x = np.array([1e-4, 2e-4], np.float32)

    def backward(dy: Array, x: Array) -> Array:
        # (1 − cos x)/x², with everything cancelled in float32
        one = x.dtype.type(1)
        return np.asarray(dy * ((one - np.cos(x)) / (x * x)) * 2 * x.dtype.type(1e6))

    verdict = check(lambda x: x * x.dtype.type(1e6), backward, x)
    assert verdict.outcome == "undecided"
    assert keys(verdict) == ["precision"]
