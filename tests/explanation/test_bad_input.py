"""What cannot be explained is refused in one sentence, with what there is instead."""

import dataclasses

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, ReLU, Sequential
from clearprop.base.arrays import Array
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    DtypeError,
    ShapeError,
    UnknownNameError,
)
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from tests.explanation.own_layers import Lookup, drawn


@pytest.fixture
def step(network: Network, params: Array, samples: tuple[Array, Array]) -> Step:
    return take_step(network, params, *samples)


@pytest.mark.parametrize(
    ("address", "kind", "said"),
    [
        ("layers[0].wieght[0,2]", UnknownNameError, "layers[0].weight[0,2]"),
        ("layers[3].weight[0,0]", UnknownNameError, "layers[2].weight[0,0]"),
        ("layers[0][1]", UnknownNameError, "is no parameter but a number of the pass"),
        ("", UnknownNameError, "nearest names are"),
        ("nonsense", UnknownNameError, "nearest names are"),
        ("layers[0].weight", ShapeError, "as in layers[0].weight[0,0]"),
        ("layers[0].weight[0,3]", ShapeError, "its last entry is layers[0].weight[1,2]"),
        ("layers[0].weight[-1,0]", ShapeError, "counted from 0"),
        ("layers[0].weight[0]", ShapeError, "that array is (2, 3)"),
        ("layers[0].bias[3]", ShapeError, "its last entry is layers[0].bias[0,2]"),
        ("layers[0].weight[0,0,0]", ShapeError, "that array is (2, 3)"),
    ],
)
def test_a_weight_that_does_not_exist(
    step: Step, address: str, kind: type[ClearpropError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        explain_weight(step, address)
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW")


@pytest.mark.parametrize(
    ("address", "kind", "said"),
    [
        ("layers[0][3]", ShapeError, "that array is (3,), counted from 0, and its last entry"),
        ("layers[0]", ShapeError, "as in layers[0][0]"),
        ("layers[7][1]", UnknownNameError, "layers[0][1]"),
        ("inptu[0]", UnknownNameError, "input[0]"),
        ("input[2]", ShapeError, "input[1]"),
    ],
)
def test_a_neuron_that_does_not_exist(
    step: Step, address: str, kind: type[ClearpropError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        explain_neuron(step, address)
    assert said in caught.value.message("en")


def test_spaces_do_not_matter(step: Step) -> None:
    assert explain_weight(step, " layers[0].weight[ 0 , 2 ] ").address == "layers[0].weight[0,2]"


@pytest.mark.parametrize("sample", [-1, 7, True, 1.0, "1", None])
def test_a_sample_that_does_not_exist(step: Step, sample: int) -> None:
    with pytest.raises(ConfigurationError, match="counted from 0"):
        explain_sample(step, sample)
    if sample is not None:
        with pytest.raises(ConfigurationError, match="counted from 0"):
            explain_weight(step, "layers[0].weight[0,0]", sample=sample)
        with pytest.raises(ConfigurationError, match="counted from 0"):
            explain_neuron(step, "layers[0][0]", sample=sample)


def test_counts(step: Step) -> None:
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ConfigurationError, match="most must be a whole number"):
            explain_weight(step, "layers[0].weight[0,0]", most=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="depth must be a whole number of at least 0"):
        explain_weight(step, "layers[0].weight[0,0]", depth=-1)
    with pytest.raises(ConfigurationError, match="depth must be a whole number of at least 1"):
        explain_neuron(step, "layers[0][0]", depth=0)


def test_a_feature_is_asked_for_by_its_own_name(step: Step) -> None:
    with pytest.raises(ConfigurationError, match="is no feature of the input"):
        explain_input(step, "layers[0][0]")


def test_a_stack_of_networks(network: Network, samples: tuple[Array, Array]) -> None:
    x, target = samples
    params = network.initialize(seed=[0, 1])
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target, stacked=True)
    backward = network.backward(forward, loss.gradient)
    with pytest.raises(ConfigurationError, match="ran 2 of them as one"):
        Step(backward, target, MSE())


def test_complex_parameters(network: Network, params: Array, samples: tuple[Array, Array]) -> None:
    forward = network.forward(params.astype(complex), samples[0])
    backward = network.backward(forward, np.ones_like(forward.output))
    with pytest.raises(ConfigurationError, match="complex"):
        Step(backward, samples[1], MSE())


def test_a_pass_without_records(
    network: Network, params: Array, samples: tuple[Array, Array]
) -> None:
    forward = network.forward(params, samples[0], records=False)
    backward = network.backward(forward, np.ones_like(forward.output))
    with pytest.raises(ConfigurationError, match="records=False"):
        Step(backward, samples[1], MSE())


def test_the_loss_of_another_step(step: Step) -> None:
    with pytest.raises(ConfigurationError, match="did not start from the gradient of MSE"):
        dataclasses.replace(step, target=step.target + 1)
    with pytest.raises(ShapeError):
        dataclasses.replace(step, target=step.target[:, 0])


def test_samples_that_do_not_match(network: Network, params: Array) -> None:
    with pytest.raises(ShapeError, match="x has 3 samples and the target has 2"):
        take_step(network, params, np.ones((3, 2)), np.ones((2, 1)))


def test_a_network_without_parameters() -> None:
    x = np.ones((2, 3))
    step = take_step(Network(ReLU()), np.zeros(0), x, np.zeros((2, 3)))
    with pytest.raises(ConfigurationError, match="has no parameters"):
        explain_weight(step, "weight[0,0]")
    assert "pulls at no parameter" in explain_sample(step, 0).words()
    assert "沒有拉力" in explain_sample(step, 0).words("zh-TW")
    assert explain_sample(step, 0).alignment is None


def test_ids_have_no_derivative() -> None:
    network = Network(Sequential(Lookup(3, 2), Linear(2, 1)))
    x, target = np.array([[0], [2]]), np.zeros((2, 1))
    step = take_step(network, drawn(network), x, target)
    with pytest.raises(DtypeError, match="ids have no derivative"):
        explain_input(step, "input[0]")
    with pytest.raises(DtypeError, match="ids have no derivative"):
        explain_neuron(step, "input[0]")
