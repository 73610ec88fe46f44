"""Numbers that are not finite: the first place, and the operation that made them."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    SGD,
    Activation,
    Adam,
    BatchNorm,
    Context,
    Dropout,
    Identity,
    Layer,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.messages import LANGUAGES
from clearprop.engine.layers.layer import Backward, Forward, Tree
from clearprop.engine.step import Step, take_step
from clearprop.reading.health import Finding, Severity, examine
from clearprop.training import DivergenceWarning, fit
from tests.health.steps import kinds, network_with, planted, samples, step_of, the


def only_nonfinite(step: Step, kind: str) -> Finding:
    found = examine(step)
    assert [one for one in kinds(found) if one.startswith("nonfinite")] == [kind]
    assert found.findings[0].severity == Severity.SERIOUS
    assert not found.healthy
    assert "not the learning rate's bound" in found.text()
    return the(found, kind)


def test_nan_in_the_data() -> None:
    x, target = samples()
    x[4, 1] = np.nan
    network = network_with(Tanh())
    found = only_nonfinite(step_of(network, x=x), "nonfinite_input")
    assert (found.places, found.values["sample"]) == (("input[1]",), 4)
    x, target = samples()
    target[[3, 9]] = np.inf
    found = only_nonfinite(step_of(network, x=x, target=target), "nonfinite_target")
    assert (found.places, found.values["sample"], found.values["count"]) == (("target[0]",), 3, 2)
    assert found.values["value"] == "∞"


def test_nan_in_one_weight() -> None:
    network = network_with(Tanh())
    params = network.initialize(0)
    params[6] = np.nan  # of (3, 4) row 1, column 2
    found = only_nonfinite(step_of(network, params), "nonfinite_parameter")
    assert found.places == ("layers[0].weight[1,2]",)
    assert (found.values["value"], found.values["count"], found.values["total"]) == ("NaN", 1, 12)


def test_a_training_that_overflowed_is_run_again_to_the_step_that_did() -> None:
    # L = w² from w = 1 at η = 1e60: w ← w − 2e60 w, so after n steps |w| is about (2e60)ⁿ. Step 3
    # meets w = −8e180, whose square is above the largest float.
    network = Network(Linear(1, 1, bias=False))
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    optimizer = SGD(1e60)
    with pytest.warns(DivergenceWarning, match="is above the local bound"):
        done = fit(network, np.ones(1), one, zero, optimizer=optimizer, epochs=8)
    assert not np.isfinite(done.params).all()
    how: dict[str, Any] = {"optimizer": optimizer, "state": done.state.optimizer}
    found = examine(take_step(network, done.params, one, zero, **how), start=np.ones(1))
    assert kinds(found)[:3] == ["nonfinite_parameter", "replayed", "nonfinite_loss"]
    replayed = the(found, "replayed")
    assert (replayed.values["step"], replayed.values["steps"]) == (3, 8)
    assert the(found, "nonfinite_loss").values["y"] == "−8.000 × 10¹⁸⁰"
    # From another start nothing of the kind happens, and nothing is said.
    other = examine(take_step(network, done.params, one, zero, **how), start=np.zeros(1))
    assert "replayed" not in kinds(other)


def test_nan_in_what_a_layer_remembers() -> None:
    network = network_with(BatchNorm(4))
    state = {
        "layers[1]": {
            "running_mean": np.full((1, 4), np.nan),
            "running_var": np.ones((1, 4)),
            "num_batches": np.array(3),
        }
    }
    step = step_of(network, layer_state=state, training=False)
    found = only_nonfinite(step, "nonfinite_state")
    assert found.places == ("layers[1].running_mean[0,0]",)


def test_a_product_that_overflows() -> None:
    network = network_with(Tanh())
    weight = np.full((4, 1), 1e300)
    step = step_of(
        network,
        planted(network, layers_2_weight=weight),
        x=np.full((2, 3), 1e9),
        target=np.ones((2, 1)),
    )
    # tanh is ±1, so the products are finite; 1e9 of them would not be.
    assert "nonfinite_forward_product" not in kinds(examine(step))
    linear = network_with(Identity())
    step = step_of(
        linear,
        planted(linear, layers_0_weight=np.full((3, 4), 1e10), layers_2_weight=weight),
        x=np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        target=np.ones((2, 1)),
    )
    found = only_nonfinite(step, "nonfinite_forward_product")
    # z = 1e10 in sample 1 meets 1e300: 1e310 is above the largest float, 1.8e308.
    assert (found.places, found.values["sample"]) == (("layers[2][0]",), 1)
    assert found.values["w"] == 1e300
    assert found.values["x"] == pytest.approx(1e10)


@dataclass(frozen=True)
class Exponential(Activation):
    """The exponential, which overflows above 709."""

    def value(self, z: Array) -> Array:
        return np.exp(z)

    def derivative(self, z: Array, a: Array) -> Array:
        return a


def test_a_function_that_overflows() -> None:
    network = network_with(Exponential())
    step = step_of(network, planted(network, layers_0_bias=[[0.0, 0.0, 1000.0, 0.0]]))
    found = only_nonfinite(step, "nonfinite_forward_function")
    assert found.places == ("layers[1][2]",)
    assert found.values["name"] == "Exponential"
    assert found.values["z"] == step.forward["layers[1]"].input[0, 2]


class InverseCache(NamedTuple):
    y: Array


@dataclass(frozen=True)
class Inverse(Layer):
    """y = 1/x."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return 1 / x, InverseCache(1 / x), EMPTY

    def backward(self, params: Tree, cache: InverseCache, dy: Array) -> Backward:
        return -dy * cache.y**2, EMPTY


