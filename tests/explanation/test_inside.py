"""Numbers inside a layer explained: every line adds up, and a witness agrees."""

import json

import numpy as np
import pytest

from clearprop import Embedding, Layer, LayerNorm, Linear, MultiheadAttention, Network, Sequential
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ShapeError, UnknownNameError
from clearprop.drawing import svg
from clearprop.engine.step import Step, take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample
from clearprop.reading.explanation import explain_inside
from clearprop.reading.explanation.named_diagrams import draw
from tests.layers.inner_layers import Echo

CASES = [
    example
    for kind, examples in LAYER_EXAMPLES.items()
    if kind.intermediates is not Layer.intermediates
    for example in examples
]
ADDRESS = "layers[1].heads[1].weights[3,1]"


def step_of(layer: Layer, shape: tuple[int, ...], ids: int | None = None) -> Step:
    network = Network(layer)
    generator = np.random.default_rng(1)
    params = generator.normal(size=network.size)
    x: Array = generator.normal(size=(2, *shape))
    if ids is not None:
        x = generator.integers(ids, size=(2, *shape))
    output = network.forward(params, x, state=network.initial_state(params)).output
    return take_step(network, params, x, generator.normal(size=output.shape))


@pytest.mark.parametrize("example", CASES, ids=lambda one: repr(one.layer))
def test_every_number_inside_adds_up(example: LayerExample) -> None:
    step = step_of(example.layer, example.input_shape, example.ids)
    generator = np.random.default_rng(0)
    for name, inside in step.forward.inside("").items():
        place = [int(generator.integers(size)) for size in inside.values.shape[1:]]
        path = "".join(f"{axis}[{place.pop(0)}]." for axis in inside.within)
        address = f"{path}{name}[{','.join(map(str, place))}]"
        found = explain_inside(step, address, sample=1)
        assert found.address == address
        assert found.forward, name
        assert found.backward, name
        for lines, value in ((found.forward, found.value), (found.backward, found.gradient)):
            np.testing.assert_allclose(lines[-1].value, value, rtol=1e-12, atol=1e-15)
        assert found.witness.outcome == "agrees", address


@pytest.fixture(scope="module")
def step() -> Step:
    layers = Embedding(6, 8), MultiheadAttention(8, 2, causal=True), LayerNorm(8), Linear(8, 3)
    network = Network(Sequential(*layers))
    generator = np.random.default_rng(0)
    x, target = generator.integers(6, size=(2, 5)), generator.normal(size=(2, 5, 3))
    return take_step(network, network.initialize(0), x, target)


def test_it_can_be_read_in_every_form(step: Step) -> None:
    found = explain_inside(step, ADDRESS)
    assert json.loads(found.to_json())["address"] == ADDRESS
    for language in ("en", "zh-TW"):
        assert ADDRESS in found.words(language)
        assert ADDRESS in found.text(language, 60)
        assert "∂C/∂w" in found.table(language)
        assert found.latex(language).startswith("\\[")
        assert ADDRESS in found.html(language)
        assert svg(draw(step, neuron=ADDRESS, language=language))
    assert found.words() != found.words("zh-TW")


def test_what_may_not_be_looked_at_gets_nothing(step: Step) -> None:
    later = explain_inside(step, "layers[1].heads[0].scores[1,3]", sample=0)
    assert later.gradient == 0
    assert later.witness.quotient == 0
    assert explain_inside(step, "layers[1].heads[0].weights[1,3]", sample=0).value == 0


def test_the_heads_are_drawn_with_an_address_for_every_number(step: Step) -> None:
    drawn = svg(draw(step, "inside"))
    assert drawn.count("layers[1].heads[0].weights[4,2]") >= 2
    assert "layers[1].heads[1].weights[0,0]" in drawn


def test_a_layer_of_ones_own_is_explained_without_lines() -> None:
    step = step_of(Echo(2), (3, 2))
    found = explain_inside(step, "time[1].state[0]")
    assert (found.symbol, found.forward, found.backward) == ("state", (), ())
    assert found.witness.outcome == "agrees"
    assert "state" in found.text("zh-TW")
    assert "time[2].state[1]" in svg(draw(step, "inside"))


def test_what_is_not_there_is_refused(step: Step) -> None:
    with pytest.raises(UnknownNameError, match=r"layers\[1\].heads\[1\].weights\[3,1\]"):
        explain_inside(step, "layers[1].heads[1].wieghts[3,1]")
    with pytest.raises(ShapeError, match=r"weights\[4,4\]"):
        explain_inside(step, "layers[1].heads[1].weights[5,1]")
    with pytest.raises(ConfigurationError, match="declares what is inside"):
        explain_inside(step_of(Linear(2, 2), (2,)), "x[0]")
    with pytest.raises(ConfigurationError, match="declares what is inside"):
        draw(step_of(Linear(2, 2), (2,)), "inside")
