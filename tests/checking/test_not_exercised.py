"""What a point leaves open: said as data and in words, only where it was observed, and with a point
that shows it where one was found."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MAE,
    MSE,
    Context,
    Dropout,
    Hardtanh,
    Linear,
    Network,
    ReLU,
    Sequential,
    check,
)
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.checking.subjects.plain_functions import function_subject
from clearprop.checking.verdict import NotExercised, NotExercisedKind, Verdict
from clearprop.checking.witnesses import traced_forward

X = np.array([[0.5, 1.0], [2.0, 0.25]])


def found(verdict: Verdict) -> list[tuple[str, str]]:
    return [(str(one.key), one.side) for one in verdict.not_exercised]


def relu_slope(dy: Array, x: Array) -> Array:
    return np.asarray(dy * (x > 0))


FORWARDS: dict[str, tuple[Callable[[Array], Any], Callable[[Array, Array], Array]]] = {
    "maximum": (lambda x: np.maximum(x, 0), relu_slope),
    "where": (lambda x: np.where(x > 0, x, 0), relu_slope),
    "mask": (lambda x: x * (x > 0), relu_slope),
    "cached mask": (lambda x: (x * (x > 0), x), lambda dy, x: relu_slope(dy, x)),
    "method": (lambda x: x.clip(0, None), relu_slope),
}


@pytest.mark.parametrize("name", list(FORWARDS))
def test_a_mask_that_was_never_off(name: str) -> None:
    verdict = check(*FORWARDS[name], X)
    assert verdict.outcome == "right"
    (one,) = verdict.not_exercised
    assert one.values["count"] == "4"
    # The point that is proposed shows it, and tells a backward without the mask from the right one.
    point: dict[str, Any] = {"x": X, "np": np}
    exec(str(one.suggestion), point)
    assert check(*FORWARDS[name], point["x"]).not_exercised == ()
    forward = FORWARDS[name][0]
    without = lambda dy, _: dy  # noqa: E731
    assert check(forward, without, X).outcome == "right"
    assert check(forward, without, point["x"]).outcome == "wrong"


def test_both_sides_are_no_finding() -> None:
    x = X - X.mean()
    for forward, backward in FORWARDS.values():
        assert check(forward, backward, x).not_exercised == ()
    smooth = check(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2), X)
    assert smooth.not_exercised == ()


def test_a_bound_that_was_never_reached() -> None:
    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(dy * (np.abs(x) < 5))

    verdict = check(lambda x: np.clip(x, -5, 5), backward, X)
    assert found(verdict) == [("bound", "none")] * 2
    assert [one.values["bound"] for one in verdict.not_exercised] == ["a_min", "a_max"]
    assert check(lambda x: np.clip(x, -5, 5), backward, X * [[11, -9], [1, 1]]).not_exercised == ()


def test_an_absolute_value_of_one_sign() -> None:
    verdict = check(np.abs, lambda dy, x: dy * np.sign(x), X)
    assert found(verdict) in (
        [("sign", "all")],
        [],
    )  # np.abs itself stands on no line of a person's
    own = check(lambda x: np.abs(x), lambda dy, x: dy * np.sign(x), X)
    assert found(own) == [("sign", "all")]


def test_one_line_that_runs_often_is_told_once() -> None:
    def forward(x: Array, w: Array) -> Array:
        for _ in range(3):
            x = np.maximum(x @ w, 0)
        return x

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        a = [x]
        for _ in range(3):
            a.append(np.maximum(a[-1] @ w, 0))
        dw = 0 * w
        for below, above in reversed(list(pairwise(a))):
            dy = dy * (above > 0)
            dw, dy = dw + below.T @ dy, dy @ w.T
        return dy, dw

    verdict = check(forward, backward, X, np.array([[1.0, 2.0], [0.5, 1.5]]))
    assert (verdict.outcome, found(verdict)) == ("right", [("maximum", "all")])
    assert verdict.not_exercised[0].values["count"] == "12"
    assert verdict.not_exercised[0].values["code"] == "x = np.maximum(x @ w, 0)"


def test_a_weight_that_meets_only_zeros() -> None:
    x = np.array([[0.0, 1.0, 2.0], [0.0, -1.0, 1.0]])
    w = np.arange(6.0).reshape(3, 2)
    verdict = check(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy), x, w)
    assert found(verdict) == [("zero_gradient", "rows")]
    values = verdict.not_exercised[0].values
    assert (values["name"], values["count"], values["size"], values["first"]) == ("w", 1, 3, 0)
    # A mistake there is not seen, as it says.
    sloppy = check(
        lambda x, w: x @ w,
        lambda dy, x, w: (dy @ w.T, x.T @ dy * [[9.0], [1.0], [1.0]]),
        x,
        w,
    )
    assert sloppy.outcome == "right"


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_of_one(rows: int) -> None:
    def backward(dy: Array, x: Array, b: Array) -> tuple[Array, Array]:
        return dy, dy.mean(0)  # a sum belongs here

    verdict = check(lambda x, b: x + b, backward, X[:rows], np.array([1.0, 2.0]))
    assert verdict.outcome == ("right" if rows == 1 else "wrong")
    assert found(verdict) == ([("one_row", "")] if rows == 1 else [])


def test_a_square_weight_that_is_its_own_transpose() -> None:
    x = np.array([[1.0, 2.0], [3.0, 5.0], [0.5, -1.0]])
    transposed = lambda dy, x, w: (dy @ w, x.T @ dy)  # noqa: E731 (w.T belongs here)
    verdict = check(lambda x, w: x @ w, transposed, x, np.eye(2))
    assert (verdict.outcome, found(verdict)) == ("right", [("symmetric", "")])
    assert check(lambda x, w: x @ w, transposed, x, X).outcome == "wrong"


def test_an_upstream_gradient_of_ones() -> None:
    ignores = lambda dy, x: 1 - np.tanh(x) ** 2  # noqa: E731
    verdict = check(np.tanh, ignores, X, dy=np.ones((2, 2)))
    assert (verdict.outcome, found(verdict)) == ("right", [("upstream_ones", "")])
    assert check(np.tanh, ignores, X).outcome == "wrong"


def test_layers_networks_and_losses_of_ours() -> None:
    alone: dict[str, Any] = {"witnesses": []}
    assert found(check(ReLU(), x=X, **alone)) == [("kink", "all")]
    assert found(check(ReLU(), x=X - X.mean(), **alone)) == []
    assert found(check(Hardtanh(), x=X / 9, **alone)) == [("kink", "all"), ("kink", "none")]
    loss = check(MAE(), x=X + 1, t=X, **alone)
    assert found(loss) == [("loss_kink", "all")]
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 2)))
    params = network.replace(network.initialize(0), {"layers[0].bias": np.full((1, 3), 9.0)})
    whole = check(network, x=X, t=X[::-1], params=params, loss=MSE(), **alone)
    assert found(whole) == [("kink", "all")]
    assert whole.not_exercised[0].values["layer"] == "layers[1] (ReLU)"
    assert whole.not_exercised[0].suggestion is not None
    one = check(network, x=X[:1], t=X[:1], params=params, loss=MSE(), **alone)
    assert ("one_row", "") in found(one)
    mask = check(Dropout(1e-9), x=X, **alone)
    assert found(mask) == [("mask", "none")]
    assert found(check(Dropout(1e-9), x=X, training=False, **alone)) == []
    assert Context().training


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(NotExercisedKind))
def test_every_kind_has_its_words(kind: NotExercisedKind, language: str) -> None:
    sides = {
        NotExercisedKind.ZERO_GRADIENT: ("all", "rows", "columns"),
        **dict.fromkeys(
            (
                NotExercisedKind.ONE_ROW,
                NotExercisedKind.SYMMETRIC,
                NotExercisedKind.UPSTREAM_ONES,
            ),
            ("",),
        ),
    }.get(kind, ("all", "none"))
    values = dict.fromkeys(
        ("line", "code", "operation", "count", "bound", "layer", "kink", "loss", "name", "size"),
        "7",
    )
    for side in sides:
        one = NotExercised(kind, side, {**values, "first": 0}, "x = -x")
        said = one.sentence(language)
        assert said.startswith({"en": "Not exercised: ", "zh-TW": "沒有測到："}[language])
        assert said.endswith("x = -x")


def test_in_every_form_that_people_and_programs_read() -> None:
    verdict = check(lambda x: np.maximum(x, 0), relu_slope, X)
    sentence = next(iter(verdict.not_exercised)).sentence()
    assert sentence in verdict.text()
    assert "Not exercised: line" in verdict.html()
    assert "沒有測到" in verdict.html("zh-TW")
    data = json.loads(verdict.to_json())["not_exercised"]
    assert [(one["key"], one["side"]) for one in data] == [("maximum", "all")]
    assert data[0]["suggestion"] == "x = x - x.mean()"
    assert "<system-out>Not exercised: line" in verdict.to_junit()


def test_a_forward_that_takes_no_other_arrays_is_not_watched() -> None:
    def strict(x: Array) -> Array:
        if type(x) is not np.ndarray:
            raise TypeError("arrays only")
        return np.maximum(x, 0)

    verdict = check(strict, relu_slope, X)
    assert (verdict.outcome, verdict.not_exercised) == ("right", ())


def test_what_is_watched_changes_no_number() -> None:
    subjects = {
        "out": lambda x: np.add(x, 1, out=np.empty_like(x)),
        "edits its own": lambda x: np.maximum(y := x * 2, 0, out=y),
        "argmax": lambda x: x[np.arange(2), x.argmax(1)],
        "sorted": lambda x: np.sort(x, axis=1),
        "stacked": lambda x: np.concatenate([x, np.split(x, 2)[0]]),
        "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
        "median": lambda x: np.median(x, axis=0),
    }
    for name, forward in subjects.items():
        subject = function_subject(forward, lambda dy, x: dy, (X,))
        assert traced_forward.observed(subject) is not None, name