def test_a_layer_and_a_sum_that_overflow() -> None:
    network = network_with(Inverse())
    found = only_nonfinite(
        step_of(
            network,
            planted(network, layers_0_weight=np.zeros((3, 4)), layers_0_bias=[[1, 1, 0, 1]]),
        ),
        "nonfinite_forward_layer",
    )
    assert (found.places, found.values["name"]) == (("layers[1][2]",), "Inverse")
    residual = Network(Sequential(Residual(Identity()), Linear(3, 1)))
    step = step_of(residual, x=np.full((2, 3), 1.5e308), target=np.ones((2, 1)))
    found = only_nonfinite(step, "nonfinite_forward_sum")
    assert found.places == ("layers[0][0]",)
    assert "the sum of Residual overflows" in found.sentence()


def test_a_loss_that_overflows() -> None:
    x, target = samples()
    target[5] = 1e200
    found = only_nonfinite(step_of(Network(Linear(3, 1)), x=x, target=target), "nonfinite_loss")
    # The square of 1e200 is above the largest float.
    assert (found.values["sample"], found.values["value"]) == (5, "∞")
    assert "MSE" in found.sentence()


def test_a_backward_pass_that_overflows() -> None:
    network = Network(Sequential(Linear(3, 1), Linear(1, 1)))
    params = np.array([1e-200, 0, 0, 0, 1e200, 0.0])
    found = only_nonfinite(
        step_of(network, params, target=np.full((20, 1), 1e150)), "nonfinite_signal"
    )
    # ∂C/∂y = −2 · 1e150 / 20, times w = 1e200.
    assert found.places == ("layers[0][0]",)
    assert found.values["layer"] == "layers[1]"
    step = step_of(
        Network(Linear(3, 1)), x=np.full((2, 3), 1e200), target=np.full((2, 1), 1e150),
        params=np.zeros(4),
    )  # fmt: skip
    assert only_nonfinite(step, "nonfinite_gradient").places == ("weight[0,0]",)


def test_an_update_that_overflows() -> None:
    step = step_of(Network(Linear(3, 1)), optimizer=SGD(1e200), target=np.full((20, 1), 1e120))
    found = only_nonfinite(step, "nonfinite_update")
    assert found.places == ("weight[0,0]",)
    assert found.values["gradient"] == step.backward.gradient[0]


@given(
    where=st.sampled_from(["x", "target", "params"]),
    position=st.integers(0, 10_000),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e200]),
    layer=st.sampled_from([ReLU(), Tanh(), BatchNorm(4), PReLU(4), Residual(Tanh()), Dropout()]),
)
def test_nothing_that_is_not_finite_makes_it_fail(
    where: str, position: int, value: float, layer: Any
) -> None:
    network = network_with(layer)
    x, target = samples()
    params = network.initialize(1)
    array = {"x": x, "target": target, "params": params}[where]
    array.flat[position % array.size] = value
    step = step_of(network, params, x=x, target=target, optimizer=Adam())
    found = examine(step, start=network.initialize(0))
    for language in LANGUAGES:
        assert found.text(language)
    assert json.loads(found.to_json())["samples"] == 20
    if not np.isfinite(value):
        assert kinds(found)[0].startswith("nonfinite")
