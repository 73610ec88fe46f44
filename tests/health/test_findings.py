"""What is found in units, outputs and signals: in the tutorial's network, and planted faults."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MAE,
    SGD,
    Activation,
    Hardtanh,
    Identity,
    LeakyReLU,
    Linear,
    Network,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.engine.step import take_step
from clearprop.reading.health import Examination, Severity, examine
from clearprop.teaching.experiments.data import regression_data
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.trainings import train_all
from tests.health.steps import kinds, network_with, planted, step_of, the

# The tutorial's network, trained at a rate that is too high


@pytest.fixture(scope="module")
def too_fast() -> Examination:
    data = regression_data()
    run = train_all(data, ReproductionSettings(learning_rate=0.05)).relu
    step = take_step(
        run.network,
        run.state.params,
        data.x,
        data.target,
        optimizer=SGD(0.05),
        state=run.state.optimizer,
        number=run.state.step,
    )
    return examine(step, start=run.start)


def test_all_ten_units_are_dead(too_fast: Examination) -> None:
    found = the(too_fast, "dead_layer")
    assert found.severity == Severity.SERIOUS
    assert found.places == tuple(f"layers[1][{unit}]" for unit in range(10))
    assert (found.values["count"], found.values["samples"]) == (10, 100)
    assert found.sentence().startswith("All 10 units of layers[1] (ReLU) are dead")
    assert found.sentence("zh-TW").startswith("layers[1]（ReLU）的 10 個單元全都死了")
    assert too_fast.silent["layers[1]"] == (100,) * 10


def test_why_the_loss_stands_at_the_variance(too_fast: Examination) -> None:
    found = the(too_fast, "constant_squared")
    assert found.severity == Severity.SERIOUS
    # var(t) of the tutorial's data, and the loss of step 50 within 0.005 of it.
    assert found.values["variance"] == pytest.approx(943.7147, abs=1e-4)
    assert found.values["loss"] == pytest.approx(943.7147, abs=0.005)
    assert "the loss stands at var(t) = 943.71" in found.sentence()
    assert "from layers[1] on" in found.sentence()
    assert "var(t) = 943.71" in found.sentence("zh-TW")
    assert not too_fast.healthy


def test_what_follows_from_it_is_a_note(too_fast: Examination) -> None:
    follows = [one for one in too_fast.findings if one.kind.startswith("unmoved")]
    assert [(one.kind, one.values["path"], one.values["count"]) for one in follows] == [
        ("unmoved_dead_behind", "layers[0].weight", 10),
        ("unmoved_dead_behind", "layers[0].bias", 10),
        ("unmoved_silent_before", "layers[2].weight", 10),
    ]
    assert {one.severity for one in follows} == {Severity.NOTE}
    order = [one.severity for one in too_fast.findings]
    assert order == sorted(order, key=[Severity.SERIOUS, Severity.WARNING, Severity.NOTE].index)


def test_at_the_tutorials_rate_the_line_is_still_better() -> None:
    data = regression_data()
    run = train_all(data, ReproductionSettings()).relu
    step = take_step(
        run.network, run.state.params, data.x, data.target, optimizer=SGD(0.01), number=50
    )
    found = examine(step, start=run.start)
    assert kinds(found) == ["worse_than_line"]
    assert found.healthy
    note = the(found, "worse_than_line")
    # The best line's loss, by np.polyfit.
    residual = np.polyfit(data.x[:, 0], data.target[:, 0], 1, full=True)[1][0]
    assert note.values == {"loss": step.value, "baseline": pytest.approx(residual / 100)}
    assert [round(one.loss, 1) for one in found.baselines] == [943.7, 80.8]
    assert found.text().startswith("Nothing wrong found, looking at one step over 100 samples")
    assert "the best straight line (least squares) costs 80.8" in found.text()
    assert found.text("zh-TW").startswith("以 100 個樣本的一步檢查")
    assert "Looked at:" in found.text()


# Units


def test_a_single_dead_unit() -> None:
    network = network_with(ReLU())
    # z of unit 2 is at most a few, and −100 below that.
    step = step_of(network, planted(network, layers_0_bias=[[0.5, 0.5, -100, 0.5]]))
    found = examine(step)
    dead = the(found, "dead_units")
    assert (dead.severity, dead.places, dead.values["total"]) == (
        Severity.WARNING,
        ("layers[1][2]",),
        4,
    )
    assert dead.values["z"] == step.forward["layers[1]"].input[:, 2].max()
    assert found.silent["layers[1]"][2] == 20
    # Its three weights and its bias, and the weight that leads on from it.
    moved = {one.values["path"]: one.places for one in found.findings if one is not dead}
    assert moved == {
        "layers[0].weight": tuple(f"layers[0].weight[{row},2]" for row in range(3)),
        "layers[0].bias": ("layers[0].bias[0,2]",),
        "layers[2].weight": ("layers[2].weight[2,0]",),
    }


@dataclass(frozen=True)
class OwnRectifier(Activation):
    """A rectifier that nobody knows: z² where z > 1, else 0."""

    def value(self, z: Array) -> Array:
        return np.where(z > 1, z * z, 0)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 1, 2 * z, 0)


@pytest.mark.parametrize("layer", [OwnRectifier(), Hardtanh(), PReLU(4)], ids=repr)
def test_dead_by_the_slope_and_not_by_the_class(layer: Any) -> None:
    network = network_with(layer)
    values: dict[str, Any] = {"layers_0_bias": [[-100.0] * 4]}
    if isinstance(layer, PReLU):
        values["layers_1_weight"] = [[0.0] * 4]
    found = examine(step_of(network, planted(network, **values)))
    assert the(found, "dead_layer").values["name"] == type(layer).__name__


def test_a_leaky_rectifier_does_not_die() -> None:
    network = network_with(LeakyReLU())
    found = examine(step_of(network, planted(network, layers_0_bias=[[-100.0] * 4])))
    # It is at its smaller slope, 0.01, for every sample: that is tiny against 1.
    assert "dead_layer" not in kinds(found)
    assert the(found, "saturated").values["count"] == 4


@pytest.mark.parametrize(
    ("layer", "bias", "slope"),
    [
        # tanh'(4) = 1 − tanh²(4) = 0.00134; σ'(7) = 0.00091 of at most 0.25.
        (Tanh(), 4.0, 1.0),
        (Sigmoid(), 7.0, 0.25),
    ],
)
def test_saturated_units(layer: Any, bias: float, slope: float) -> None:
    network = network_with(layer)
    small = 0.01 * np.ones((3, 4))
    params = planted(network, layers_0_weight=small, layers_0_bias=[[bias, 0.0, 0.0, -bias]])
    found = the(examine(step_of(network, params)), "saturated")
    assert found.places == ("layers[1][0]", "layers[1][3]")
    assert found.severity == Severity.WARNING
    assert found.values["largest"] == pytest.approx(slope)
    assert found.values["share"] == "100 %"


def test_a_hardtanh_beyond_its_bounds_for_most_samples_is_saturated() -> None:
    network = Network(Sequential(Linear(1, 1), Hardtanh(), Linear(1, 1)))
    x = np.concatenate([np.linspace(2, 3, 39), [0.5]])[:, None]
    params = planted(network, layers_0_weight=[[1.0]], layers_0_bias=[[0.0]])
    found = the(examine(step_of(network, params, x=x, target=np.ones((40, 1)))), "saturated")
    # 39 of 40 samples have z > 1, and their slope is 0.
    assert found.values["share"] == "98 %"


# The output


def test_a_constant_output_with_another_loss() -> None:
    network = network_with(ReLU())
    step = step_of(network, planted(network, layers_0_bias=[[-100.0] * 4]), loss=MAE())
    found = the(examine(step), "constant")
    assert found.values["y"] == step.forward.output[0, 0]


def test_one_sample_or_samples_that_are_the_same_say_nothing() -> None:
    network = network_with(ReLU())
    params = planted(network, layers_0_bias=[[-100.0] * 4])
    for x in (np.ones((1, 3)), np.ones((5, 3))):
        step = step_of(network, params, x=x, target=np.ones((len(x), 1)))
        assert not any(kind.startswith("constant") for kind in kinds(examine(step)))


# Signals


def test_signals_that_vanish_and_explode() -> None:
    def deep(layer: Any, scale: float) -> Examination:
        layers = [Linear(3, 3), *([layer, Linear(3, 3)] * 8), layer, Linear(3, 1)]
        network = Network(Sequential(*layers))
        params = scale * np.random.default_rng(0).normal(size=network.size)
        return examine(step_of(network, params, optimizer=None))

    vanishing = deep(Sigmoid(), 0.5)
    found = the(vanishing, "vanishing")
    sizes = [one.size for one in vanishing.signals]
    assert len(sizes) == 10
    assert found.values["ratio"] == pytest.approx(sizes[0] / sizes[-1])
    assert float(found.values["ratio"]) < 1e-3
    assert float(the(deep(Identity(), 3.0), "exploding").values["times"]) > 1e3
    # The root mean square, by hand: the signal of the last layer is 2 (y − t) / 20.
    step = step_of(Network(Linear(3, 1)))
    error = step.forward.output - step.target
    assert examine(step).signals[0].size == pytest.approx(np.sqrt(np.mean((2 * error / 20) ** 2)))
