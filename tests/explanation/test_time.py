"""A gradient through time: every time's share, which add up, with a witness at one time alone."""

import numpy as np
import pytest

from clearprop import GRU, LSTM, RNN, SGD, Linear, Network, Sequential, TimeStep
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import explain_weight

LAYERS: list[Recurrent] = [
    RNN(2, 3),
    RNN(2, 3, reverse=True),
    GRU(2, 3),
    GRU(2, 3, reset_after=False),
    LSTM(2, 3),
    LSTM(2, 3, reverse=True, bias=False),
]


def step_of(layer: Recurrent, times: int = 4, scale: float = 1.0) -> Step:
    network = Network(Sequential(layer, TimeStep(-1 if not layer.reverse else 0), Linear(3, 1)))
    generator = np.random.default_rng(3)
    params = scale * generator.normal(size=network.size)
    x = generator.normal(size=(3, times, 2))
    return take_step(network, params, x, generator.normal(size=(3, 1)), optimizer=SGD(0.1))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_shares_of_all_times_add_up_and_a_witness_agrees(layer: Recurrent) -> None:
    step = step_of(layer)
    last = len(layer.gates) * 3 - 1
    for name, parameter in layer.parameters().items():
        row = parameter.shape[0] - 1
        for entry in {(0, 0), (row, last)}:
            explained = explain_weight(step, f"layers[0].{name}[{entry[0]},{entry[1]}]")
            times = explained.times
            assert times is not None
            assert abs(sum(times.values) - explained.gradient) <= 1e-12
            assert times.witness.outcome == "agrees"
            assert len(times.values) == len(times.factors) == 4


def test_the_shares_of_two_steps_by_hand() -> None:
    # h₁ = 2 · 1 = 2, h₂ = 2 · 2 + 3 · 2 = 10 and y = h₂ with L = y² / 1, t = 0: ∂L/∂y = 20.
    # Through time 1: x₂ · 20 = 40. Through time 0: x₁ · 3 · 20 = 60, since ∂h₂/∂h₁ = 3.
    network = Network(Sequential(RNN(1, 1, bias=False, nonlinearity="relu"), TimeStep()))
    step = take_step(network, np.array([2.0, 3.0]), np.array([[[1.0], [2.0]]]), np.zeros((1, 1)))
    times = explain_weight(step, "layers[0].weight_ih[0,0]").times
    assert times is not None
    assert times.values == (60.0, 40.0)
    assert times.factors == (3.0, None)


def test_a_gradient_that_vanishes_and_one_that_explodes_are_called_so() -> None:
    for scale, said in ((0.02, "vanishes"), (3.0, "explodes"), (0.7, "on average, which over")):
        layer = RNN(2, 3, nonlinearity="relu" if scale > 1 else "tanh")
        step = step_of(layer, times=9, scale=scale)
        explained = explain_weight(step, "layers[0].weight_hh[0,0]")
        if said == "explodes":
            times = explained.times
            assert times is not None
        text = explained.words("en")
        assert "is used at 9 times" in text
        assert said in text
        assert "9 個時刻" in explained.words("zh-TW")


def test_it_stands_in_the_table_the_steps_and_the_picture() -> None:
    explained = explain_weight(step_of(LSTM(2, 3)), "layers[0].weight_hh[0,4]")
    assert "by the times it comes through" in explained.table("en", 80)
    assert "各經由哪些時刻" in explained.text("zh-TW")
    drawn = explained.picture("en")
    texts = [item.content for item in drawn.items if hasattr(item, "content")]
    assert {"time 0", "time 3"} <= set(texts)
    other = explain_weight(step_of(LSTM(2, 3)), "layers[2].weight[0,0]")
    assert other.times is None
