"""A network in plain NumPy whose weights are (out, in), or whose samples stand in columns."""

from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict

N, D, H, K = 6, 4, 3, 2
_random = np.random.default_rng(21)
X = _random.normal(size=(N, D))
# (out, in), as PyTorch keeps them.
V, B, W = _random.normal(size=(H, D)), _random.normal(size=H), _random.normal(size=(K, H))

MISTAKES = ["weight_from_z", "derivative_missing", "derivative_at_a", "updated_weights", "unsummed"]


def named(verdict: Verdict) -> list[str]:
    assert all(not mistake.alternatives for mistake in verdict.mistakes)
    return [mistake.key for mistake in verdict.mistakes]


def slope(mistake: str, z: Array) -> Any:
    if mistake == "derivative_missing":
        return 1
    if mistake == "a stranger":
        return np.exp(-(z**2))
    return 1 - np.tanh(np.tanh(z) if mistake == "derivative_at_a" else z) ** 2


def in_rows(mistake: str) -> Verdict:
    def forward(x: Array, v: Array, b: Array, w: Array) -> Array:
        return np.asarray(np.tanh(x @ v.T + b) @ w.T)

    def backward(dy: Array, x: Array, v: Array, b: Array, w: Array) -> tuple[Array, ...]:
        z = x @ v.T + b
        dw = dy.T @ (z if mistake == "weight_from_z" else np.tanh(z))
        dz = dy @ (w - 0.1 * dw if mistake == "updated_weights" else w) * slope(mistake, z)
        return dz @ v, dz.T @ x, dz if mistake == "unsummed" else dz.sum(0), dw

    return check(forward, X, V, B, W, backward=backward)


def in_columns(mistake: str) -> Verdict:
    def forward(x: Array, v: Array, b: Array, w: Array) -> Array:
        return np.asarray(w @ np.tanh(v @ x + b))

    def backward(dy: Array, x: Array, v: Array, b: Array, w: Array) -> tuple[Array, ...]:
        z = v @ x + b
        dw = dy @ (z if mistake == "weight_from_z" else np.tanh(z)).T
        dz = (w - 0.1 * dw if mistake == "updated_weights" else w).T @ dy * slope(mistake, z)
        return v.T @ dz, dz @ x.T, dz if mistake == "unsummed" else dz.sum(1, keepdims=True), dw

    return check(forward, X.T.copy(), V, B[:, None], W, backward=backward)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("layout", [in_rows, in_columns])
def test_a_mistake_has_its_name_in_every_layout(layout: Any, mistake: str) -> None:
    verdict = layout(mistake)
    assert verdict.outcome == "wrong"
    assert named(verdict) == [mistake]


@pytest.mark.parametrize("layout", [in_rows, in_columns])
def test_a_right_one_is_right_and_a_stranger_has_no_name(layout: Any) -> None:
    assert layout("").outcome == "right"
    assert (layout("a stranger").outcome, named(layout("a stranger"))) == ("wrong", [])


def test_what_is_said_of_rows_and_columns_is_said_of_the_persons_own() -> None:
    def backward(dy: Array, x: Array, v: Array) -> tuple[Array, Array]:
        dv = dy.T @ x
        dv[:, 2] = np.sin(dv[:, 2])
        return dy @ v, dv

    verdict = check(lambda x, v: x @ v.T, X, V, backward=backward)
    (mistake,) = verdict.mistakes
    assert (mistake.key, mistake.values["index"]) == ("one_column", 2)
