"""`check`: everything that it takes, and one sentence for what it does not."""

import re
from typing import Any

import numpy as np
import pytest

import clearprop
from clearprop import MAE, MSE, Embedding, Linear, Network, ReLU, Residual, Sequential, Tanh, check
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError, ConfigurationError, ContractError, ShapeError
from clearprop.engine.layers.activations import Activation
from clearprop.testing import assert_gradients
from tests.data import printed_training as printed

GENERATOR = np.random.default_rng(0)
X, W, B = (
    GENERATOR.normal(size=(4, 3)),
    GENERATOR.normal(size=(3, 2)),
    GENERATOR.normal(size=(1, 2)),
)


def forward(x: Array, w: Array, b: Array) -> Array:
    return np.asarray(x @ w + b)


def backward(dy: Array, x: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    return dy @ w.T, x.T @ dy, dy.sum(axis=0, keepdims=True)


@pytest.mark.parametrize("target", [Linear, ReLU, MSE, MAE, Residual, Embedding])
def test_a_class_of_the_catalogue(target: Any) -> None:
    verdict = check(target, witnesses=["complex-step"])
    assert verdict.outcome == "right"
    assert verdict.arrays


class Cube(Activation):
    def value(self, z: Array) -> Array:
        return np.asarray(z**3)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.asarray(3 * z**2)


class Wrong(Cube):
    def derivative(self, z: Array, a: Array) -> Array:
        return np.asarray(3 * a**2)


def test_a_layer_of_ones_own_by_class_and_as_an_object() -> None:
    assert check(Cube).outcome == "right"
    assert check(Cube(), x=np.ones((2, 2))).outcome == "right"
    assert check(Wrong).outcome == "wrong"


def test_a_layer_with_its_x_params_and_dy() -> None:
    layer = Linear(3, 2)
    params = Network(layer).initialize(1)
    verdict = check(layer, x=X, params=params, dy=np.ones((4, 2)))
    assert verdict.outcome == "right"
    assert [one.name for one in verdict.arrays] == ["x", "weight", "bias"]
    assert verdict.name == "Linear(3, 2)"
    with pytest.raises(ShapeError):
        check(layer, x=X, dy=np.ones((4, 3)))


def test_a_network_with_data_and_loss() -> None:
    network = Network(Sequential(Linear(3, 5), Tanh(), Linear(5, 2)))
    t = GENERATOR.normal(size=(4, 2))
    for verdict in (check(network, X, t, loss=MSE()), check(network, x=X, t=t, loss=MSE())):
        assert verdict.outcome == "right"
        assert "layers[2].bias" in [one.name for one in verdict.arrays]
    assert check(network, X).outcome == "right"
    assert check(Sequential(Linear(3, 2)), X, t, loss=MSE()).outcome == "right"
    with pytest.raises(ConfigurationError, match="hand over x, and with a loss also t"):
        check(network, X, loss=MSE())


def test_a_network_with_tied_weights() -> None:
    layer = Sequential(Linear(3, 3), Tanh(), Linear(3, 3))
    network = Network(layer, {"layers[2].weight": "layers[0].weight"})
    verdict = check(network, X, np.ones((4, 3)), loss=MSE())
    assert verdict.outcome == "right"
    assert "layers[2].weight" not in [one.name for one in verdict.arrays]


def test_a_float32_network() -> None:
    network = Network(Sequential(Linear(3, 5), Tanh(), Linear(5, 2)))
    x, t = X.astype("f"), np.ones((4, 2), "f")
    assert check(network, x, t, loss=MSE()).outcome == "right"


def test_functions_in_every_form() -> None:
    assert check(forward, backward, X, W, B).outcome == "right"
    assert check(forward, X, W, B, backward=backward).outcome == "right"
    in_order = check(
        forward,
        lambda x, w, b, dy: backward(dy, x, w, b),
        X,
        W,
        B,
        order=("x", "params", "dy"),
    )
    assert in_order.outcome == "right"
    for prefix in ("", "d", "d_", "grad_"):
        as_dict = check(
            forward,
            lambda dy, x, w, b, prefix=prefix: {
                f"{prefix}{name}": value
                for name, value in zip("xwb", backward(dy, x, w, b), strict=True)
            },
            X,
            W,
            B,
        )
        assert as_dict.outcome == "right"
    some = check(forward, lambda dy, x, w, b: x.T @ dy, X, W, B, wrt=["w"])
    assert [one.name for one in some.arrays] == ["w"]
    assert some.outcome == "right"


def test_functions_with_a_cache_and_with_y() -> None:
    def with_cache(x: Array) -> tuple[Array, Array]:
        y = np.tanh(x)
        return y, y

    assert check(with_cache, lambda dy, y: dy * (1 - y * y), X).outcome == "right"
    by_y = check(np.tanh, lambda dy, y: dy * (1 - y * y), X, order=("dy", "y"))
    assert by_y.outcome == "right"


def test_a_function_of_one_number_and_its_gradient() -> None:
    assert check(lambda x: np.sum(x**3), X, gradient=lambda x: 3 * x**2).outcome == "right"
    assert check(lambda x: np.sum(x**3), X, gradient=lambda x: 2 * x**2).outcome == "wrong"
    assert check(lambda x: x**2, 3.0, gradient=lambda x: 2 * x).outcome == "right"


def test_integers_take_no_gradient() -> None:
    ids = np.array([0, 2, 2])

    def scatter(dy: Array, ids: Array, table: Array) -> Array:
        found = np.zeros_like(table)
        np.add.at(found, ids, dy)
        return found

    assert check(lambda ids, table: table[ids], scatter, ids, np.eye(3)).outcome == "right"


def test_the_tutorials_printed_backward_beside_the_reference() -> None:
    verdict = check(printed.forward, printed.backward, *printed.inputs, against=printed.reference)
    assert verdict.outcome == "wrong"
    assert [one.name for one in verdict.arrays if one.outcome == "wrong"] == ["W2"]
    assert [mistake.key for mistake in verdict.mistakes] == ["weight_from_z"]
    assert verdict.mistakes[0].arrays == ("W2",)
    assert "from z where a belongs" in str(verdict)
    alone = check(printed.forward, printed.backward, *printed.inputs)
    assert alone.outcome == "wrong"


def test_a_reference_with_its_loss() -> None:
    network = Network(Sequential(Linear(3, 2)))
    t = np.ones((4, 2))

    def loss(x: Array, w: Array, b: Array, t: Array) -> Array:
        return np.asarray(np.mean((x @ w + b - t) ** 2))

    def gradient(x: Array, w: Array, b: Array, t: Array) -> tuple[Array, ...]:
        return backward(2 * (x @ w + b - t) / t.size, x, w, b)

    found = check(
        loss, X, W, B, t, gradient=gradient, wrt=["x", "w", "b"], against=network, loss=MSE()
    )
    assert found.outcome == "right"
    assert [w.name for w in found.witnesses if w.outcome == "agrees"] == [
        "complex-step",
        "reference",
    ]


def test_a_reference_that_computes_something_else() -> None:
    verdict = check(forward, backward, X, W, 1 + B[0], against=Linear(3, 2))
    assert verdict.outcome == "right"  # a bias (2,) whose gradient comes as (1, 2)
    other = check(forward, backward, X, W, B, against=lambda x, w, b: x @ w - b)
    assert [finding.key for finding in other.findings] == ["witness_output"]
    assert other.outcome == "wrong"
    same = check(forward, backward, X, W, B, against=(forward, backward))
    assert same.outcome == "right"
    layer = check(forward, backward, X, W, B, against=Linear(3, 2))
    assert layer.outcome == "right"


def test_a_reference_may_be_a_class_that_needs_no_settings() -> None:
    verdict = check(np.tanh, X, backward=lambda dy, x: dy, against=Tanh)
    assert [(one.name, one.outcome) for one in verdict.witnesses][-1] == ("reference", "disagrees")
    with pytest.raises(ContractError, match="against is the class Linear"):
        check(np.tanh, X, backward=lambda dy, x: dy, against=Linear)


def test_a_reference_that_raises_is_not_passed_over() -> None:
    def fails(x: Array) -> Array:
        raise KeyError("W1")

    with pytest.raises(ContractError, match="fails raised KeyError"):
        check(np.tanh, X, backward=lambda dy, x: dy, against=fails)


def test_a_witness_does_not_agree_with_nan() -> None:
    def backward(dy: Array, x: Array) -> Array:
        gradient = 2 * dy
        gradient[1, 1] = np.nan
        return gradient

    verdict = check(lambda x: 2 * x, X, backward=backward)
    assert verdict.outcome == "wrong"
    assert [one.outcome for one in verdict.witnesses] == ["disagrees"]


def test_witnesses_are_chosen_by_name() -> None:
    assert check(Tanh(), witnesses=()).witnesses == ()
    only = check(Tanh(), witnesses=["complex-step"])
    assert [one.name for one in only.witnesses] == ["complex-step"]


def test_the_complex_step_speaks_only_where_it_agrees_with_the_differences() -> None:
    x = np.array([1.0, -2.0])
    dropped = check(np.abs, lambda dy, x: dy * np.sign(x), x)
    assert dropped.outcome == "right"
    assert dropped.witnesses[0].reason == "complex_dropped"
    partly = check(
        lambda x: np.abs(x) + x, lambda dy, x: dy * (np.sign(x) + 1), x, witnesses=["complex-step"]
    )
    assert partly.outcome == "right"
    assert partly.witnesses[0].reason == "complex_differs"

    def refuses(x: Array) -> Array:
        return np.asarray([float(value) ** 2 for value in x])

    refused = check(refuses, lambda dy, x: 2 * dy * x, x)
    assert refused.outcome == "right"
    assert refused.witnesses[0].reason in ("complex_refused", "complex_dropped")


def bad(dy: Array, x: Array, w: Array, b: Array) -> Any:
    raise ZeroDivisionError("a division by\nnothing")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: check("abc"), "takes a layer, a loss, a network or a function, and str 'abc'"),
        (lambda: check([1, 2]), "and list of 2 is none of them"),
        (lambda: check(None), "and None is none of them"),
        (lambda: check(forward, X, W, B), "forward needs its backward beside it"),
        (lambda: check(forward, backward), "forward needs the arrays of the point"),
        (lambda: check(forward, bad, X, W, B), "bad raised ZeroDivisionError: a division by."),
        (lambda: check(forward, lambda *_: None, X, W, B), "<lambda> must return 3 gradients"),
        (lambda: check(forward, lambda *_: "abc", X, W, B), "and returned str 'abc'"),
        (lambda: check(forward, lambda *_: [X, W], X, W, B), "(3 in all), and returned 2"),
        (
            lambda: check(forward, lambda *_: (X, W), X, W, B),
            "one gradient for each of x, w, b (3 in all), and returned 2",
        ),
        (
            lambda: check(forward, lambda *_: (X, W, "b"), X, W, B),
            "gradient of b, and returned str",
        ),
        (lambda: check(forward, lambda *_: {"x": X}, X, W, B), "a gradient of w, b, and its names"),
        (lambda: check(lambda x: None, backward, X), "must return an array of numbers, or (array"),
        (lambda: check(lambda x: "y", backward, X), "and returned str 'y'"),
        (lambda: check(forward, backward, X, W, B, 1.0), "forward takes 3 arrays, and came 4"),
        (lambda: check(forward, backward, X, W, "b"), "forward raised "),
        (lambda: check(forward, backward, X, W, [[1], [1, 2]]), "forward raised "),
        (lambda: check(forward, backward, X, W, B, order=("q",)), "The order names 'q'"),
        (lambda: check(forward, backward, X, W, B, wrt=["q"]), "'q' is no floating array"),
        (lambda: check(lambda x: x, backward, np.arange(3)), "no floating array"),
        (lambda: check(lambda x: x, X, gradient=lambda x: x), "must return one number"),
        (lambda: check(Linear(3, 2), witnesses=["nobody"]), "The witness 'nobody' is not known"),
        (
            lambda: check(Linear(3, 2), twins={"nobody": np.tanh}),
            "The witness 'nobody' is not known",
        ),
        (lambda: check(Linear(3, 2), rtol=-1), "rtol must be a finite number of at least 0"),
        (lambda: check(Linear(3, 2), seed=-1), "seed must be a whole number"),
        (lambda: check(forward, backward, X, W, B, against=3), "and came int 3"),
        (
            lambda: check(forward, backward, X, W, B, against=Network(Tanh())),
            "The reference takes x",
        ),
        (lambda: check(NeedsSettings), "NeedsSettings cannot be made without settings"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(ClearpropError) as caught:
        call()
    said = str(caught.value)
    assert sentence in said
    assert "\n" not in said
    assert re.search("[\u4e00-\u9fff]", caught.value.message("zh-TW"))


class NeedsSettings(Cube):
    def __init__(self, power: int) -> None:
        self.power = power


def test_a_layer_whose_input_cannot_be_guessed() -> None:
    class Refuses(Cube):
        def value(self, z: Array) -> Array:
            raise ValueError("no")

    with pytest.raises(ContractError, match="could not be guessed"):
        check(Refuses())


def test_assert_gradients_fails_with_the_verdict() -> None:
    assert assert_gradients(forward, backward, X, W, B).outcome == "right"
    with pytest.raises(AssertionError, match="WRONG: the backward pass of tanh"):
        assert_gradients(np.tanh, lambda dy, x: dy, X)
    with pytest.raises(AssertionError, match="無法判定"):
        assert_gradients(np.log, lambda dy, x: dy / x, -X, language="zh-TW")


def test_check_is_offered_at_the_top() -> None:
    assert clearprop.check is check
