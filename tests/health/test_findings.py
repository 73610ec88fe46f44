"""Faults that were planted, each found and named; and on a healthy network nothing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    MAE,
    MSE,
    SGD,
    Activation,
    Adam,
    BatchNorm,
    Context,
    Dropout,
    Embedding,
    Hardtanh,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.arrays import EMPTY, Array
from clearprop.errors import ShapeError
from clearprop.experiments.data import regression_data
from clearprop.experiments.settings import Settings
from clearprop.experiments.trainings import train_all
from clearprop.explanation import Step, take_step
from clearprop.health import NOTE, SERIOUS, WARNING, Examination, Finding, examine
from clearprop.layers.catalog import EXAMPLES, Example
from clearprop.layers.contract import Backward, Forward, Tree
from clearprop.messages import LANGUAGES
from clearprop.schedules import CosineDecay
from clearprop.training import fit


def samples(inputs: int = 3, outputs: int = 1, count: int = 20) -> tuple[Array, Array]:
    generator = np.random.default_rng(7)
    return generator.normal(size=(count, inputs)), generator.normal(size=(count, outputs))


def step_of(network: Network, params: Array | None = None, **how: Any) -> Step:
    """A step of a 3-to-1 network on 20 samples with a small rate."""
    x, target = samples()
    how = {"optimizer": SGD(1e-3), **how}
    with np.errstate(all="ignore"):
        return take_step(
            network,
            network.initialize(0) if params is None else params,
            how.pop("x", x),
            how.pop("target", target),
            **how,
        )


def kinds(found: Examination) -> list[str]:
    return [one.kind for one in found.findings]


def the(found: Examination, kind: str) -> Finding:
    """The only finding of a kind, which can be said in both languages and written as JSON."""
    (one,) = [one for one in found.findings if one.kind == kind]
    for language in LANGUAGES:
        assert one.sentence(language) in found.text(language)
        assert one.advice(language) in found.text(language)
        assert "{" not in found.text(language)
    assert json.loads(found.to_json())["type"] == "Examination"
    return one


def network_with(layer: Any) -> Network:
    return Network(Sequential(Linear(3, 4), layer, Linear(4, 1)))


def planted(network: Network, **values: Iterable[Any]) -> Array:
    """The start with some arrays replaced; `layers_0_weight` is layers[0].weight."""
    named = {}
    for name, value in values.items():
        _, number, array = name.split("_")
        named[f"layers[{number}].{array}"] = np.array(value, float)
    return network.replace(network.initialize(0), named)


# The tutorial's network, trained at a rate that is too high


@pytest.fixture(scope="module")
def too_fast() -> Examination:
    data = regression_data()
    run = train_all(data, Settings(learning_rate=0.05)).relu
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
    assert found.severity == SERIOUS
    assert found.places == tuple(f"layers[1][{unit}]" for unit in range(10))
    assert (found.values["count"], found.values["samples"]) == (10, 100)
    assert found.sentence().startswith("All 10 units of layers[1] (ReLU) are dead")
    assert found.sentence("zh-TW").startswith("layers[1]（ReLU）的 10 個單元全都死了")
    assert too_fast.silent["layers[1]"] == (100,) * 10


def test_why_the_loss_stands_at_the_variance(too_fast: Examination) -> None:
    found = the(too_fast, "constant_squared")
    assert found.severity == SERIOUS
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
    assert {one.severity for one in follows} == {NOTE}
    order = [one.severity for one in too_fast.findings]
    assert order == sorted(order, key=[SERIOUS, WARNING, NOTE].index)


def test_at_the_tutorials_rate_nothing_is_found() -> None:
    data = regression_data()
    run = train_all(data, Settings()).relu
    step = take_step(
        run.network, run.state.params, data.x, data.target, optimizer=SGD(0.01), number=50
    )
    found = examine(step, start=run.start)
    assert kinds(found) == []
    assert found.healthy
    assert found.text().startswith("Nothing found, looking at one step over 100 samples")
    assert found.text("zh-TW").startswith("以 100 個樣本的一步檢查")
    assert "Looked at:" in found.text()


# Units


def test_a_single_dead_unit() -> None:
    network = network_with(ReLU())
    # z of unit 2 is at most a few, and −100 below that.
    step = step_of(network, planted(network, layers_0_bias=[[0.5, 0.5, -100, 0.5]]))
    found = examine(step)
    dead = the(found, "dead_units")
    assert (dead.severity, dead.places, dead.values["total"]) == (WARNING, ("layers[1][2]",), 4)
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
    assert found.severity == WARNING
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


# Numbers that are not finite


def only_nonfinite(step: Step, kind: str) -> Finding:
    found = examine(step)
    assert [one for one in kinds(found) if one.startswith("nonfinite")] == [kind]
    assert found.findings[0].severity == SERIOUS
    assert not found.healthy
    assert "not the learning rate's bound" in found.text()
    return the(found, kind)


def test_nan_in_the_data() -> None:
    x, target = samples()
    x[4, 1] = np.nan
    network = network_with(Tanh())
    found = only_nonfinite(step_of(network, x=x), "nonfinite_input")
    assert (found.places, found.values["sample"]) == (("input[1]",), 4)
    x, target = samples()
    target[[3, 9]] = np.inf
    found = only_nonfinite(step_of(network, x=x, target=target), "nonfinite_target")
    assert (found.places, found.values["sample"], found.values["count"]) == (("target[0]",), 3, 2)
    assert found.values["value"] == "∞"


def test_nan_in_one_weight() -> None:
    network = network_with(Tanh())
    params = network.initialize(0)
    params[6] = np.nan  # of (3, 4) row 1, column 2
    found = only_nonfinite(step_of(network, params), "nonfinite_parameter")
    assert found.places == ("layers[0].weight[1,2]",)
    assert (found.values["value"], found.values["count"], found.values["total"]) == ("NaN", 1, 12)


def test_a_training_that_overflowed_is_run_again_to_the_step_that_did() -> None:
    # L = w² from w = 1 at η = 1e60: w ← w − 2e60 w, so after n steps |w| is about (2e60)ⁿ. Step 3
    # meets w = −8e180, whose square is above the largest float.
    network = Network(Linear(1, 1, bias=False))
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    optimizer = SGD(1e60)
    done = fit(network, np.ones(1), one, zero, optimizer=optimizer, epochs=8)
    assert not np.isfinite(done.params).all()
    how: dict[str, Any] = {"optimizer": optimizer, "state": done.state.optimizer}
    found = examine(take_step(network, done.params, one, zero, **how), start=np.ones(1))
    assert kinds(found)[:3] == ["nonfinite_parameter", "replayed", "nonfinite_loss"]
    replayed = the(found, "replayed")
    assert (replayed.values["step"], replayed.values["steps"]) == (3, 8)
    assert the(found, "nonfinite_loss").values["y"] == "−8.000 × 10¹⁸⁰"
    # From another start nothing of the kind happens, and nothing is said.
    other = examine(take_step(network, done.params, one, zero, **how), start=np.zeros(1))
    assert "replayed" not in kinds(other)


def test_nan_in_what_a_layer_remembers() -> None:
    network = network_with(BatchNorm(4))
    state = {
        "layers[1]": {
            "running_mean": np.full((1, 4), np.nan),
            "running_var": np.ones((1, 4)),
            "num_batches": np.array(3),
        }
    }
    step = step_of(network, layer_state=state, training=False)
    found = only_nonfinite(step, "nonfinite_state")
    assert found.places == ("layers[1].running_mean[0,0]",)


def test_a_product_that_overflows() -> None:
    network = network_with(Tanh())
    weight = np.full((4, 1), 1e300)
    step = step_of(
        network,
        planted(network, layers_2_weight=weight),
        x=np.full((2, 3), 1e9),
        target=np.ones((2, 1)),
    )
    # tanh is ±1, so the products are finite; 1e9 of them would not be.
    assert "nonfinite_forward_product" not in kinds(examine(step))
    linear = network_with(Identity())
    step = step_of(
        linear,
        planted(linear, layers_0_weight=np.full((3, 4), 1e10), layers_2_weight=weight),
        x=np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        target=np.ones((2, 1)),
    )
    found = only_nonfinite(step, "nonfinite_forward_product")
    # z = 1e10 in sample 1 meets 1e300: 1e310 is above the largest float, 1.8e308.
    assert (found.places, found.values["sample"]) == (("layers[2][0]",), 1)
    assert found.values["w"] == 1e300
    assert found.values["x"] == pytest.approx(1e10)


@dataclass(frozen=True)
class Exponential(Activation):
    """The exponential, which overflows above 709."""

    def value(self, z: Array) -> Array:
        return np.exp(z)

    def derivative(self, z: Array, a: Array) -> Array:
        return a


def test_a_function_that_overflows() -> None:
    network = network_with(Exponential())
    step = step_of(network, planted(network, layers_0_bias=[[0.0, 0.0, 1000.0, 0.0]]))
    found = only_nonfinite(step, "nonfinite_forward_function")
    assert found.places == ("layers[1][2]",)
    assert found.values["name"] == "Exponential"
    assert found.values["z"] == step.forward["layers[1]"].input[0, 2]


class InverseCache(NamedTuple):
    y: Array


@dataclass(frozen=True)
class Inverse(Layer):
    """y = 1/x."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return 1 / x, InverseCache(1 / x), EMPTY

    def backward(self, params: Tree, cache: InverseCache, dy: Array) -> Backward:
        return -dy * cache.y**2, EMPTY


