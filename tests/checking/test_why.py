"""A verdict can be asked why a mistake was named, and why the others were not."""

import json

import numpy as np
import pytest

from clearprop import Linear, Network, ReLU, Sequential, check
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES, table
from clearprop.checking.verdict import Candidate, Lost, MistakeKind, Standing, Verdict

RANDOM = np.random.default_rng(4)
X, W1, W2 = (RANDOM.normal(size=shape) for shape in ((6, 3), (3, 4), (4, 2)))


def forward(x: Array, W1: Array, W2: Array) -> Array:
    return np.asarray(np.tanh(x @ W1) @ W2)


def backward(dy: Array, x: Array, W1: Array, W2: Array) -> tuple[Array, ...]:
    z = x @ W1
    dz = dy @ W2.T * (1 - np.tanh(z) ** 2)
    return dz @ W1.T, x.T @ dz, z.T @ dy  # z where a belongs


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    return check(forward, backward, X, W1, W2)


def candidate(verdict: Verdict, kind: MistakeKind) -> Candidate:
    (found,) = [one for one in verdict.candidates if one.key == kind]
    return found


def test_the_first_candidate_is_the_one_that_was_named(verdict: Verdict) -> None:
    first = verdict.candidates[0]
    assert [m.key for m in verdict.mistakes] == [first.key] == [MistakeKind.WEIGHT_FROM_Z]
    assert (first.lost, first.standing) == (None, Standing.EXACT)
    (one,) = first.predictions
    assert one.array == "W2"
    assert one.index is not None
    assert one.predicted == pytest.approx(one.claimed)
    assert one.claimed != pytest.approx(one.expected, rel=1e-2)
    assert first.off < 1e-9


def test_what_lost_says_what_it_gives_and_how_far_that_is_off() -> None:
    dy = RANDOM.normal(size=(6, 2))
    verdict = check(forward, backward, X, W1, W2, dy=dy)
    sign = candidate(verdict, MistakeKind.SIGN)
    (one,) = sign.predictions
    right = np.tanh(X @ W1).T @ dy
    claimed = (X @ W1).T @ dy
    assert sign.lost == Lost.OTHER_NUMBERS
    assert one.index is not None
    assert one.predicted == pytest.approx(-right[one.index], rel=1e-6)
    assert one.claimed == pytest.approx(claimed[one.index])
    assert one.expected == pytest.approx(right[one.index], rel=1e-6)
    assert one.off == pytest.approx(np.abs(claimed + right).max() / np.abs(right).max(), rel=1e-6)
    assert one.off == pytest.approx(abs(claimed + right)[one.index] / np.abs(right).max(), rel=1e-6)


def test_the_nearest_that_lost_comes_first(verdict: Verdict) -> None:
    unlike = (Lost.OTHER_NUMBERS, Lost.ONLY_SOME)
    off = [one.off for one in verdict.candidates if one.lost in unlike]
    assert len(off) > 8
    assert off == sorted(off)
    kinds = [one.key for one in verdict.candidates]
    assert len(kinds) == len(set(kinds))


def test_a_factor_of_two_is_a_constant_factor_too_and_better_founded() -> None:
    def twice(dy: Array, x: Array, W1: Array, W2: Array) -> tuple[Array, ...]:
        a = np.tanh(x @ W1)
        dz = dy @ W2.T * (1 - a**2)
        return 2 * dz @ W1.T, 2 * x.T @ dz, 2 * a.T @ dy

    verdict = check(forward, twice, X, W1, W2)
    named = candidate(verdict, MistakeKind.FACTOR_TWO)
    factor = candidate(verdict, MistakeKind.FACTOR)
    assert named.lost is None
    assert (factor.lost, factor.standing) == (Lost.BETTER_FOUNDED, Standing.FITTED)
    assert factor.off < 1e-6


def test_a_coincidence_is_told() -> None:
    # The sign is turned round where dy is what the check draws, and nowhere else.
    seen: list[Array] = []

    def odd(dy: Array, x: Array) -> Array:
        seen.append(dy)
        right = dy * (1 - np.tanh(x) ** 2)
        return -right if np.array_equal(dy, seen[0]) else dy**3

    verdict = check(np.tanh, odd, X)
    assert verdict.mistakes == ()
    assert candidate(verdict, MistakeKind.SIGN).lost == Lost.COINCIDENCE


