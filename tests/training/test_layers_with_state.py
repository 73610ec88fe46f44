"""Layers that change something beside their output: it is returned, carried on, never kept."""

import numpy as np
import pytest

from clearprop import SGD, Linear, Network, Residual, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.training import fit, start, train
from tests.gradient_checks import present
from tests.training.running_mean import RunningMean

Samples = tuple[Array, Array]
NETWORK = Network(Sequential(RunningMean(1), Linear(1, 1)))


def test_the_starting_state_stands_by_the_layers_paths() -> None:
    network = Network(
        Sequential(Linear(1, 2), Residual(Sequential(Tanh(), RunningMean(2))), RunningMean(2))
    )
    state = network.start_state
    # Layers without state leave no trace.
    assert set(state) == {"layers[1].branch.layers[1]", "layers[2]"}
    assert set(state["layers[1].branch.layers[1]"]) == {"mean", "count"}
    assert Network(Linear(1, 1)).start_state == {}
    assert set(Network(RunningMean(1)).start_state[""]) == {"mean", "count"}


def test_by_hand() -> None:
    # x = 4: m = 0, y = 4, new m = 0 + ½(4 − 0) = 2. Next x = 4: y = 2, m = 2 + ½(4 − 2) = 3.
    network = Network(RunningMean(1))
    x, state = np.array([[4.0]]), network.start_state
    outputs, means = [], []
    for _ in range(2):
        forward = network.forward(np.empty(0), x, state=state)
        state = forward.state
        outputs.append(forward.output.item())
        means.append(state[""]["mean"].item())
    assert outputs == [4, 2]
    assert means == [2, 3]
    # In use the state stays.
    used = network.forward(np.empty(0), x, state=state, training=False)
    assert used.output.item() == 1
    assert used.state[""]["mean"].item() == 3
    assert network.predict(np.empty(0), x, state=state).item() == 1


def test_a_pass_leaves_the_state_that_it_was_given() -> None:
    state = NETWORK.start_state
    forward = NETWORK.forward(np.ones(2), np.full((3, 1), 5.0), state=state)
    assert state["layers[0]"]["mean"].item() == 0
    assert forward.state["layers[0]"]["mean"].item() == 2.5
    # Twice the same pass, twice the same result: nothing was kept in the layer.
    again = NETWORK.forward(np.ones(2), np.full((3, 1), 5.0), state=state)
    np.testing.assert_array_equal(again.output, forward.output)
    np.testing.assert_array_equal(
        present(NETWORK.backward(forward, np.ones((3, 1))).input_gradient), np.ones((3, 1))
    )


def test_state_in_a_residual_branch_is_returned_under_its_name() -> None:
    network = Network(Residual(RunningMean(1)))
    state = network.start_state
    forward = network.forward(np.empty(0), np.array([[4.0]]), state=state)
    assert forward.output.item() == 8
    assert forward.state["branch"]["mean"].item() == 2
    assert Network(Residual(Tanh())).forward(np.empty(0), np.ones((1, 1))).state == {}


@pytest.mark.parametrize("size", [None, 3])
def test_training_carries_the_state_from_step_to_step(size: int | None) -> None:
    x, t = np.full((7, 1), 8.0), np.zeros((7, 1))
    training = fit(NETWORK, np.ones(2), x, t, optimizer=SGD(1e-6), epochs=2, batch_size=size)
    steps = 2 if size is None else 6
    # Every step halves the distance to 8.
    state = training.state.layers["layers[0]"]
    assert state["mean"].item() == 8 - 8 / 2**steps
    assert state["count"] == steps


def test_events_hold_the_state_of_their_own_step() -> None:
    x, t = np.full((4, 1), 8.0), np.zeros((4, 1))
    events = list(train(NETWORK, start(NETWORK, np.ones(2), SGD(1e-6)), x, t, epochs=3))
    means = [event.state.layers["layers[0]"]["mean"].item() for event in events]
    # A step and the end of its epoch, three times.
    assert means == [4, 4, 6, 6, 7, 7]


def test_stacked_networks_each_have_their_own_state() -> None:
    network = Network(Sequential(Linear(1, 1), RunningMean(1)))
    x, t = np.ones((4, 1)), np.zeros((4, 1))
    params = np.array([[1.0, 0], [3, 0]])
    together = fit(network, params, x, t, optimizer=SGD(0.1), epochs=3)
    assert together.state.layers["layers[1]"]["mean"].shape == (2, 1, 1)
    for k in range(2):
        alone = fit(network, params[k], x, t, optimizer=SGD(0.1), epochs=3)
        np.testing.assert_allclose(together.losses[:, k], alone.losses, rtol=1e-14)
        np.testing.assert_allclose(
            together.state.layers["layers[1]"]["mean"][k],
            alone.state.layers["layers[1]"]["mean"],
            rtol=1e-14,
        )
