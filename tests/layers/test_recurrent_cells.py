"""One step of RNN, GRU and LSTM: by hand, in a loop of one's own, with states, and refused."""

from math import log, tanh
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    ForwardPass,
    GRUCell,
    Linear,
    LSTMCell,
    Network,
    RNNCell,
    Sequential,
    carried_state,
    check,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(4, 5, 2))
# A cell, and the layer whose one time it is.
PAIRS: dict[str, tuple[RecurrentCell, Recurrent]] = {
    "rnn": (RNNCell(2, 3), RNN(2, 3)),
    "rnn-relu": (RNNCell(2, 3, nonlinearity="relu"), RNN(2, 3, nonlinearity="relu")),
    "gru": (GRUCell(2, 3), GRU(2, 3)),
    "gru-before": (GRUCell(2, 3, reset_after=False), GRU(2, 3, reset_after=False)),
    "lstm": (LSTMCell(2, 3, cell_output=True), LSTM(2, 3)),
    "lstm-plain": (LSTMCell(2, 3, bias=False, cell_output=True), LSTM(2, 3, bias=False)),
}
every_pair = pytest.mark.parametrize(("cell", "layer"), PAIRS.values(), ids=list(PAIRS))


def test_a_step_of_an_lstm_by_hand() -> None:
    # One unit, x = 1, h = 2, c = 1, U = 0 and no bias: σ(0) = 1/2, σ(ln 3) = 3/4 and
    # tanh(½ ln 3) = 1/2, so i = 1/2, f = 3/4, g = 1/2, o = 1/2;
    # c′ = ¾·1 + ½·½ = 1 and h′ = ½ tanh 1.
    network = Network(LSTMCell(1, 1, bias=False, cell_output=True))
    params = np.array([0, log(3), log(3) / 2, 0, 0, 0, 0, 0])
    states = {"hidden": np.array([[2.0]]), "cell": np.array([[1.0]])}
    forward = network.forward(params, np.ones((1, 1)), side_inputs=states)
    np.testing.assert_allclose(forward.output, [[tanh(1) / 2, 1]], rtol=1e-15)

    # From (∂C/∂h′, ∂C/∂c′) = (1, 3): ∂C/∂c′ in all is 3 + ½ (1 − tanh² 1) = s, and so
    # ∂C/∂c = ¾ s;  da_i = s·½·¼,  da_f = s·1·¾·¼,  da_g = s·½·¾,  da_o = tanh 1 · ¼.
    s = 3 + (1 - tanh(1) ** 2) / 2
    da = [s / 8, s * 3 / 16, s * 3 / 8, tanh(1) / 4]
    backward = network.backward(forward, np.array([[1.0, 3.0]]))
    named = backward.named()
    np.testing.assert_allclose(named["weight_ih"], [da], rtol=1e-14)
    np.testing.assert_allclose(named["weight_hh"], [2 * np.array(da)], rtol=1e-14)
    np.testing.assert_allclose(backward.inside("")["cell_before"], [[0.75 * s]], rtol=1e-14)
    assert not backward.inside("")["hidden_before"].any()


def test_a_step_of_an_rnn_and_of_a_gru_by_hand() -> None:
    # RNN: a = x·w + h·u = 1·0 + 2·½ ln 3 … with u = ¼ ln 3: tanh(½ ln 3) = 1/2 and slope ¾.
    network = Network(RNNCell(1, 1, bias=False))
    states = {"hidden": np.array([[2.0]])}
    forward = network.forward(np.array([0, log(3) / 4]), np.ones((1, 1)), side_inputs=states)
    backward = network.backward(forward, np.ones((1, 1)))
    np.testing.assert_allclose(forward.output, [[0.5]], rtol=1e-15)
    np.testing.assert_allclose(backward.gradient, [0.75, 1.5], rtol=1e-15)
    before = backward.inside("")["hidden_before"]
    np.testing.assert_allclose(before, [[0.75 * log(3) / 4]], rtol=1e-14)
    # GRU with U = 0: z = σ(ln 3) = ¾, n = tanh(½ ln 3) = ½, h′ = ¼·½ + ¾·2 = 1.625, ∂h′/∂h = z.
    network = Network(GRUCell(1, 1, bias=False))
    params = np.array([0, log(3), log(3) / 2, 0, 0, 0])
    forward = network.forward(params, np.ones((1, 1)), side_inputs=states)
    backward = network.backward(forward, np.ones((1, 1)))
    np.testing.assert_allclose(forward.output, [[1.625]], rtol=1e-15)
    np.testing.assert_allclose(backward.inside("")["hidden_before"], [[0.75]], rtol=1e-15)


