"""A check that falls back to float32's tolerance says so, and why."""

from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.checking.rules.tolerances import FLOAT32, FLOAT64
from clearprop.checking.verdict import FindingKind, Verdict

RANDOM = np.random.default_rng(1)
X, W = (RANDOM.normal(size=shape).astype("f") for shape in ((4, 3), (3, 2)))


def forward(x: Array, w: Array) -> Array:
    return np.asarray(np.tanh(x @ w))


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T, x.T @ dz


def only_float32(x: Array) -> None:
    if x.dtype != np.float32:
        raise TypeError("float32 only")


def forward_refuses(x: Array, w: Array) -> Array:
    only_float32(x)
    return forward(x, w)


def backward_refuses(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    only_float32(x)
    return backward(dy, x, w)


def backward_casts(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    dx, dw = backward(dy, x, w)
    return dx, dw.astype("f")


def backward_loses(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    dx, dw = backward(dy, x, w)
    return dx, dw if x.dtype == np.float32 else dw.ravel()


def kinds(verdict: Verdict) -> list[FindingKind]:
    return [one.key for one in verdict.findings]


def test_float32_arrays_are_judged_in_float64() -> None:
    verdict = check(forward, backward, X, W)
    assert (verdict.outcome, kinds(verdict)) == ("right", [])
    assert verdict.array("w").tolerance_source == "derived"


@pytest.mark.parametrize(
    ("f", "b", "kind", "said"),
    [
        (forward_refuses, backward, "forward_fails_in_float64", "TypeError: float32 only"),
        (forward, backward_refuses, "backward_fails_in_float64", "TypeError: float32 only"),
        (forward, backward_casts, "float32_gradients", "w"),
        (forward, backward_loses, "gradients_lost_in_float64", "w"),
    ],
)
def test_what_cannot_be_judged_in_float64_is_told(f: Any, b: Any, kind: str, said: str) -> None:
    verdict = check(f, b, X, W)
    assert (verdict.outcome, kinds(verdict)) == ("right", [kind])
    assert verdict.array("w").tolerance_source == "float32"
    for language in LANGUAGES:
        text = verdict.text(language)
        assert said in text
        assert f"{FLOAT32.relative:g}" in text
        assert f"{FLOAT64.relative:g}" in text


def test_a_function_that_computes_in_float32_says_so_by_its_tolerance() -> None:
    def rounds(x: Array, w: Array) -> Array:
        return forward(x.astype("f"), w.astype("f"))

    verdict = check(rounds, backward, X, W)
    assert (verdict.outcome, kinds(verdict)) == ("right", [])
    assert verdict.array("w").tolerance_source == "float32"


def test_a_backward_that_fails_when_it_is_run_again() -> None:
    calls: list[Array] = []

    def tired(dy: Array, x: Array) -> Array:
        calls.append(dy)
        if not np.array_equal(dy, calls[0]):
            raise RuntimeError("only once")
        return np.asarray(-dy * (1 - np.tanh(x) ** 2))

    verdict = check(np.tanh, tired, X.astype(float))
    assert [one.key for one in verdict.mistakes] == ["sign"]
    assert kinds(verdict) == [FindingKind.FAILS_WHEN_RUN_AGAIN]
    assert "RuntimeError: only once" in str(verdict)


def test_a_sample_has_a_name_where_the_forward_leaves_a_tape() -> None:
    x = np.linspace(-1, 1, 5_000)
    verdict = check(np.tanh, lambda dy, x: 2 * dy * (1 - np.tanh(x) ** 2), x)
    assert [one.key for one in verdict.mistakes] == ["factor_two"]
    assert verdict.arrays[0].checked < 5_000
    assert kinds(verdict) == []


def test_a_sample_that_nothing_explains_has_no_name_and_says_so() -> None:
    x = np.linspace(-1, 1, 5_000)

    def unknown(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (1 - np.tanh(x) ** 2) * (1 + 0.3 * np.sin(9 * x) * np.abs(dy)))

    verdict = check(np.tanh, unknown, x)
    assert (verdict.outcome, verdict.mistakes) == ("wrong", ())
    assert kinds(verdict) == [FindingKind.NO_NAME_OF_A_SAMPLE]


def test_a_claim_of_another_shape_is_compared_by_float32_steps_in_float32() -> None:
    def rounds(x: Array, w: Array) -> Array:
        return forward(x.astype("f"), w.astype("f"))

    def unsummed(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        dx, dw = backward(dy, x, w)
        return dx, dw.T

    verdict = check(rounds, unsummed, X, W)
    assert [one.key for one in verdict.mistakes] == ["transposed"]