def test_a_layer_and_a_sum_that_overflow() -> None:
    network = network_with(Inverse())
    found = only_nonfinite(
        step_of(
            network,
            planted(network, layers_0_weight=np.zeros((3, 4)), layers_0_bias=[[1, 1, 0, 1]]),
        ),
        "nonfinite_forward_layer",
    )
    assert (found.places, found.values["name"]) == (("layers[1][2]",), "Inverse")
    residual = Network(Sequential(Residual(Identity()), Linear(3, 1)))
    step = step_of(residual, x=np.full((2, 3), 1.5e308), target=np.ones((2, 1)))
    assert only_nonfinite(step, "nonfinite_forward_sum").places == ("layers[0][0]",)


def test_a_loss_that_overflows() -> None:
    x, target = samples()
    target[5] = 1e200
    found = only_nonfinite(step_of(Network(Linear(3, 1)), x=x, target=target), "nonfinite_loss")
    # The square of 1e200 is above the largest float.
    assert (found.values["sample"], found.values["value"]) == (5, "∞")
    assert "MSE" in found.sentence()


def test_a_backward_pass_that_overflows() -> None:
    network = Network(Sequential(Linear(3, 1), Linear(1, 1)))
    params = np.array([1e-200, 0, 0, 0, 1e200, 0.0])
    found = only_nonfinite(
        step_of(network, params, target=np.full((20, 1), 1e150)), "nonfinite_signal"
    )
    # ∂C/∂y = −2 · 1e150 / 20, times w = 1e200.
    assert found.places == ("layers[0][0]",)
    assert found.values["layer"] == "layers[1]"
    step = step_of(
        Network(Linear(3, 1)), x=np.full((2, 3), 1e200), target=np.full((2, 1), 1e150),
        params=np.zeros(4),
    )  # fmt: skip
    assert only_nonfinite(step, "nonfinite_gradient").places == ("weight[0,0]",)


