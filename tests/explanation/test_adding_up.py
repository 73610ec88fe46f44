"""Every line of an explanation adds up, whatever the network."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import Identity, Layer, Linear, Network, ReLU, Residual, Sequential, Sigmoid, Tanh
from clearprop.engine.step import Step, take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from tests.explanation.lines import (
    assert_close,
    assert_gradient_adds_up,
    assert_neuron_adds_up,
)
from tests.gradient_checks import draw_point
from tests.sweeps import quick_where

ACTIVATIONS = (ReLU(), Tanh(), Sigmoid(), Identity())


@st.composite
def layers(draw: st.DrawFn, width: int, depth: int = 2) -> tuple[Layer, int]:
    """A layer that takes `width` numbers, and how many it puts out."""
    kind = draw(st.sampled_from(["linear", "activation", "residual", "sequential"]))
    if kind == "linear" or (depth == 0 and kind != "activation"):
        outputs = draw(st.integers(1, 4))
        return Linear(width, outputs, bias=draw(st.booleans())), outputs
    if kind == "activation":
        return draw(st.sampled_from(ACTIVATIONS)), width
    if kind == "sequential":
        found, out = [], width
        for _ in range(draw(st.integers(1, 3))):
            layer, out = draw(layers(out, depth - 1))
            found.append(layer)
        return Sequential(*found), out
    branch, out = draw(layers(width, depth - 1))
    return Residual(branch if out == width else Sequential(branch, Linear(out, width))), width


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A step of a random network with at least one parameter, on random samples."""
    width = draw(st.integers(1, 3))
    first = Linear(width, draw(st.integers(1, 4)))
    body, out = draw(layers(first.outputs))
    last, outputs = draw(layers(out))
    network = Network(Sequential(first, body, last))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = draw(st.integers(1, 6))
    return take_step(
        network,
        generator.normal(size=network.size),
        generator.normal(size=(samples, width)),
        generator.normal(size=(samples, outputs)),
    )


@given(step=steps(), data=st.data())
def test_gradients_of_parameters(step: Step, data: st.DataObject) -> None:
    slots = step.forward.network.layout.slots
    path = data.draw(st.sampled_from(sorted(slots)))
    index = [data.draw(st.integers(0, size - 1)) for size in slots[path].shape]
    depth, most = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 4))
    address = f"{path}[{','.join(map(str, index))}]"
    explained = explain_weight(step, address, depth=depth, most=most)
    assert_gradient_adds_up(explained)
    assert explained.address == address
    assert explained.gradient == step.backward.named()[path][tuple(index)]
    assert explained.witness.outcome != "disagrees"
    for language in ("en", "zh-TW"):
        assert explained.text(language)
        assert explained.latex(language).count("{") == explained.latex(language).count("}")


# Every wire, feature and sample of each network, in both languages.
@pytest.mark.thorough
@settings(max_examples=25)
@given(step=steps(), data=st.data())
def test_neurons_features_and_samples(step: Step, data: st.DataObject) -> None:
    sample = data.draw(st.integers(0, step.samples - 1))
    most = data.draw(st.integers(1, 4))
    graph = step.forward.network.graph
    for wire in ("input", *graph.nodes, *graph.joins, *graph.groups):
        column = data.draw(st.integers(0, step.forward.value(wire).shape[1] - 1))
        neuron = explain_neuron(step, f"{wire}[{column}]", sample=sample, depth=3, most=most)
        assert_neuron_adds_up(neuron)
        assert neuron.text("en")
        assert neuron.text("zh-TW")
    feature = explain_input(step, "input[0]", depth=2, most=most)
    assert_gradient_adds_up(feature)
    assert feature.witness.outcome != "disagrees"
    gradient = step.backward.input_gradient
    assert gradient is not None
    assert_close(feature.gradient, [float(one) for one in gradient[:, 0]])
    costs = [explain_sample(step, n, most=most) for n in range(step.samples)]
    assert_close(step.value, [one.cost for one in costs])
    assert sorted(one.rank for one in costs)[0] == 1
    for one in costs:
        assert_close(one.loss, [one.cost, one.others])
        assert one.text("en")
        assert one.text("zh-TW")


CASES = [example for examples in LAYER_EXAMPLES.values() for example in examples]


@pytest.mark.parametrize(
    "example",
    quick_where(CASES, lambda _, one: one is LAYER_EXAMPLES[type(one.layer)][0]),
    ids=[repr(case.layer) for case in CASES],
)
def test_every_example_of_the_catalogue(example: LayerExample) -> None:
    point = draw_point(
        example.layer,
        example.input_shape,
        samples=3,
        ids=example.ids,
        training=example.training,
    )
    network, params, x, _, training, states = point
    output = point.forward().output
    target = np.zeros_like(output)
    state = network.initial_state(params)
    how: Any = {"training": training, "layer_state": state, "side_inputs": states}
    step = take_step(network, params, x, target, **how)
    for path, slot in network.layout.slots.items():
        index = ",".join("0" for _ in slot.shape)
        explained = explain_weight(step, f"{path}[{index}]")
        assert assert_gradient_adds_up(explained) > 1
        assert explained.witness.outcome == "agrees"
    last = ",".join(str(size - 1) for size in output.shape[1:])
    assert_neuron_adds_up(explain_neuron(step, f"{step.forward.network.graph.output}[{last}]"))
    if step.backward.input_gradient is not None:
        first = ",".join("0" for _ in x.shape[1:])
        feature = explain_input(step, f"input[{first}]")
        assert_gradient_adds_up(feature)
        assert feature.witness.outcome == "agrees"
        assert math.isfinite(explain_sample(step, 0).cost)
