"""The diagnosis: it names what reproduces the numbers, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Linear, ReLU, Residual, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.checking.diagnosis import Evidence
from clearprop.checking.witnesses.finite_differences import network_differences
from clearprop.teaching.experiments.tutorial_networks import (
    tutorial_start,
    with_relu,
    with_relu_as_printed,
)
from tests.checking.gathered_evidence import SEEDS, diagnose, keys, of_arrays, of_layer
from tests.sweeps import quick_where

# The demonstration


@pytest.mark.parametrize("seed", [0, 3, 8])
@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_tutorials_printed_training_code(seed: int, language: str) -> None:
    params = tutorial_start(range(seed, seed + 1))[0]
    x = np.random.default_rng(seed).normal(size=(100, 1))
    target = 28 * x + 1
    right, printed = with_relu(), with_relu_as_printed()
    forward = right.forward(params, x)
    dy = MSE().evaluate(forward.output, target).gradient
    flat = printed.backward(printed.forward(params, x), dy).gradient
    expected = right.named(network_differences(right, params, x, target, MSE()).gradient)
    evidence = Evidence(
        arrays={"x": x, **right.named(params)},
        output=forward.output,
        output_gradient=dy,
        claimed=right.named(flat),
        expected=expected,
        reference=right.backward(forward, dy),
    )
    (mistake,) = diagnose(evidence)
    assert mistake.key == "weight_from_z"
    assert mistake.arrays == ("layers[2].weight",)
    assert mistake.alternatives == ()
    assert mistake.residual < 1e-12
    said = mistake.words(language)
    assert "layers[2] (Linear)" in said.evidence
    assert "layers[1] (ReLU)" in said.mend


# Of arrays alone


ELEMENTARY = [
    ("sign", {"W": lambda g, a: -g["W"]}),
    ("transposed", {"W": lambda g, a: g["W"].T}),
    ("transposed", {"W": lambda g, a: np.ascontiguousarray(g["W"].T)}),
    ("summed_for_mean", {"W": lambda g, a: 6 * g["W"]}),
    ("summed_for_mean", {"W": lambda g, a: 24 * g["W"]}),
    ("mean_for_sum", {"b": lambda g, a: g["b"] / 6}),
    ("mean_for_sum", {"b": lambda g, a: g["b"] / 24}),
    ("factor_two", {"W": lambda g, a: 2 * g["W"]}),
    ("factor_half", {"W": lambda g, a: g["W"] / 2}),
    ("factor_outputs", {"W": lambda g, a: 4 * g["W"]}),
    ("factor_outputs", {"W": lambda g, a: g["W"] / 4}),
    ("factor", {"W": lambda g, a: 1.7 * g["W"]}),
    ("factor", {"W": lambda g, a: -2 * g["W"]}),
    ("factor", {"W": lambda g, a: 1.001 * g["W"]}),
    ("swapped", {"b": lambda g, a: g["v"], "v": lambda g, a: g["b"]}),
    ("zeros", {"W": lambda g, a: 0 * g["W"]}),
    ("weight_decay", {"W": lambda g, a: g["W"] + 0.01 * a["W"]}),
    ("one_entry", {"W": lambda g, a: g["W"] + np.eye(12)[7].reshape(3, 4)}),
    ("one_row", {"W": lambda g, a: g["W"] + np.outer([0, 0, 1], [1, 2, 3, 4])}),
    ("one_column", {"W": lambda g, a: g["W"] + np.outer([1, 2, 3], [0, 1, 0, 0])}),
    ("precision", {"W": lambda g, a: g["W"].astype(np.float16)}),
    ("precision", {"W": lambda g, a: g["W"].astype(np.float16).astype(float)}),
]


@SEEDS
@pytest.mark.parametrize(("key", "claimed"), ELEMENTARY)
def test_a_mistake_that_the_gradients_show_by_themselves(
    key: str, claimed: Mapping[str, Any], seed: int
) -> None:
    (mistake,) = diagnose(of_arrays(seed, **claimed))
    assert mistake.key == key
    assert mistake.arrays == tuple(claimed)
    assert mistake.alternatives == ()
    for language in LANGUAGES:
        assert ", ".join(claimed) in mistake.words(language).evidence


@SEEDS
@pytest.mark.parametrize(("key", "claimed"), [e for e in ELEMENTARY if e[0] != "precision"])
def test_the_same_in_float32(key: str, claimed: Mapping[str, Any], seed: int) -> None:
    evidence = of_arrays(seed, **claimed)
    rounded = {n: np.asarray(a, np.float32) for n, a in evidence.claimed.items()}
    tolerances = {n: 1e-5 * float(np.abs(a).max()) for n, a in evidence.expected.items()}
    (mistake,) = diagnose(replace(evidence, claimed=rounded, tolerances=tolerances))
    assert mistake.key == key


def test_a_bias_gradient_with_a_row_for_each_sample() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 4))
    evidence = of_arrays(b=lambda g, a: rows)
    expected = {**evidence.expected, "b": rows.sum(0, keepdims=True)}
    (mistake,) = diagnose(replace(evidence, expected=expected))
    assert (mistake.key, mistake.values["count"]) == ("unsummed", 6)


def test_a_factor_is_found_in_a_tiny_gradient_and_shared_by_all_arrays() -> None:
    evidence = of_arrays()
    small = {name: 1e-9 * array for name, array in evidence.expected.items()}
    claimed = {name: 0.3 * array for name, array in small.items()}
    dy, right = 1e-9 * evidence.output_gradient, evidence.backward
    assert right is not None
    scaled = replace(
        evidence,
        output_gradient=dy,
        backward=lambda other, given: {n: 0.3 * g for n, g in right(other, given).items()},
    )
    (mistake,) = diagnose(replace(scaled, expected=small, claimed=claimed))
    assert (mistake.key, set(mistake.arrays)) == ("factor", {"x", "W", "b", "v"})
    assert mistake.values["factor"] == pytest.approx(0.3)


def test_a_factor_that_is_another_one_elsewhere_is_no_constant() -> None:
    evidence = of_arrays(W=lambda g, a: 1.7 * g["W"])
    own = evidence.backward
    assert own is not None

    def backward(dy: Array, given: Mapping[str, Array]) -> Mapping[str, Array]:
        moved = np.asarray(given.get("W", evidence.arrays["W"]))
        by = np.abs(moved).max() / np.abs(evidence.arrays["W"]).max()
        return {name: by * array for name, array in own(dy, given).items()}

    assert keys(diagnose(evidence)) == ["factor"]
    assert diagnose(replace(evidence, backward=backward)) == ()
    assert diagnose(replace(evidence, forward=None)) == ()


def test_where_numbers_coincide_the_other_name_is_an_alternative() -> None:
    evidence = of_arrays(W=lambda g, a: 2 * g["W"])
    two = evidence.output[:2]
    (mistake,) = diagnose(replace(evidence, output=two, output_gradient=two))
    said = {mistake.key, *keys(mistake.alternatives)}
    assert said == {"factor_two", "summed_for_mean"}


def test_two_mistakes_in_two_arrays_are_both_named() -> None:
    evidence = of_arrays(W=lambda g, a: g["W"].T, b=lambda g, a: -g["b"])
    mistakes = diagnose(evidence)
    assert {(m.key, m.arrays) for m in mistakes} == {("transposed", ("W",)), ("sign", ("b",))}


def test_differences_at_kinks_only() -> None:
    evidence = of_arrays(W=lambda g, a: g["W"] + np.eye(12)[7].reshape(3, 4))
    at = np.eye(12)[7].reshape(3, 4).astype(bool)
    assert keys(diagnose(replace(evidence, kinks={"W": at}))) == ["kink"]


def test_a_mask_of_one_where_relu_is_not_differentiable() -> None:
    x = np.array([[0.0, 1.0, -1.0, 0.0], [2.0, -3.0, 0.0, 1.0]])
    dy = np.arange(1.0, 9.0).reshape(2, 4)
    evidence = Evidence(
        {"x": x},
        np.maximum(x, 0),
        dy,
        {"x": dy * (x >= 0)},
        {"x": dy * (x > 0)},
        layer=ReLU(),
    )
    assert keys(diagnose(evidence)) == ["kink"]


# Nothing is named without a reason


@pytest.mark.parametrize("seed", quick_where(range(40), lambda _, seed: seed % 4 == 0))
def test_random_numbers_have_no_name(seed: int) -> None:
    noise = np.random.default_rng([seed, 1])
    evidence = of_arrays(
        seed,
        W=lambda g, a: noise.normal(size=(3, 4)),
        b=lambda g, a: noise.normal(size=(1, 4)),
    )
    assert diagnose(evidence) == ()
    for layer in (Linear(4, 4), Tanh(), Sequential(Linear(4, 4), ReLU(), Linear(4, 1))):
        of = of_layer(layer, seed)
        claimed = {n: noise.normal(size=a.shape) for n, a in of.expected.items()}
        assert diagnose(replace(of, claimed=claimed)) == ()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "claimed",
    [
        {"W": lambda g, a: -g["W"] + 0.1},
        {"W": lambda g, a: -3 * g["W"] + 0.1 * a["W"]},
        {"W": lambda g, a: 2 * g["W"] + 0.01 * a["W"]},
        {"W": lambda g, a: g["W"] ** 2},
        {"W": lambda g, a: g["W"][::-1]},
        {"W": lambda g, a: np.abs(g["W"])},
        {"W": lambda g, a: -g["W"].T + 1e-4},
    ],
)
def test_two_mistakes_in_one_array_have_no_name(claimed: Mapping[str, Any], seed: int) -> None:
    assert diagnose(of_arrays(seed, **claimed)) == ()


@pytest.mark.parametrize("error", [0.0, 1e-8, 5e-7])
def test_right_gradients_have_no_mistake(error: float) -> None:
    evidence = of_arrays()
    noisy = {n: a * (1 + error) for n, a in evidence.expected.items()}
    assert diagnose(replace(evidence, claimed=noisy)) == ()
    for layer in (Linear(4, 2), Tanh(), Residual(Tanh())):
        assert diagnose(of_layer(layer)) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_have_no_name(bad: float) -> None:
    assert diagnose(of_arrays(W=lambda g, a: g["W"] * bad)) == ()


def test_beside_an_unknown_error_a_place_is_not_named() -> None:
    evidence = of_arrays(W=lambda g, a: g["W"] ** 3, b=lambda g, a: g["b"] + [[1.0, 0.0, 0.0, 0.0]])
    assert diagnose(evidence) == ()
    exact = of_arrays(W=lambda g, a: g["W"] ** 3, b=lambda g, a: -g["b"])
    assert keys(diagnose(exact)) == ["sign"]
