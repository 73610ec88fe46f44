"""A walk goes through what is inside of layers: every time, scores and weights, places."""

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
    TimeStep,
    recurrent_stack,
)
from clearprop.base.messages import LANGUAGES
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step, take_step
from clearprop.reading.walk import StageArray, WalkStage, walk_step


def _step(*layers: Layer, shape: tuple[int, ...]) -> Step:
    network = Network(Sequential(*layers))
    params = network.initialize(seed=0)
    x = np.random.default_rng(0).normal(size=(3, *shape))
    return take_step(network, params, x, network.forward(params, x).output + 1)


def _inside(step: Step, part: str, path: str = "layers[0]", sample: int = 1) -> list[WalkStage]:
    stages = walk_step(step, sample=sample).stages
    return [one for one in stages if one.part == part and one.path == path]


def _array(stage: WalkStage, name: str) -> StageArray:
    return next(one for one in stage.arrays if one.name == name)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_every_time_forward_and_backward_in_its_order(kind: type, reverse: bool) -> None:
    step = _step(kind(2, 3, reverse=reverse), TimeStep(1), Linear(3, 1), shape=(4, 2))
    times = [f"time[{time}]" for time in range(4)]
    forward, backward = _inside(step, "inside"), _inside(step, "inside_back")
    assert [one.inside for one in forward] == (times[::-1] if reverse else times)
    assert [one.inside for one in backward] == [one.inside for one in forward][::-1]
    inside, gradients = step.forward.inside("layers[0]"), step.backward.inside("layers[0]")
    for stage in forward:
        time = int(stage.inside[5:-1])
        assert np.array_equal(_array(stage, "h").values, inside["hidden"].values[:, time])
        assert np.array_equal(_array(stage, "x").values, step.forward.input[:, time])
        (made,) = [one for one in stage.worked if one.left == "h[0]"]
        assert made.value == pytest.approx(inside["hidden"].values[1, time, 0], rel=1e-12)
    for stage in backward:
        time = int(stage.inside[5:-1])
        assert np.array_equal(_array(stage, "∂C/∂h").values, gradients["hidden"][:, time])
        (made,) = [one for one in stage.worked if one.left == "∂C/∂h[0]"]
        assert made.value == pytest.approx(gradients["hidden"][1, time, 0], rel=1e-12)


def test_every_layer_and_both_directions() -> None:
    stack = recurrent_stack(LSTM, 2, 3, layers=2, bidirectional=True)
    step = _step(stack, TimeStep(), Linear(6, 1), shape=(5, 2))
    stages = walk_step(step).stages
    for part in ("inside", "inside_back"):
        paths = [one.path for one in stages if one.part == part]
        assert len(paths) == 4 * 5
        assert len(set(paths)) == 4
    assert not any(one.inside for one in walk_step(step, within=False).stages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_times_those_at_both_ends(language: str) -> None:
    step = _step(LSTM(1, 1), TimeStep(), shape=(40, 1))
    forward = _inside(step, "inside")
    times = [int(one.inside[5:-1]) for one in forward]
    assert times == [*range(12), *range(28, 40)]
    (told,) = [one for one in forward if one.notes]
    assert told.inside == "time[28]"
    assert "16" in "\n".join(told.body(1, language, 100, None))


def test_attention_from_queries_to_what_its_heads_take() -> None:
    step = _step(MultiheadAttention(4, 2, causal=True), shape=(3, 4))
    names = ["q", "k", "v", "scores", "weights", "output"]
    forward, backward = _inside(step, "inside"), _inside(step, "inside_back")
    assert [one.inside for one in forward] == names
    assert [one.inside for one in backward] == names[::-1]
    inside, gradients = step.forward.inside("layers[0]"), step.backward.inside("layers[0]")
    assert all(one.equations for one in (*forward, *backward))
    for one in forward:
        assert np.array_equal(one.arrays[0].values, inside[one.inside].values)
    for one in backward:
        assert np.array_equal(one.arrays[0].values, gradients[one.inside])
        assert one.worked[-1].value == pytest.approx(gradients[one.inside][1, 0, 2, 0], abs=1e-14)
    weights = forward[4]
    assert weights.worked[-1].left == "heads[0].weights[2,0]"
    assert weights.worked[-1].value == pytest.approx(inside["weights"].values[1, 0, 2, 0])
    # A causal mask leaves out 2 + 1 of 9 pairs.
    assert "leaves out 3 of the 9 pairs" in weights.notes[0].sentence("en")
    # The heads side by side are the layer's output.
    assert forward[5].worked[-1].value == pytest.approx(step.forward.output[1, 0, 0])


def test_without_a_mask_none_is_told() -> None:
    step = _step(MultiheadAttention(4, 2), shape=(3, 4))
    assert not any(one.notes for one in _inside(step, "inside"))


def test_the_places_of_a_convolution_with_the_largest_signals() -> None:
    step = _step(Conv2d(2, 3, 2, padding=1), Flatten(), Linear(48, 1), shape=(2, 3, 3))
    forward, backward = _inside(step, "inside"), _inside(step, "inside_back")
    assert len(forward) == len(backward) == 4
    assert [one.inside for one in backward] == [one.inside for one in forward][::-1]
    assert "12 other places" in forward[0].notes[0].sentence("en")
    assert "12 個位置" in backward[0].notes[0].sentence("zh-TW")
    signals = step.signals("layers[0]")
    sizes = np.abs(signals[1]).sum(axis=0)
    shown = []
    for stage in forward:
        row, column = (int(one) for one in stage.inside[4:-1].split("].column["))
        shown.append(sizes[row, column])
        assert stage.worked[0].value == step.forward.value("layers[0]")[1, 0, row, column]
        assert _array(stage, "x̄").values.shape == (3, 2, 2, 2)
    assert sorted(shown) == pytest.approx(np.sort(sizes, axis=None)[-4:])
    for stage in backward:
        row, column = (int(one) for one in stage.inside[4:-1].split("].column["))
        read = step.forward.inside("layers[0]")["patch"].values[1, row, column, 0, 0, 0]
        assert stage.worked[-1].value == read * signals[1, 0, row, column]


def test_a_sequence_with_few_places_shows_all_of_them() -> None:
    step = _step(Conv1d(1, 2, 2), Flatten(), Linear(4, 1), shape=(1, 3))
    forward = _inside(step, "inside")
    assert [one.inside for one in forward] == ["place[0]", "place[1]"]
    assert not any(one.notes for one in forward)
