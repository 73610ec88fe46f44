"""Weights that never move, and why."""

import numpy as np

from clearprop import SGD, Dropout, Embedding, Linear, Network, ReLU, Sequential, Tanh
from clearprop.engine.schedules import CosineDecay
from clearprop.reading.health import Severity, examine
from tests.health.steps import kinds, network_with, planted, samples, step_of, the


def test_a_column_of_zeros() -> None:
    x, _ = samples()
    x[:, 1] = 0
    found = the(examine(step_of(network_with(Tanh()), x=x)), "unmoved_zero_column")
    assert found.severity == Severity.WARNING
    assert found.places == tuple(f"layers[0].weight[1,{unit}]" for unit in range(4))
    assert found.values["rows"] == 1


def test_a_gradient_that_is_zero_by_cancelling_is_not_stuck() -> None:
    # Two samples with opposite errors: 2 (0 − 1)/2 + 2 (0 + 1)/2 = 0, and each pulls.
    network = Network(Linear(1, 1))
    x, target = np.array([[1.0], [1.0]]), np.array([[1.0], [-1.0]])
    step = step_of(network, np.zeros(2), x=x, target=target)
    assert step.backward.gradient.tolist() == [0.0, 0.0]
    # It is the minimum: the best that one input can be answered with is the mean of both.
    assert kinds(examine(step)) == ["converged"]


def test_ids_that_are_not_met() -> None:
    network = Network(Sequential(Embedding(6, 2), Linear(2, 1)))
    step = step_of(network, x=np.array([0, 3, 3, 5]), target=np.arange(4.0)[:, None])
    found = the(examine(step), "unmoved_ids")
    assert (found.severity, found.values["rows"]) == (Severity.NOTE, 3)
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
    assert stuck[0].severity == Severity.WARNING


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