@every_pair
def test_a_loop_of_ones_own_is_the_layer_over_time(cell: RecurrentCell, layer: Recurrent) -> None:
    whole, network = Network(layer), Network(cell)
    params = GENERATOR.normal(size=network.size)
    sequence = whole.forward(params, X)
    dy = GENERATOR.normal(size=sequence.output.shape)
    steps: list[ForwardPass] = []
    states: dict[str, Array] = {}
    for time in range(X.shape[1]):
        steps.append(network.forward(params, X[:, time], side_inputs=states))
        states = dict(carried_state(steps[-1]))
    made = np.stack([step.output[:, :3] for step in steps], axis=1)
    np.testing.assert_allclose(made, sequence.output, rtol=1e-13, atol=1e-14)

    back = whole.backward(sequence, dy)
    assert back.input_gradient is not None
    gradient, later = np.zeros(network.size), np.zeros(steps[-1].output.shape)
    for time in reversed(range(X.shape[1])):
        signal = later.copy()
        signal[:, :3] += dy[:, time]
        backward = network.backward(steps[time], signal)
        assert backward.input_gradient is not None
        np.testing.assert_allclose(
            backward.input_gradient, back.input_gradient[:, time], rtol=1e-12, atol=1e-14
        )
        gradient += backward.gradient
        before = backward.inside("")
        later = np.concatenate([before[f"{name}_before"] for name in cell.states], axis=1)
    np.testing.assert_allclose(gradient, back.gradient, rtol=1e-12, atol=1e-13)


@every_pair
def test_k_networks_have_states_of_their_own(cell: RecurrentCell, layer: Recurrent) -> None:
    network = Network(cell)
    params = GENERATOR.normal(size=(3, network.size))
    shared = {name: GENERATOR.normal(size=(4, 3)) for name in cell.states}
    own = {name: GENERATOR.normal(size=(3, 4, 3)) for name in cell.states}
    for states in (shared, own):
        forward = network.forward(params, X[:, 0], side_inputs=states)
        backward = network.backward(forward, np.ones_like(forward.output))
        for k in range(3):
            of_one = {name: one if one.ndim == 2 else one[k] for name, one in states.items()}
            alone = network.forward(params[k], X[:, 0], side_inputs=of_one)
            back = network.backward(alone, np.ones_like(alone.output))
            np.testing.assert_allclose(forward.output[k], alone.output, rtol=1e-13)
            np.testing.assert_allclose(backward.gradient[k], back.gradient, rtol=1e-12)


def test_lengths_of_sequences_are_not_those_of_a_step() -> None:
    with pytest.raises(ClearpropError, match="lengths"):
        Network(RNNCell(2, 3)).predict(
            np.zeros(21), X[:, 0], side_inputs={"lengths": np.ones(4, int)}
        )


def test_a_check_judges_the_gradients_of_the_states_too() -> None:
    verdict = check(LSTMCell(2, 3))
    assert [one.name for one in verdict.arrays][:3] == ["x", "hidden", "cell"]
    assert verdict.outcome == "right"
    assert len(verdict.witnesses) == 3


class Forgetful(LSTMCell):
    """Its cell's signal does not come through the forget gate."""

    def intermediate_gradients(self, params: Any, cache: Any, dy: Array) -> Any:
        found = dict(super().intermediate_gradients(params, cache, dy))
        return found | {"cell_before": found["cell"]}


def test_a_wrong_gradient_of_a_state_is_found() -> None:
    verdict = check(Forgetful(2, 3), x=X[:, 0])
    assert [one.name for one in verdict.arrays if one.outcome == "wrong"] == ["cell"]


@pytest.mark.parametrize(
    ("x", "states", "said"),
    [
        (X, {}, r"takes one step of every sample, \(N, 2\).*the input is \(4, 5, 2\).*use RNN"),
        (X[:, 0, :1], {}, r"the input is \(4, 1\)"),
        (
            X[:, 0],
            {"hidden": np.zeros((3, 3))},
            r"the state.*\(4, 3\); this one is \(3, 3\)",
        ),
        (X[:, 0], {"hidden": np.zeros((4, 3), np.float32)}, "hidden.*float32"),
        (X[:, 0], {"cell": np.zeros((4, 3))}, "'cell'"),
        (np.ones((4, 2), int), {}, "whole numbers|int64"),
    ],
)
def test_what_does_not_fit_is_refused(x: Array, states: dict[str, Array], said: str) -> None:
    with pytest.raises(ClearpropError, match=said) as caught:
        Network(RNNCell(2, 3)).predict(np.zeros(21), x, side_inputs=states)
    assert caught.value.message("zh-TW")


@pytest.mark.parametrize(
    "make",
    [
        lambda: RNNCell(0, 3),
        lambda: RNNCell(2, 3, nonlinearity="sine"),
        lambda: GRUCell(2, 3, reset_after="yes"),  # type: ignore[arg-type]
        lambda: LSTMCell(2, 3, cell_output=2),  # type: ignore[arg-type]
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_behind_a_layer_over_time_the_sentence_names_what_takes_sequences() -> None:
    with pytest.raises(ClearpropError, match=r"layers\[1\]: GRUCell takes one step.*use GRU"):
        Network(Sequential(Linear(2, 2), GRUCell(2, 3))).predict(np.zeros(69), X)
