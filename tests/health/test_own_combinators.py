"""Networks with combinators that no module knows are examined like any other."""

import numpy as np
import pytest

from clearprop import SGD, Linear, Network, ReLU, Residual, Sequential
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.engine.step import Step
from clearprop.reading.health import Severity, Symptom, examine
from tests.health.steps import kinds, planted, samples, step_of, the
from tests.own_combinators import ADDED, CONCATENATED, Added


def step_with(network: Network, params: Array | None = None) -> Step:
    x, target = samples(inputs=2)
    return step_of(network, params, x=x, target=target)


@pytest.mark.parametrize("network", [ADDED, CONCATENATED], ids=["added", "concatenated"])
def test_a_healthy_one(network: Network) -> None:
    step = step_with(network, network.initialize(0))
    found = examine(step, start=network.initialize(0))
    assert found.healthy
    assert [one.layer for one in found.signals] == [
        path for path, node in network.graph.nodes.items() if node.parameters
    ]
    signals = step.signals("layers[0]")
    assert found.signals[0].size == pytest.approx(float(np.sqrt((signals**2).mean())))
    for language in LANGUAGES:
        assert found.text(language)


def test_a_dead_unit_in_a_branch_silences_what_stands_beside_others() -> None:
    # right is a ReLU on what layers[0] puts out: at −9, unit 1 is 0 for every sample, which is
    # feature 3 of the concatenation. layers[0] still learns, through the way past the ReLU.
    params = planted(CONCATENATED, layers_0_bias=[[0.0, -9.0, 0.0]])
    step = step_with(CONCATENATED, params)
    found = examine(step)
    dead = the(found, "dead_units")
    assert (dead.severity, dead.places) == (Severity.WARNING, ("layers[1].right[1]",))
    assert dead.values["z"] == step.forward.value("layers[0]")[:, 1].max()
    assert found.silent["layers[1].right"][1] == 20
    silent = the(found, "unmoved_silent_before")
    assert (silent.severity, silent.places) == (Severity.NOTE, ("layers[2].weight[3,0]",))
    assert silent.values["source"] == "layers[1]"
    assert np.all(step.backward.named()["layers[2].weight"][3] == 0)
    assert "layers[0].weight" not in [one.values.get("path") for one in found.findings]


def test_a_weight_is_blocked_where_every_way_behind_it_is() -> None:
    network = Network(Sequential(Linear(2, 2), Added(ReLU(), ReLU()), Linear(2, 1)))
    params = planted(network, layers_0_bias=[[-9.0, 1.0]])
    found = examine(step_with(network, params))
    blocked = [one for one in found.findings if one.kind == Symptom.UNMOVED_DEAD_BEHIND]
    assert [one.places for one in blocked] == [
        ("layers[0].weight[0,0]", "layers[0].weight[1,0]"),
        ("layers[0].bias[0,0]",),
    ]


def test_a_sum_that_overflows() -> None:
    network = Network(Sequential(Linear(2, 1), Added(Linear(1, 1), Linear(1, 1))))
    # 1·x and 1·x with x = 1.5e308: both finite, and 3e308 is not.
    params = np.array([0.0, 0.0, 1.5e308, 1.0, 0.0, 1.0, 0.0])
    found = the(examine(step_with(network, params)), "nonfinite_forward_join")
    assert (found.severity, found.places) == (Severity.SERIOUS, ("layers[1][0]",))
    assert (found.values["name"], found.values["sample"]) == ("Added", 0)
    assert found.sentence() == (
        "Going forward, the sum of Added overflows: it is ∞ at layers[1][0] for sample 0 first, "
        "with all of its terms finite."
    )
    residual = Network(Sequential(Linear(2, 1), Residual(Linear(1, 1))))
    step = step_with(residual, np.array([0.0, 0.0, 1.5e308, 1.0, 0.0]))
    assert kinds(examine(step))[0] == Symptom.NONFINITE_FORWARD_SUM


def test_every_symptom_has_its_words() -> None:
    from clearprop.base import messages

    for language in LANGUAGES:
        keys = messages.table(language, "health")
        assert {key.removesuffix(".says") for key in keys if key.endswith(".says")} == set(Symptom)
        assert {key.removesuffix(".try") for key in keys if key.endswith(".try")} == set(Symptom)


def test_the_update_of_a_parameter_in_a_branch() -> None:
    step = step_with(ADDED, ADDED.initialize(0))
    slot = ADDED.graph.slots["layers[1].right.weight"]
    update = step.update_of(slot.start)
    assert update is not None
    assert isinstance(step.optimizer, SGD)
    assert update.after == update.before - 1e-3 * step.backward.gradient[slot.start]
