"""Kernels, channels and pooled pixels explained place by place: what each place gives adds up to
what the backward pass recorded, and a witness moves the entry at one place alone."""

import numpy as np
import pytest

from clearprop import (
    AvgPool2d,
    ChannelBatchNorm,
    Conv1d,
    Conv2d,
    Flatten,
    GroupNorm,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Network,
    ReLU,
    Sequential,
    take_step,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.window_places import InputEntry
from clearprop.reading.explanation import explain_neuron, explain_weight
from clearprop.reading.explanation.gradient_explanation import GradientExplanation


def _step(*layers: Layer, shape: tuple[int, ...], samples: int = 3, seed: int = 0) -> Step:
    network = Network(Sequential(*layers))
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, *shape))
    params = network.initialize(seed=seed)
    params = params + generator.normal(scale=0.3, size=params.shape)
    return take_step(network, params, x, network.forward(params, x).output * 0.3 + 1)


def _explained(step: Step, address: str, **more: int) -> GradientExplanation:
    return explain_weight(step, address, **more)


def test_a_kernel_on_a_3_by_3_image_by_hand() -> None:
    # x = 1…9 row by row, w = [[1, 0], [0, 1]], z = x[i,j] + x[i+1,j+1]: 6, 8, 12, 14. With the loss
    # Σ (z − t)²/2 of MSE's mean over 4 numbers, ∂C/∂z = 2 (z − t)/4 with t = 4: 1, 2, 4, 5.
    # ∂L/∂w[0,1] = 1·2 + 2·3 + 4·5 + 5·6 = 58: it reads x[0,1], x[0,2], x[1,1], x[1,2].
    network = Network(Sequential(Conv2d(1, 1, 2, bias=False)))
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    step = take_step(network, np.array([1.0, 0, 0, 1]), x, np.full((1, 1, 2, 2), 4.0))
    found = _explained(step, "layers[0].weight[0,0,0,1]")
    assert found.gradient == 58
    assert found.places is not None
    told = [(one.reads, one.factor, one.output, one.value) for one in found.places.places]
    assert told == [
        ("input[0,1,2]", 6, "layers[0][0,1,1]", 30),
        ("input[0,1,1]", 5, "layers[0][0,1,0]", 20),
        ("input[0,0,2]", 3, "layers[0][0,0,1]", 6),
        ("input[0,0,1]", 2, "layers[0][0,0,0]", 2),
    ]
    words = found.words()
    assert "reads input[0,1,2], channel 0, row 1, column 2, which is 6" in words
    assert "x[0,0,1,2]" in found.table()


