"""Channels of images: dead, saturated and constant ones are found, and the entries that lead to
them or read them are told so."""

from dataclasses import replace

import numpy as np
import pytest

from clearprop import (
    SGD,
    ChannelBatchNorm,
    Conv1d,
    Conv2d,
    CrossEntropy,
    Flatten,
    GlobalAverage,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    take_step,
)
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step
from clearprop.reading.health import Examination, Finding, Severity, examine
from clearprop.runs.report.network_health import shared_findings


def _step(*layers: Layer, shape: tuple[int, ...], **entries: float) -> Step:
    """One step on noise; `entries` are parameters set before it: path__channel = value."""
    network = Network(Sequential(*layers, GlobalAverage(), Linear(8, 3)))
    generator = np.random.default_rng(0)
    params = network.initialize(seed=0).copy()
    for name, value in entries.items():
        number, kind, channel = name.removeprefix("l").split("_")
        array = network.layout.view(params, f"layers[{number}].{kind}")
        (array if kind == "weight" and array.ndim > 2 else array[0])[int(channel)] = value
    x = generator.normal(size=(16, *shape))
    target = generator.integers(0, 3, 16)
    return take_step(network, params, x, target, loss=CrossEntropy(), optimizer=SGD(1e-4))


def _found(examination: Examination, kind: str) -> list[Finding]:
    return [one for one in examination.findings if one.kind == kind]


LAYERS = (
    Conv2d(1, 6, 3, padding=1),
    ReLU(),
    MaxPool2d(2),
    Conv2d(6, 8, 3, padding=1, groups=2),
    ChannelBatchNorm(8),
    Tanh(),
)


def test_a_dead_channel_is_found_and_named_by_its_address() -> None:
    found = examine(_step(*LAYERS, shape=(1, 8, 8), l0_bias_2=-50.0))
    (dead,) = _found(found, "dead_channels")
    assert dead.places == ("layers[1].channels[2]",)
    assert (dead.values["total"], dead.values["spots"]) == (6, 64)
    assert "layers[1].channels[2] have a slope of 0 at every one of their 64" in dead.sentence("en")
    assert "ChannelBatchNorm" in dead.advice("zh-TW")
    # Its own kernel and bias, and of the next layer those entries that read it: group 0 alone.
    behind = {one.values["path"]: one for one in _found(found, "unmoved_dead_behind")}
    assert behind["layers[0].weight"].values["count"] == 9
    assert behind["layers[0].bias"].places == ("layers[0].bias[0,2]",)
    (silent,) = _found(found, "unmoved_silent_before")
    assert silent.values["path"] == "layers[3].weight"
    assert silent.values["count"] == 4 * 9
    assert all(one.startswith("layers[3].weight[") and ",2," in one for one in silent.places)


def test_a_channel_that_is_on_at_a_single_place_of_one_sample_is_not_dead() -> None:
    step = _step(*LAYERS, shape=(1, 8, 8))
    z = step.forward.value("layers[0]")
    network, params = step.forward.network, step.forward.params.copy()
    network.layout.view(params, "layers[0].bias")[0, 2] -= np.sort(z[:, 2].ravel())[-2] + 1e-6
    again = take_step(network, params, step.forward.input, step.target, loss=step.loss)
    assert (again.forward.value("layers[1]")[:, 2] > 0).sum() == 1
    assert not _found(examine(again), "dead_channels")


def test_a_layer_whose_channels_are_all_dead_is_serious() -> None:
    biases = {f"l0_bias_{channel}": -50.0 for channel in range(6)}
    found = examine(_step(*LAYERS, shape=(1, 8, 8), **biases))
    (dead,) = _found(found, "dead_all_channels")
    assert dead.severity == Severity.SERIOUS


def test_a_dead_channel_behind_a_norm_explains_the_kernel_before_it() -> None:
    found = examine(_step(*LAYERS, shape=(1, 8, 8), l4_bias_5=50.0))
    assert _found(found, "dead_channels")[0].places == ("layers[5].channels[5]",)
    paths = {one.values["path"] for one in _found(found, "unmoved_dead_behind")}
    assert paths == {"layers[3].weight", "layers[3].bias", "layers[4].weight", "layers[4].bias"}
    assert not _found(found, "unmoved_no_signal")


def test_a_constant_channel_is_found_once_where_it_begins() -> None:
    entries = {"l0_weight_4": 0.0, "l0_bias_4": 0.5}
    found = examine(_step(*LAYERS, shape=(1, 8, 8), **entries))
    (constant,) = _found(found, "constant_channels")
    assert constant.places == ("layers[0].channels[4]",)
    assert constant.values["value"] == 0.5
    norm = (Conv2d(1, 8, 3), ChannelBatchNorm(8), ReLU())
    found = examine(_step(*norm, shape=(1, 8, 8), **entries))
    assert [one.places for one in _found(found, "constant_channels")] == [
        ("layers[0].channels[4]",)
    ]


def test_channels_of_sequences_and_around_a_residual() -> None:
    residual = Residual(Sequential(Conv1d(8, 8, 3, padding=1), ReLU()))
    step = _step(Conv1d(2, 8, 3), ReLU(), residual, ReLU(), shape=(2, 9), l0_bias_1=-50.0)
    dead = _found(examine(step), "dead_channels")
    assert ("layers[1].channels[1]",) in [one.places for one in dead]
    assert {one.values["spots"] for one in dead} == {7}


def test_features_of_sequences_are_no_channels() -> None:
    network = Network(Sequential(Linear(3, 5), ReLU(), Flatten(), Linear(20, 1)))
    params = network.initialize(seed=0).copy()
    network.layout.view(params, "layers[0].bias")[0, 3] = -50
    x = np.random.default_rng(1).normal(size=(8, 4, 3))
    found = examine(take_step(network, params, x, np.zeros((8, 1))))
    assert _found(found, "dead_units")[0].places == ("layers[1][3]",)


@pytest.mark.parametrize("count", [1, 3])
def test_what_several_networks_share_is_told_once(count: int) -> None:
    sick = examine(_step(*LAYERS, shape=(1, 8, 8), l0_bias_2=-50.0))
    well = replace(sick, findings=())
    shared = shared_findings([well, *[sick] * count])
    told = {str(one.finding.kind): one.networks for one in shared}
    assert told["dead_channels"] == tuple(range(1, count + 1))
    assert len(shared) == len(sick.findings)
