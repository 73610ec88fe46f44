"""An address of which there is nothing is told with what there is: the nearest, or the range."""

import numpy as np
import pytest

from clearprop import (
    LSTM,
    Conv2d,
    Flatten,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
)
from clearprop.base import messages
from clearprop.base.errors import ClearpropError
from clearprop.engine.addresses import neuron_address, number_address, parameter_address
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step, take_step


def step_of(shape: tuple[int, ...], *layers: Layer) -> Step:
    network = Network(Sequential(*layers))
    x = np.random.default_rng(0).normal(size=(2, *shape))
    params = network.initialize(0)
    return take_step(network, params, x, np.zeros_like(network.predict(params, x)))


STEPS = {
    "conv": step_of((1, 8, 8), Conv2d(1, 4, 3), Flatten(), Linear(144, 2)),
    "lstm": step_of((5, 3), LSTM(3, 4), Linear(4, 2)),
    "attention": step_of((5, 4), MultiheadAttention(4, 2), Linear(4, 2)),
}

CASES = [
    ("conv", "layers[0].chanels[2][5,5]", "layers[0].channels[2][5,5]"),
    ("conv", "layers[0].channel[9][5,5]", "channels 0 to 3, each (6, 6), and not 9"),
    ("conv", "layers[0].channels[9]", "layers[0].channels[3][5,5]"),
    ("conv", "layers[0].channels[2][6,5]", "layers[0].channels[2][5,5]"),
    ("conv", "layers[0].patchs[0,0][0,0,0]", "layers[0].patches[0,0][0,0,0]"),
    ("conv", "layers[0].patches[9,0][0,0,0]", "row goes from 0 to 5 in layers[0]"),
    ("conv", "layers[0].row[2].column[6].patch[0,0,0]", "column goes from 0 to 5"),
    ("conv", "layers[0].row[2].colum[1].patch[0,0,0]", "layers[0].row[2].column[1].patch[0,0,0]"),
    ("lstm", "layers[0].time[99].forget", "time goes from 0 to 4 in layers[0]"),
    ("lstm", "layers[0].time[-1].forget[2]", "layers[0].time[4].forget[0]"),
    ("lstm", "layers[0].time[3].forgt[2]", "layers[0].time[3].forget[2]"),
    ("lstm", "layers[0].time[3].forget[4]", "layers[0].time[3].forget[3]"),
    ("lstm", "layers[0].time[3]", "input, forget, candidate, output, cell, hidden"),
    ("attention", "layers[0].heads[1].weight[4,2]", "layers[0].heads[1].weights[4,2]"),
    ("attention", "layers[0].head[1].weights[4,2]", "layers[0].heads[1].weights[4,2]"),
    ("attention", "layers[0].heads[2].weights[4,2]", "heads goes from 0 to 1 in layers[0]"),
    ("attention", "layers[2].heads[1].weights[4,2]", "layers[0].heads[1].weights[4,2]"),
    ("attention", "layers[5][0,0]", "layers[0][0,0]"),
]


@pytest.mark.parametrize(("name", "text", "told"), CASES, ids=[text for _, text, _ in CASES])
@pytest.mark.parametrize("as_weight", [False, True])
def test_it_is_told_with_what_there_is(name: str, text: str, told: str, as_weight: bool) -> None:
    # A command asks for a weight or for another number; what was meant is told by either.
    ask = parameter_address if as_weight else number_address
    with pytest.raises(ClearpropError) as caught:
        ask(STEPS[name], text)
    if not (as_weight and name == "attention" and text.startswith("layers[5]")):
        assert told in caught.value.message("en")
    chinese = caught.value.message("zh-TW")
    assert chinese != caught.value.message("en")
    assert "{" not in chinese


@pytest.mark.parametrize(("name", "text"), [("lstm", "layers[0].time[3].forget[2]")])
def test_a_number_of_the_pass_is_no_parameter(name: str, text: str) -> None:
    assert str(number_address(STEPS[name], text)) == text
    for language in messages.LANGUAGES:
        with pytest.raises(ClearpropError) as caught:
            parameter_address(STEPS[name], text)
        assert "--neuron" in caught.value.message(language)


@pytest.mark.parametrize("text", ["layers[0].channels[3][5,5]", "layers[0][3,5,5]"])
def test_what_there_is_is_found_as_before(text: str) -> None:
    assert str(neuron_address(STEPS["conv"], text)) == "layers[0][3,5,5]"
