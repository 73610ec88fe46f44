"""A forward on tape: what it writes down, and the way back along it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording.recorded_forward import recorded
from clearprop.checking.diagnosis.recording.tape import Tape
from clearprop.checking.witnesses.finite_differences import central_differences

Arrays = Mapping[str, Array]


def taped(function: Callable[..., Any], *arrays: Array) -> Tape:
    names = "abcdefg"[: len(arrays)]
    point = dict(zip(names, arrays, strict=True))
    found = recorded(lambda given: function(*given.values()), point, np.asarray(function(*arrays)))
    assert found is not None
    return found


def require_slopes(function: Callable[..., Any], *arrays: Array) -> None:
    """∂/∂(every array) of a random sum of the outputs against central differences."""
    tape = taped(function, *arrays)
    y = np.asarray(function(*arrays))
    dy = np.random.default_rng(0).normal(size=y.shape)
    found = tape.gradients(tape.back(dy.reshape(tape.wires[tape.output].value.shape)))
    for place, (name, array) in enumerate(zip("abcdefg", arrays, strict=False)):

        def value(flat: Array, place: int = place, shape: tuple[int, ...] = array.shape) -> float:
            moved = [*arrays]
            moved[place] = flat.reshape(shape)
            return float(np.sum(dy * function(*moved)))

        expected = central_differences(value, array.ravel()).gradient.reshape(array.shape)
        assert found[name] == pytest.approx(expected, rel=1e-6, abs=1e-7)


def drawn(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def in_place(a: Array, b: Array) -> Array:
    z = a @ b
    z -= z.max(axis=1, keepdims=True)
    z[z < -1] = 0.5
    z[:, 0] *= 3
    return z


def through_bare_arrays(a: Array, b: Array) -> Array:
    column = np.array(a[0], ndmin=2).T
    y: Array = np.tanh(b.T @ column)
    return y


def through_math(a: Array) -> Any:
    total = 0.0
    for i in range(len(a)):
        total += 1 / (1 + math.exp(-(a[i] * 0.7 + 0.1))) * a[i]
    return total


FUNCTIONS: list[tuple[Callable[..., Any], tuple[Array, ...]]] = [
    (lambda a, b: a @ b, (drawn(3, 4), drawn(4, 2))),
    (lambda a, b: a @ b, (drawn(4), drawn(4, 2))),
    (lambda a, b: a @ b, (drawn(3, 4), drawn(4))),
    (lambda a, b: a @ b, (drawn(4), drawn(4, seed=2))),
    (lambda a, b: a @ b, (drawn(2, 3, 4), drawn(4, 2))),
    (lambda a, b: np.dot(a, b) * np.dot(2.0, a).sum(), (drawn(3, 3), drawn(3))),
    (np.outer, (drawn(3), drawn(4))),
    (np.inner, (drawn(3), drawn(3, seed=3))),
    (lambda a, b: np.einsum("bij,jk->bik", a, b), (drawn(2, 3, 4), drawn(4, 2))),
    (lambda a, b: np.einsum("ij,kj", a, b), (drawn(3, 4), drawn(2, 4))),
    (lambda a: np.einsum("ij->i", a), (drawn(3, 4),)),
    (lambda a, b: np.tensordot(a, b, axes=([1], [0])), (drawn(3, 4), drawn(4, 2))),
    (lambda a, b: np.tensordot(a, b, 1), (drawn(3, 4), drawn(4, 2))),
    (lambda a: a.T.reshape(2, 6)[1, ::2] ** 3, (drawn(3, 4),)),
    (lambda a: np.concatenate([a, 2 * a[:1]], axis=0).mean(axis=1), (drawn(3, 4),)),
    (lambda a, b: np.stack([a, b]).swapaxes(0, 1).std(axis=-1), (drawn(3, 4), drawn(3, 4, seed=4))),
    (lambda a: np.c_[np.ones(3), a].var(axis=0), (drawn(3, 4),)),
    (lambda a: np.linalg.norm(a, axis=1, keepdims=True) * a.max(axis=0), (drawn(3, 4),)),
    (lambda a: np.where(a > 0, a, 0.2 * a).clip(-0.1, 0.9) + np.maximum(a, 0.3), (drawn(3, 4),)),
    (lambda a: np.exp(a) / np.exp(a).sum(-1, keepdims=True) * np.log1p(a**2), (drawn(3, 4),)),
    (lambda a, b: a / b - np.sqrt(np.abs(a)) + np.logaddexp(a, b), (drawn(3, 4), drawn(4))),
    (lambda a: a[np.array([0, 2, 2])].sum(0) + a.repeat(2, axis=0)[3], (drawn(3, 4),)),
    (lambda a: np.multiply.outer(a, a).sum(0), (drawn(3),)),
    (in_place, (drawn(3, 4), drawn(4, 5))),
    (through_bare_arrays, (drawn(2, 3), drawn(3, 2))),
    (through_math, (drawn(4),)),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_the_way_back_along_a_tape_is_the_gradient(number: int) -> None:
    function, arrays = FUNCTIONS[number]
    require_slopes(function, *arrays)


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3), rows=st.integers(1, 4), inner=st.integers(1, 4), out=st.integers(1, 3)
)
def test_sums_over_what_was_broadcast(batch: int, rows: int, inner: int, out: int) -> None:
    require_slopes(
        lambda a, b, c: np.tanh(a @ b + c) * c,
        drawn(batch, rows, inner),
        drawn(inner, out, seed=5),
        drawn(1, out, seed=6),
    )


def test_the_output_of_a_loss_may_be_divided_outside_of_numpy() -> None:
    tape = taped(lambda a: float(np.sum(a * a)) / 6, drawn(3, 2))
    # d/da of Σa²/6 is a/3.
    assert tape.gradients(tape.back(np.ones(())))["a"] == pytest.approx(drawn(3, 2) / 3)


def test_a_tape_is_played_again_on_other_numbers() -> None:
    tape = taped(lambda a: np.maximum(0, a) ** 2, np.array([1.0, -2.0, 3.0]))
    other = tape.played(tape.output, {tape.leaves["a"]: np.array([-1.0, 4.0, 0.5])})
    assert other == pytest.approx([0, 16, 0.25])


def test_only_what_changes_goes_back_again() -> None:
    tape = taped(lambda a, b: np.tanh(a @ b) @ b, drawn(3, 4), drawn(4, 4))
    right = tape.back(np.ones((3, 4)))
    (tanh,) = [w.number for w in tape.wires if w.operation and w.operation.name == "tanh"]
    twice = tape.altered(right, {}, {tanh: lambda dy: 2 * dy})
    zb = np.tanh(drawn(3, 4) @ drawn(4, 4))
    # ∂C/∂a = (dy bᵀ (1 − tanh²)) bᵀ, and twice that.
    da = (np.ones((3, 4)) @ drawn(4, 4).T * (1 - zb**2)) @ drawn(4, 4).T
    assert tape.gradients(right)["a"] == pytest.approx(da)
    assert tape.gradients(twice)["a"] == pytest.approx(2 * da)
    # b is used twice, and only the use before tanh has changed.
    assert tape.gradients(twice)["b"] - tape.gradients(right)["b"] == pytest.approx(
        drawn(3, 4).T @ (np.ones((3, 4)) @ drawn(4, 4).T * (1 - zb**2))
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda a: [a.sum() for _ in range(13_000)][-1],
        lambda a: np.zeros(3),
        lambda a: np.arange(4.0)[: 1 + int(a[0] > 0)],
    ],
)
def test_a_forward_that_leaves_no_tape(function: Callable[[Array], Any]) -> None:
    a = drawn(3)
    assert recorded(lambda given: function(given["a"]), {"a": a}, np.asarray(function(a))) is None


def test_what_is_recorded_is_an_array_in_every_other_way() -> None:
    def looked_at(a: Array) -> Array:
        assert isinstance(a, np.ndarray)
        assert a.shape == (3, 4)
        assert a.dtype == np.float64
        assert float(a[0, 0]) == drawn(3, 4)[0, 0]
        total = a[:0].sum()
        for row in a:
            total = total + row.sum() + row.copy().astype(np.float64).max()
        return np.asarray(total)

    tape = taped(looked_at, drawn(3, 4))
    expected = np.ones((3, 4))
    expected[range(3), drawn(3, 4).argmax(1)] += 1
    assert tape.gradients(tape.back(np.ones(())))["a"] == pytest.approx(expected)