CASES = {
    "stride, border, groups": (
        (Conv2d(2, 4, (2, 3), stride=(2, 1), padding=1, groups=2), ReLU(), Flatten()),
        (2, 5, 4),
    ),
    "dilation, same": ((Conv2d(2, 2, 2, padding="same", dilation=2), Flatten()), (2, 4, 4)),
    "sequences": ((Conv1d(2, 3, 3, stride=2, padding=1), ReLU(), Flatten()), (2, 7)),
    "batch norm": (
        (Conv2d(1, 2, 3), ChannelBatchNorm(2), ReLU(), AvgPool2d(2), Flatten()),
        (1, 6, 6),
    ),
    "group norm": ((Conv1d(1, 4, 2), GroupNorm(2, 4), MaxPool1d(2), Flatten()), (1, 7)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_places_add_up_and_a_witness_agrees(case: str) -> None:
    layers, shape = CASES[case]
    step = _step(*layers, Linear(len(_flat(layers, shape)), 2), shape=shape)
    slots = step.forward.network.layout.slots
    for path in [one for one in slots if len(layers) > int(one[7])]:
        for index in list(np.ndindex(slots[path].shape))[::5]:
            found = _explained(step, f"{path}[{','.join(map(str, index))}]")
            places = found.places
            assert places is not None
            total = sum(one.value for one in places.places) + places.rest.value
            assert abs(total - found.gradient) <= 1e-12 * max(1, found.size)
            for share in found.shares:
                own = sum(one.value for one in share.products) + share.rest.value
                assert abs(own - share.value) <= 1e-12
            for one in places.places:
                assert one.factor * one.signal == pytest.approx(one.value, rel=1e-12)
                assert _number(step, one.output, one.sample) is not None
                if one.reads and places.letter == "x":
                    assert _number(step, one.reads, one.sample) == one.factor
            if places.witness is not None:
                assert places.witness.outcome == "agrees", (path, index)


def _flat(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> Array:
    network = Network(Sequential(*layers))
    output = network.forward(network.initialize(seed=0), np.ones((2, *shape))).output
    return np.asarray(output[0])


def _number(step: Step, address: str, sample: int) -> float:
    path, _, index = address.rpartition("[")
    return float(step.forward.value(path)[sample][tuple(map(int, index[:-1].split(",")))])


def test_one_sample_adds_up_to_its_share() -> None:
    layers, shape = CASES["stride, border, groups"]
    step = _step(*layers, Linear(len(_flat(layers, shape)), 2), shape=shape)
    found = _explained(step, "layers[0].weight[1,0,1,2]", sample=2)
    assert found.places is not None
    assert {one.sample for one in found.places.places} == {2}
    assert found.places.total == pytest.approx(found.shares[0].value, rel=1e-12)


def _windows() -> list[tuple[Layer, tuple[int, ...]]]:
    return [
        (example.layer, example.input_shape)
        for kind, row in LAYER_ROWS.items()
        if row.onward is not None
        for example in row.examples
    ]


@pytest.mark.parametrize(("layer", "shape"), _windows(), ids=lambda one: str(one)[:60])
def test_what_a_number_goes_into_is_what_the_backward_says(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    network = Network(Sequential(layer))
    x = np.random.default_rng(1).normal(size=(2, *shape))
    params = network.initialize(seed=2)
    step = take_step(network, params, x, network.forward(params, x).output + 1)
    record, onward = step.forward["layers[0]"], LAYER_ROWS[type(layer)].onward
    signals = step.signals("layers[0]")
    assert onward is not None
    for index in np.ndindex(shape):
        entry = InputEntry(layer, record.params, x[1], record.output.shape[2:], index)
        ways = onward(entry)
        assert len({one.output for one in ways}) == len(ways)
        total = sum(one.factor * signals[1][one.output] for one in ways)
        assert total == pytest.approx(step.signals("input")[1][index], abs=1e-12)


def test_why_a_pixel_got_the_gradient_of_a_maximum() -> None:
    network = Network(Sequential(MaxPool2d(2), Flatten(), Linear(2, 1)))
    x = np.array([[[[1.0, 3, 5, 5], [2, 0, 4, 5]]]])
    step = take_step(network, np.array([2.0, 3, 0]), x, np.zeros((1, 1)))
    largest = explain_neuron(step, "input[0,0,1]")
    assert largest.signal.value == 2 * 21 * 2  # 2 (2·3 + 3·5 − 0) · w
    assert "it is the largest under the window (3), so that all" in largest.words()
    smaller = explain_neuron(step, "input[0,1,0]")
    assert smaller.signal.value == 0
    assert "it is not the largest under the window: input[0,0,1] is, with 3" in smaller.words()
    tied = explain_neuron(step, "input[0,1,3]")
    assert "it is as large as input[0,0,2] (5), which is the first of them" in tied.words()
    assert "排在前面" in tied.text("zh-TW")


def test_a_neuron_of_a_convolution_is_the_sum_of_what_lies_under_its_kernel() -> None:
    step = _step(Conv2d(1, 2, 3, padding=1), Flatten(), Linear(32, 1), shape=(1, 4, 4))
    found = explain_neuron(step, "layers[0][1,0,0]", sample=0)
    assert found.adds_up
    total = sum(one.value for one in found.inputs) + found.rest.value + (found.bias or 0)
    assert total == pytest.approx(found.z, abs=1e-12)
    # In a corner four of nine entries lie on the image.
    assert len(found.inputs) + found.rest.count == 4


@pytest.mark.parametrize("samples", [1, 2])
def test_a_kernel_whose_signal_is_0_everywhere_is_told_and_drawn(samples: int) -> None:
    network = Network(Sequential(Conv1d(1, 1, 2), Flatten(), Linear(2, 1)))
    params = network.initialize(seed=0).copy()
    network.named(params)["layers[2].weight"][...] = 0
    step = take_step(network, params, np.ones((samples, 1, 3)), np.ones((samples, 1)))
    found = _explained(step, "layers[0].weight[0,0,1]")
    assert found.gradient == 0
    assert "layers[0].weight[0,0,1]" in found.svg("en")
    assert found.text("zh-TW")