def test_nothing_named_still_says_what_was_thought_of() -> None:
    def stranger(dy: Array, x: Array) -> Array:
        return np.asarray(dy * np.exp(-x * x))

    verdict = check(np.tanh, stranger, X)
    assert (verdict.outcome, verdict.mistakes) == ("wrong", ())
    assert candidate(verdict, MistakeKind.DERIVATIVE_MISSING).lost == Lost.OTHER_NUMBERS
    assert verdict.why().startswith("Nothing was named.")


def test_a_right_verdict_has_no_candidates() -> None:
    verdict = check(Linear(3, 2), x=X)
    assert verdict.candidates == ()
    assert verdict.why().startswith("No mistake was looked for")


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_in_words(verdict: Verdict, language: str) -> None:
    said = verdict.why(language)
    names = table(language, "mistakes")
    head, *lines = said.splitlines()
    assert head == table(language, "checking")["why.head_named"]
    assert len(lines) == len(verdict.candidates)
    assert names["weight_from_z.name"] in lines[0]
    assert table(language, "checking")["why.named"] in lines[0]
    assert any(names["sign.name"] in line for line in lines[1:])
    assert "{" not in said


def test_every_reason_to_lose_has_its_words() -> None:
    for language in LANGUAGES:
        said = table(language, "checking")
        assert {f"lost.{one}" for one in Lost} == {key for key in said if key.startswith("lost.")}


def test_the_report_stays_as_short_as_it_was_and_json_has_all(verdict: Verdict) -> None:
    assert "never computed" not in str(verdict)
    data = json.loads(verdict.to_json())["candidates"]
    assert data[0]["key"] == "weight_from_z"
    assert data[0]["lost"] is None
    assert data[0]["predictions"][0]["array"] == "W2"
    lost = {one["key"]: one["lost"] for one in data[1:]}
    assert lost["sign"] == "other_numbers"


def test_beside_a_reference_the_arrays_are_called_as_the_person_calls_them() -> None:
    network = Network(Sequential(Linear(3, 4, bias=False), ReLU(), Linear(4, 2, bias=False)))

    def relu(x: Array, W1: Array, W2: Array) -> Array:
        return np.asarray(np.maximum(x @ W1, 0) @ W2)

    def wrong(dy: Array, x: Array, W1: Array, W2: Array) -> tuple[Array, ...]:
        z = x @ W1
        dz = dy @ W2.T * (z > 0)
        return dz @ W1.T, x.T @ dz, z.T @ dy

    verdict = check(relu, wrong, X, W1, W2, against=network)
    assert {one.array for c in verdict.candidates for one in c.predictions} <= {"x", "W1", "W2"}


def test_samples_in_columns_are_told_in_their_own_layout() -> None:
    x, W, V = X.T, W1.T, W2.T

    def columns(x: Array, W: Array, V: Array) -> Array:
        return np.asarray(V @ np.tanh(W @ x))

    def wrong(dy: Array, x: Array, W: Array, V: Array) -> tuple[Array, ...]:
        z = W @ x
        dz = V.T @ dy * (1 - np.tanh(z) ** 2)
        return W.T @ dz, dz @ x.T, dy @ z.T

    verdict = check(columns, wrong, x, W, V)
    named = candidate(verdict, MistakeKind.WEIGHT_FROM_Z)
    (one,) = named.predictions
    assert (named.lost, one.array) == (None, "V")
    assert one.index is not None
    assert one.index[0] < 2
    assert one.index[1] < 4


def test_arrays_are_named_in_the_order_of_the_arguments() -> None:
    def forward(x: Array, e: Array, d: Array, c: Array, b: Array, a: Array) -> Array:
        total: Array = x @ (e + d + c + b + a)
        return total

    def backward(dy: Array, x: Array, *weights: Array) -> tuple[Array, ...]:
        return dy @ sum(weights).T, *(dy.T @ x for _ in weights)  # type: ignore[union-attr]

    random = np.random.default_rng(0)
    weights = [random.normal(size=(3, 2)) for _ in range(5)]
    verdict = check(forward, random.normal(size=(5, 3)), *weights, backward=backward)
    assert [(one.key, one.arrays) for one in verdict.mistakes] == [
        ("transposed", ("e", "d", "c", "b", "a"))
    ]
    assert [one.array for one in verdict.candidates[0].predictions] == ["e", "d", "c", "b", "a"]


def test_a_smooth_activation_has_no_convention_at_a_kink() -> None:
    verdict = check(np.tanh, lambda dy, x: dy * np.tanh(x), np.array([0.5, -1.0, 2.0]))
    assert verdict.outcome == "wrong"
    assert verdict.candidates
    assert all(one.key != MistakeKind.KINK for one in verdict.candidates)
