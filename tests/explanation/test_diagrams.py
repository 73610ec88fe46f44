"""Every diagram of a step by its name, and what is refused."""

import numpy as np
import pytest

from clearprop import Linear, Network, Sequential, take_step
from clearprop.base.errors import ClearpropError, ConfigurationError, UnknownNameError
from clearprop.drawing import DIAGRAMS, Text
from clearprop.reading.explanation import explain_neuron, explain_sample
from clearprop.reading.explanation.named_diagrams import (
    KINDS,
    TEXTBOOK,
    draw,
    known_kind,
    largest_neuron,
)
from tests.explanation.networks import STEPS, random_step, worked_step
from tests.own_combinators import AsItIs


def refusal(error: type[ClearpropError], *arguments: object, **options: object) -> str:
    with pytest.raises(error) as caught:
        draw(*arguments, **options)  # type: ignore[arg-type]
    assert caught.value.message("zh-TW").endswith("。")
    return caught.value.message()


def test_every_diagram_of_a_pass_is_a_kind() -> None:
    assert set(DIAGRAMS) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STEPS)
def test_a_kind_is_drawn_or_refused_with_what_to_do(name: str, kind: str) -> None:
    step = STEPS[name][0]
    if name in ("residual", "embedding") and kind in TEXTBOOK:
        neuron = "layers[0][1]" if name == "embedding" else None
        sentence = refusal(ConfigurationError, step, kind, neuron=neuron)
        assert "network_backward" in sentence or "reversed_neuron" in sentence
    elif kind == "inside":
        # None of these networks has a layer that declares what is inside it.
        assert "declares what is inside" in refusal(ConfigurationError, step, kind)
    elif kind == "unrolled":
        assert "no RNN, GRU or LSTM" in refusal(ConfigurationError, step, kind)
    elif kind == "channels":
        assert "takes images" in refusal(ConfigurationError, step, kind)
    elif kind == "kernel":
        assert "has no convolution" in refusal(ConfigurationError, step, kind)
    else:
        assert any(isinstance(item, Text) for item in draw(step, kind).items)


def test_a_network_without_a_layer_has_the_input_as_its_neurons() -> None:
    step = take_step(Network(AsItIs()), np.empty(0), np.array([[1.0, 5]]), np.zeros((1, 2)))
    assert largest_neuron(step, 0) == "input[1]"
    for kind in ("neuron", "reversed_neuron", "paths"):
        assert any(isinstance(item, Text) for item in draw(step, kind).items)
    assert "reversed_neuron" in refusal(ConfigurationError, step, "hidden_neuron")


def test_what_is_drawn_unless_told_otherwise() -> None:
    step = worked_step()
    assert draw(step) == DIAGRAMS["network_backward"](step.backward)
    explained = explain_neuron(step, "layers[0][1]", sample=0, depth=1)
    assert draw(step, neuron="layers[0][1]") == explained.picture()
    assert draw(step, "sample", language="zh-TW") == explain_sample(step, 0).picture("zh-TW")
    signals = np.abs(step.backward["layers[0]"].output_gradient[0])
    assert largest_neuron(step, 0) == f"layers[0][{np.argmax(signals)}]"


def test_a_textbook_diagram_is_of_the_neuron_that_is_named() -> None:
    step = worked_step()
    for address in ("layers[0][1]", "layers[1][1]"):
        scene = draw(step, "hidden_neuron", neuron=address)
        assert scene == TEXTBOOK["hidden_neuron"](step.backward, layer=0, unit=1)
    scene = draw(step, "neuron_forward", neuron="layers[3][0]")
    assert scene == TEXTBOOK["neuron_forward"](step.backward, layer=1, unit=0)


def test_a_hyphen_may_stand_for_an_underscore() -> None:
    assert known_kind("network-forward") == "network_forward"


def test_what_does_not_exist_is_refused_with_the_nearest() -> None:
    step = worked_step()
    assert "the nearest are reversed_neuron" in refusal(UnknownNameError, step, "reverse_neuron")
    assert "the nearest are network_forward" in refusal(UnknownNameError, step, "zzz")
    assert "layers[1][0]" in refusal(UnknownNameError, step, neuron="layers[7][0]")
    assert "There is no sample 1" in refusal(ConfigurationError, step, sample=1)
    assert "is of no single neuron" in refusal(
        ConfigurationError, step, "network_forward", neuron="layers[0][0]"
    )
    for kind in ("hidden_neuron", "output_cases"):
        said = refusal(ConfigurationError, step, kind, neuron="layers[2][0]")
        assert "'layers[2][0]' is an output" in said
    assert "shows a neuron of a Linear layer" in refusal(
        ConfigurationError, step, "neuron_forward", neuron="input[0]"
    )
    single = random_step(Sequential(Linear(2, 2)))
    assert "has no hidden layer" in refusal(ConfigurationError, single, "hidden_neuron")