def test_an_update_that_overflows() -> None:
    step = step_of(Network(Linear(3, 1)), optimizer=SGD(1e200), target=np.full((20, 1), 1e120))
    found = only_nonfinite(step, "nonfinite_update")
    assert found.places == ("weight[0,0]",)
    assert found.values["gradient"] == step.backward.gradient[0]


@given(
    where=st.sampled_from(["x", "target", "params"]),
    position=st.integers(0, 10_000),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e200]),
    layer=st.sampled_from([ReLU(), Tanh(), BatchNorm(4), PReLU(4), Residual(Tanh()), Dropout()]),
)
def test_nothing_that_is_not_finite_makes_it_fail(
    where: str, position: int, value: float, layer: Any
) -> None:
    network = network_with(layer)
    x, target = samples()
    params = network.initialize(1)
    array = {"x": x, "target": target, "params": params}[where]
    array.flat[position % array.size] = value
    step = step_of(network, params, x=x, target=target, optimizer=Adam())
    found = examine(step, start=network.initialize(0))
    for language in LANGUAGES:
        assert found.text(language)
    assert json.loads(found.to_json())["samples"] == 20
    if not np.isfinite(value):
        assert kinds(found)[0].startswith("nonfinite")


# Weights that never move


def test_a_column_of_zeros() -> None:
    x, _ = samples()
    x[:, 1] = 0
    found = the(examine(step_of(network_with(Tanh()), x=x)), "unmoved_zero_column")
    assert found.severity == WARNING
    assert found.places == tuple(f"layers[0].weight[1,{unit}]" for unit in range(4))
    assert found.values["rows"] == 1


def test_a_gradient_that_is_zero_by_cancelling_is_not_stuck() -> None:
    # Two samples with opposite errors: 2 (0 − 1)/2 + 2 (0 + 1)/2 = 0, and each pulls.
    network = Network(Linear(1, 1))
    x, target = np.array([[1.0], [1.0]]), np.array([[1.0], [-1.0]])
    step = step_of(network, np.zeros(2), x=x, target=target)
    assert step.backward.gradient.tolist() == [0.0, 0.0]
    assert kinds(examine(step)) == []


def test_ids_that_are_not_met() -> None:
    network = Network(Sequential(Embedding(6, 2), Linear(2, 1)))
    step = step_of(network, x=np.array([0, 3, 3, 5]), target=np.arange(4.0)[:, None])
    found = the(examine(step), "unmoved_ids")
    assert (found.severity, found.values["rows"]) == (NOTE, 3)
    assert {place[: len("layers[0].weight[1")] for place in found.places} == {
        f"layers[0].weight[{row}" for row in (1, 2, 4)
    }


