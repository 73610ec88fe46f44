"""A diagnosis that runs the code again, goes along a trusted pass, or knows the loss."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network, Sequential, Sigmoid, Tanh
from clearprop.base.arrays import Array
from clearprop.checking.diagnosis import Evidence
from clearprop.engine.losses import Loss, LossResult
from tests.checking.gathered_evidence import diagnose, keys, of_arrays, of_layer

# Running the code again


def test_a_coincidence_does_not_survive_another_upstream_gradient() -> None:
    # The sign is turned round for this dy alone; for any other the gradient is another function.
    evidence = of_layer(Tanh())
    right = evidence.expected["x"]

    def backward(dy: Array, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        return {"x": -right if np.array_equal(dy, evidence.output_gradient) else dy**3}

    claimed = replace(evidence, claimed={"x": -right})
    assert keys(diagnose(claimed)) == ["sign"]
    assert diagnose(replace(claimed, backward=backward)) == ()


def test_a_code_that_accumulates() -> None:
    evidence = of_layer(Linear(4, 2))
    kept = {name: 2 * array for name, array in evidence.expected.items()}

    def backward(dy: Array, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        for name, array in evidence.expected.items():
            kept[name] = kept[name] + array
        return dict(kept)

    (mistake,) = diagnose(replace(evidence, claimed=dict(kept), backward=backward))
    assert mistake.key == "accumulated"


@pytest.mark.parametrize(
    "backward",
    [
        lambda dy, arrays: {},
        lambda dy, arrays: None,
        lambda dy, arrays: {"x": np.full_like(dy, np.nan)},
    ],
)
def test_a_code_that_cannot_be_run_again_is_judged_by_its_numbers(backward: Any) -> None:
    evidence = of_layer(Tanh())
    claimed = {"x": -evidence.expected["x"]}
    assert keys(diagnose(replace(evidence, claimed=claimed, backward=backward))) == ["sign"]


def test_a_code_that_fails_the_third_time() -> None:
    evidence = of_layer(Tanh())
    claimed = {"x": -evidence.expected["x"]}
    calls = []

    def backward(dy: Array, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        calls.append(dy)
        if len(calls) > 2:
            raise RuntimeError
        return claimed

    assert keys(diagnose(replace(evidence, claimed=claimed, backward=backward))) == ["sign"]


# Of a trusted pass


def test_the_gradient_of_a_layer_that_forward_does_not_compute() -> None:
    evidence = of_layer(Sigmoid())
    tanh = of_layer(Tanh())
    claimed = replace(evidence, expected=tanh.expected, output=tanh.output, layer=Sigmoid())
    (mistake,) = diagnose(claimed)
    assert (mistake.key, mistake.values["other"]) == ("other_function", "Sigmoid")
    other = replace(claimed, claimed={"x": evidence.expected["x"] ** 2})
    assert diagnose(other) == ()


def test_a_layer_that_cannot_take_the_arrays_is_no_help_and_no_harm() -> None:
    claimed = of_arrays(W=lambda g, a: -g["W"])
    assert keys(diagnose(replace(claimed, layer=Linear(7, 7)))) == ["sign"]
    bare = {n: a for n, a in claimed.arrays.items() if n in ("x", "W", "b")}
    for layer in (Linear(3, 9), Linear(4, 4), Tanh()):
        assert keys(diagnose(replace(claimed, arrays=bare, layer=layer))) == ["sign"]


@pytest.mark.parametrize("outputs", [1, 3])
def test_an_update_before_the_signal_goes_back(outputs: int) -> None:
    # Linear alone, as a layer: x gets the gradient through the updated weight.
    evidence = of_layer(Linear(4, outputs))
    weight, dy = evidence.arrays["weight"], evidence.output_gradient
    wrong = dy @ (weight - 0.3 * evidence.expected["weight"]).T
    (mistake,) = diagnose(replace(evidence, claimed={**evidence.expected, "x": wrong}))
    assert mistake.key == "updated_weights"
    assert mistake.values["rate"] == pytest.approx(0.3)


def test_the_gradient_stops_is_said_of_parameters_only() -> None:
    evidence = of_layer(Linear(4, 2))
    claimed = {**evidence.expected, "x": 0 * evidence.expected["x"]}
    assert keys(diagnose(replace(evidence, claimed=claimed))) == ["zeros"]


def test_stacked_networks_are_judged_by_their_arrays() -> None:
    network = Network(Linear(2, 3))
    params = network.initialize([0, 1])
    x = np.random.default_rng(0).normal(size=(5, 2))
    forward = network.forward(params, x)
    reference = network.backward(forward, np.ones_like(forward.output))
    right = dict(reference.named())
    evidence = Evidence(
        {"x": x, **network.named(params)},
        forward.output,
        np.ones_like(forward.output),
        {name: -array for name, array in right.items()},
        right,
        reference=reference,
    )
    assert keys(diagnose(evidence)) == ["sign"]


def test_tied_weights_are_walked_as_one_array() -> None:
    network = Network(
        Sequential(Linear(3, 3), Tanh(), Linear(3, 3)),
        tied={"layers[2].weight": "layers[0].weight"},
    )
    params = network.initialize(0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    forward = network.forward(params, x)
    reference = network.backward(forward, np.cos(forward.output))
    w1, b1, b2 = params[:9].reshape(3, 3), params[9:12], params[12:]
    z = x @ w1 + b1
    dy = np.cos(forward.output)
    dz = dy @ w1.T * (1 - np.tanh(z) ** 2)
    tied = x.T @ dz + z.T @ dy  # z where a belongs
    claimed = {
        "layers[0].weight": tied,
        "layers[0].bias": dz.sum(0),
        "layers[2].weight": tied,
        "layers[2].bias": dy.sum(0),
    }
    assert b2.shape == (3,)
    evidence = Evidence(
        {"x": x, **network.named(params)},
        forward.output,
        dy,
        claimed,
        reference.named(),
        reference=reference,
    )
    assert keys(diagnose(evidence)) == ["weight_from_z"]


# Of a loss


class _HalfSquares(Loss):
    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        raise NotImplementedError


def test_the_gradient_of_another_loss() -> None:
    generator = np.random.default_rng(0)
    y, t = generator.normal(size=(5, 3)), generator.normal(size=(5, 3))
    evidence = Evidence(
        {"output": y, "target": t},
        np.array(1.0),
        np.array(1.0),
        {"output": 2 * (y - t) / 15},
        {"output": np.sign(y - t) / 15},
        loss=_HalfSquares(),
    )
    mistakes = diagnose(evidence)
    assert (mistakes[0].key, mistakes[0].values["other"]) == ("other_function", "MSE")
    # Sample weights are a third array; then no loss of ours is at the same point.
    weighted = replace(evidence, arrays={**evidence.arrays, "weights": np.ones(5)})
    assert diagnose(weighted) == ()
    column = replace(evidence, arrays={"output": y, "target": t[:, :1]})
    assert diagnose(column) == ()
