"""A gradient through time: every time's share, which add up, with a witness at one time alone."""

from itertools import pairwise

import numpy as np
import pytest

from clearprop import GRU, LSTM, RNN, SGD, Linear, Network, Sequential, TimeStep
from clearprop.drawing.pen.items import Rectangle, Text, bounds
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import explain_weight
from clearprop.reading.explanation.named_diagrams import draw
from clearprop.reading.explanation.unrolled_picture import folded
from clearprop.reading.health import examine

KINDS = {"vanishes": "time_vanishing", "explodes": "time_exploding"}
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


@pytest.mark.parametrize(
    ("scale", "said"), [(0.02, "vanishes"), (1.0, "explodes"), (0.3, "on average, which over")]
)
def test_what_becomes_of_a_signal_is_said(scale: float, said: str) -> None:
    layer = RNN(2, 3, nonlinearity="relu")
    network = Network(Sequential(layer, TimeStep(), Linear(3, 1)))
    generator = np.random.default_rng(3)
    params, x = scale * generator.uniform(0.5, 1.5, network.size), np.ones((3, 9, 2))
    step = take_step(network, params, x, np.zeros((3, 1)))
    explained = explain_weight(step, "layers[0].weight_hh[0,0]")
    text = explained.words("en")
    assert "is used at 9 times" in text
    assert said in text
    assert "9 個時刻" in explained.words("zh-TW")
    found = [one for one in examine(step).findings if one.kind.startswith("time_")]
    if "which" in said:
        assert not found
    else:
        assert [one.kind for one in found] == [KINDS[said]]
        assert "layers[0]" in found[0].sentence("zh-TW")
        assert found[0].advice("en") != found[0].advice("zh-TW")


def test_it_stands_in_the_table_the_steps_and_the_picture() -> None:
    explained = explain_weight(step_of(LSTM(2, 3)), "layers[0].weight_hh[0,4]")
    assert "by the times it comes through" in explained.table("en", 80)
    assert "各經由哪些時刻" in explained.text("zh-TW")
    drawn = explained.picture("en")
    texts = [item.content for item in drawn.items if hasattr(item, "content")]
    assert {"time 0", "time 3"} <= set(texts)
    other = explain_weight(step_of(LSTM(2, 3)), "layers[2].weight[0,0]")
    assert other.times is None


@pytest.mark.parametrize("layer", [RNN(2, 3), GRU(2, 3), LSTM(2, 3, reverse=True)], ids=repr)
def test_time_is_unrolled_with_every_number(layer: Recurrent) -> None:
    step = step_of(layer, times=5)
    drawn = draw(step, "unrolled", neuron="layers[0].time[2].hidden[1]")
    texts = [item for item in drawn.items if isinstance(item, Text)]
    values = step.forward.inside("layers[0]")["hidden"].values[0, :, 1]
    for time, value in enumerate(values):
        assert f"*t* = {time}" in [one.content for one in texts]
        assert f"*h* = {number_markup(float(value))}" in [one.content for one in texts]
    # Nothing is written over anything else.
    rows = [bounds([one]) for one in texts]
    for place, one in enumerate(rows):
        for other in rows[place + 1 :]:
            apart = one.right <= other.left or other.right <= one.left
            assert apart or one.bottom <= other.top or other.bottom <= one.top
    assert draw(step, "unrolled", language="zh-TW").title != drawn.title


def written(scene: Scene) -> list[str]:
    return [item.content for item in scene.items if isinstance(item, Text)]


def test_all_units_are_matrices_and_long_ones_are_folded() -> None:
    step = step_of(LSTM(2, 3), times=100)
    drawn = draw(step, "unrolled")
    values = step.forward.inside("layers[0]")["forget"].values[0]
    told = {item.says for item in drawn.items if isinstance(item, Rectangle)}
    for time, unit in ((0, 0), (31, 2), (68, 1), (99, 2)):
        number = plain(number_markup(float(values[time, unit])))
        assert any(
            one.startswith(f"layers[0].time[{time}].forget[{unit}]\n") and one.endswith(number)
            for one in told
        )
    assert not any("time[50]" in one for one in told)
    assert written(drawn).count("⋯ 36") == 12
    # A piece of it has no gap.
    part = draw(step, times=(40, 60))
    assert not any("⋯" in one for one in written(part))
    rectangles = [item for item in part.items if isinstance(item, Rectangle) and item.says]
    assert len(rectangles) == 6 * 2 * 3 * 20


def test_units_are_cards_in_rows_and_the_gap_says_how_many_times() -> None:
    step = step_of(GRU(2, 3), times=30)
    texts = written(draw(step, units=(0, 2)))
    for time in (0, 1, 2, 3, 26, 27, 28, 29):
        assert f"*t* = {time},  unit 0" in texts
        assert f"*t* = {time},  unit 2" in texts
    assert texts.count("⋯ 22") == 2
    marked = written(draw(step, "unrolled", neuron="layers[0].time[15].update[1]"))
    assert [one for one in marked if "⋯" in one] == ["⋯ 12", "⋯ 10"]
    assert {"*t* = 14", "*t* = 15", "*t* = 16"} <= set(marked)


@pytest.mark.parametrize(
    ("count", "marked"), [(5, None), (8, 3), (9, 4), (40, 0), (40, 39), (9, 2)]
)
def test_what_is_folded_keeps_both_ends_and_the_marked_time(count: int, marked: int | None) -> None:
    runs = folded(range(count), 8, marked)
    shown = [time for run in runs for time in run]
    assert shown == sorted(set(shown))
    assert len(shown) == min(count, 8)
    assert {0, count - 1} <= set(shown)
    assert marked is None or marked in shown
    # Between two runs there is a gap.
    assert all(one.stop < other.start for one, other in pairwise(runs))


def test_a_projected_state_has_fewer_units_than_its_gates() -> None:
    network = Network(Sequential(LSTM(2, 4, projection=2)))
    x = np.ones((1, 3, 2))
    step = take_step(network, network.initialize(0), x, np.ones((1, 3, 2)))
    texts = written(draw(step, units=(3,)))
    assert any(one.startswith("*f* = ") for one in texts)
    assert not any(one.startswith("*h* = ") for one in texts)