def test_a_weight_of_zero_stops_the_signal() -> None:
    network = network_with(Tanh())
    step = step_of(network, planted(network, layers_2_weight=np.zeros((4, 1))))
    stopped = [one for one in examine(step).findings if one.kind == "unmoved_no_signal"]
    assert [one.values["path"] for one in stopped] == ["layers[0].weight", "layers[0].bias"]


def test_inputs_that_never_meet_a_signal() -> None:
    # Unit 0 is alive for sample 0 alone, where x₁ = 0; so its weight from x₁ has a gradient of 0.
    network = Network(Sequential(Linear(2, 1), ReLU(), Linear(1, 1)))
    params = np.array([1.0, -1.0, 0.0, 1.0, 0.0])
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    found = the(
        examine(step_of(network, params, x=x, target=np.ones((3, 1)) * 9)), "unmoved_never_together"
    )
    assert found.places == ("layers[0].weight[1,0]",)


def test_a_loss_without_a_slope() -> None:
    network = Network(Linear(3, 1))
    x, _ = samples()
    params = network.initialize(0)
    step = step_of(network, params, x=x, target=network.predict(params, x))
    found = examine(step)
    assert kinds(found) == ["unmoved_flat"]
    assert found.healthy


def test_an_optimizer_that_leaves_them() -> None:
    # After half a wave the cosine has come down to 0.
    schedule = CosineDecay(0.1, t_max=10)
    optimizer = SGD(schedule)
    network = Network(Linear(3, 1))
    state = optimizer.start(network.initialize(0))._replace(step=10)
    found = examine(step_of(network, optimizer=optimizer, state=state))
    stuck = [one for one in found.findings if one.kind == "unmoved_optimizer"]
    assert [(one.values["path"], one.values["count"]) for one in stuck] == [
        ("weight", 3),
        ("bias", 1),
    ]
    assert stuck[0].severity == WARNING


def test_a_dropout_is_not_taken_for_death() -> None:
    network = Network(Sequential(Linear(3, 8), Dropout(0.7), ReLU(), Dropout(0.7), Linear(8, 1)))
    x, target = samples(count=2)
    step = step_of(network, x=x, target=target)
    # In this draw some units are left out for both samples.
    assert (step.backward.gradient == 0).any()
    found = examine(step)
    assert not any("Dropout" in one.sentence() for one in found.findings)
    unmoved = [one.values["path"] for one in found.findings if one.kind.startswith("unmoved")]
    alive = (step.forward["layers[2]"].input > 0).any(axis=0)
    assert len(unmoved) <= int((~alive).sum()) * 3
    assert "8 random draws" in found.text()


def test_a_tied_and_a_parameterless_network() -> None:
    tied = Network(
        Sequential(Linear(3, 3), Tanh(), Linear(3, 3), Linear(3, 1)),
        tied={"layers[2].weight": "layers[0].weight"},
    )
    assert kinds(examine(step_of(tied))) == []
    found = examine(step_of(Network(Tanh()), target=np.zeros((20, 3))))
    assert kinds(found) == []
    assert "has no parameters" in found.text()


# Healthy


BODIES = [
    example
    for examples in EXAMPLES.values()
    for example in examples
    if example.ids is None
    and len(example.input_shape) == 1
    # Everything is left out: that is what it says it found.
    and example.layer != Dropout(1.0)
]


@pytest.mark.parametrize("example", BODIES, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is_wrong(example: Example, seed: int) -> None:
    """Every layer of the catalogue between two Linear layers, at small random weights."""
    (width,) = example.input_shape
    shape = example.layer.output_shape((width,))
    assert shape is not None
    network = Network(Sequential(Linear(2, width), example.layer, Linear(shape[0], 2)))
    generator = np.random.default_rng(seed)
    x, target = generator.normal(size=(60, 2)), generator.normal(size=(60, 2))
    params = network.initialize(seed)
    # A unit of a rectifier may be dead from the start; with a bias near 0, none is.
    biases = {
        path: np.full(array.shape, 0.01)
        for path, array in network.named(params).items()
        if path.endswith("bias")
    }
    params = network.replace(params, biases)
    step = take_step(network, params, x, target, optimizer=SGD(1e-3), training=example.training)
    found = examine(step, start=params)
    assert found.healthy
    # A bias in front of a BatchNorm has no effect, and that is worth a note.
    usual = isinstance(example.layer, BatchNorm) and example.training
    assert kinds(found) == ["unmoved_rounding"] * usual


def test_a_bias_in_front_of_a_normalization_is_noted() -> None:
    found = examine(step_of(network_with(BatchNorm(4))))
    note = the(found, "unmoved_rounding")
    assert (note.severity, note.values["path"]) == (NOTE, "layers[0].bias")
    assert found.healthy


def test_a_start_of_another_network() -> None:
    with pytest.raises(ShapeError, match="start"):
        examine(step_of(Network(Linear(3, 1)), loss=MSE()), start=np.zeros(5))
