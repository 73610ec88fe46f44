"""Arguments in any order, parameters in any container, several outputs, settings and None."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.errors import ClearpropError
from tests.checking.form_outcomes import B, W, X, findings, outcome

# Arguments


@pytest.mark.parametrize(
    "backward",
    [
        lambda dy, x, w: (dy @ w.T, x.T @ dy),
        lambda x, w, dy: (dy @ w.T, x.T @ dy),
        lambda w, dy, x: (dy @ w.T, x.T @ dy),
        lambda a, b, c: (c @ b.T, a.T @ c),
        lambda grad_output, x, w: {"grad_x": grad_output @ w.T, "w_grad": x.T @ grad_output},
        lambda dout, x, w: [dout @ w.T, x.T @ dout],
        lambda dout, x, w: SimpleNamespace(dL_dw=x.T @ dout, dL_dx=dout @ w.T),
    ],
)
def test_arguments_in_any_order_and_gradients_in_any_container(backward: Any) -> None:
    assert outcome(lambda x, w: x @ w, X, W, backward=backward) == ("right", ["x", "w"])


def test_an_order_that_the_names_say_is_not_turned_round_to_make_it_right() -> None:
    def backward(dy: Any, x: Any) -> Any:
        return x * (dy > 0)

    assert outcome(lambda x: np.maximum(x, 0), backward, X)[0] == "wrong"


@dataclass
class Parameters:
    W: Any
    b: Any


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("kind", [dict, list, Parameters, SimpleNamespace])
def test_parameters_in_a_container(kind: Any, wrong: bool) -> None:
    def pack(w: Any, b: Any) -> Any:
        return [w, b] if kind is list else kind(W=w, b=b)

    def unpack(p: Any) -> Any:
        if kind is list:
            return p
        return (p["W"], p["b"]) if kind is dict else (p.W, p.b)

    def forward(x: Any, p: Any) -> Any:
        w, b = unpack(p)
        return np.tanh(x @ w + b), (x, p)

    def backward(dout: Any, cache: Any) -> Any:
        x, p = cache
        w, b = unpack(p)
        dz = dout * (1 - np.tanh(x @ w + b) ** 2)
        return pack(x.T @ dz, dz.mean(0) if wrong else dz.sum(0))

    found, names = outcome(forward, X, pack(W, B), backward=backward)
    assert found == ("wrong" if wrong else "right")
    assert names in (["W", "b"], ["p[0]", "p[1]"])


def test_a_gradient_that_a_dictionary_lacks_is_asked_about() -> None:
    def forward(x: Any, p: Any) -> Any:
        return x @ p["W"] + p["b"]

    verdict = check(forward, X, {"W": W, "b": B}, backward=lambda dy, x, p: {"W": x.T @ dy})
    assert verdict.outcome == "undecided"
    assert "not_claimed_parameter" in findings(verdict)


def test_settings_are_passed_through() -> None:
    def forward(x: Any, act: str, n: int, slope: float, options: dict[str, Any]) -> Any:
        z = x**n * (1 if act == "linear" else 2) * options["scale"]
        return np.where(z > 0, z, slope * z)

    def backward(dy: Any, x: Any, act: str, n: int, slope: float, options: dict[str, Any]) -> Any:
        factor = n * x ** (n - 1) * (1 if act == "linear" else 2) * options["scale"]
        return dy * factor * np.where(forward(x, act, n, 1.0, options) > 0, 1, slope)

    assert outcome(forward, X, "other", 3, 0.1, {"scale": 2}, backward=backward)[0] == "right"


def test_none_for_what_is_not_differentiated() -> None:
    found = outcome(
        lambda x, w, c: x @ w * c,
        lambda dy, x, w, c: (dy @ w.T * c, x.T @ dy * c, None),
        X,
        W,
        np.array([2.0]),
    )
    assert found == ("right", ["x", "w"])


def test_a_plain_number_that_is_a_parameter_is_no_setting() -> None:
    def forward(x: Any, b: Any) -> Any:
        return x * b

    right = outcome(forward, lambda dy, x, b: (dy * b, (dy * x).sum()), X, 0.7)
    assert right == ("right", ["x", "b"])
    with pytest.raises(ClearpropError, match="2 gradients, of x, b"):
        check(forward, lambda dy, x, b: dy * b, X, 0.7)


@pytest.mark.parametrize(("sign", "expected"), [(-1, "right"), (1, "wrong")])
def test_several_outputs(sign: int, expected: str) -> None:
    def backward(dsine: Any, dcosine: Any, x: Any) -> Any:
        return dsine * np.cos(x) + sign * dcosine * np.sin(x)

    assert outcome(lambda x: (np.sin(x), np.cos(x)), backward, X)[0] == expected


def test_an_output_whose_gradient_is_dropped_is_not_taken_for_a_cache() -> None:
    def forward(x: Any) -> Any:
        sine = np.sin(x)
        cosine = np.cos(x)
        return sine, cosine, x

    def backward(dsine: Any, dcosine: Any, cache: Any) -> Any:
        return dsine * np.cos(cache)

    assert outcome(forward, backward, X)[0] == "wrong"


def test_names_that_say_nothing_and_a_backward_that_no_way_makes_right() -> None:
    def backward(p: Any, q: Any, r: Any) -> Any:
        return p * 2 + r.sum() + q.sum(), q * 3

    with pytest.raises(ClearpropError, match="called in every way that its arguments allow"):
        check(lambda x, w: x @ w, backward, X, W)
    said = outcome(lambda x, w: x @ w, backward, X, W, order=("x", "w", "dy"))
    assert said[0] == "wrong"
