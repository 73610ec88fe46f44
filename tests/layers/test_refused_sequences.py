"""Sequences, lengths and starts that do not fit a layer over time are refused with a sentence."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    Concatenate,
    Flatten,
    Layer,
    Linear,
    Network,
    Sequential,
    TimeStep,
    carried_state,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError, ConfigurationError, ContractError, ShapeError
from tests.layers.sequences import LENGTHS, X, drawn


@pytest.mark.parametrize(
    ("x", "told", "said"),
    [
        (X[:, :, :1], {}, "LSTM takes sequences (N, T, 2)"),
        (X[:, 0], {}, "LSTM takes sequences (N, T, 2)"),
        (X[:, :0], {}, "LSTM takes sequences (N, T, 2)"),
        (X, {"lengths": np.array([5, 0, 1, 1])}, "sample 1 has the length 0"),
        (X, {"lengths": np.array([5, 5, 6, 1])}, "sample 2 has the length 6, and x has 5 times"),
        (X, {"lengths": np.array([5, 5])}, "for each of the 4 samples"),
        (X, {"lengths": np.ones(4)}, "whole numbers"),
        (
            X,
            {"hidden": np.zeros((4, 2))},
            "hidden is the state that the samples start from, (4, 3)",
        ),
        (X, {"cell": np.zeros((3, 4, 3))}, "cell is the state that the samples start from"),
        (X, {"hidden": np.zeros((4, 3), np.float32)}, "float32"),
    ],
)
def test_what_does_not_fit_is_refused(x: Array, told: dict[str, Array], said: str) -> None:
    network, params = drawn(LSTM(2, 3))
    with pytest.raises(ClearpropError) as caught:
        network.forward(params, x, side_inputs=told)
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


def test_times_that_a_sequence_has_not_got_are_refused() -> None:
    for layer, told, said in (
        (TimeStep(5), {}, "sample 0 has 5"),
        (TimeStep(-3), {"lengths": LENGTHS}, "sample 1 has 1"),
        (TimeStep(2), {"lengths": LENGTHS}, "sample 1 has 1"),
    ):
        with pytest.raises(ClearpropError, match=said):
            Network(layer).forward(np.zeros(0), X, side_inputs=told)
    with pytest.raises(ClearpropError, match="takes sequences"):
        Network(TimeStep()).forward(np.zeros(0), X[:, 0])
    with pytest.raises(ConfigurationError, match="whole number"):
        TimeStep(0.5)  # type: ignore[arg-type]
    with pytest.raises(ClearpropError, match="takes sequences"):
        Sequential(Linear(2, 2), TimeStep()).output_shape((2,))


@pytest.mark.parametrize("layer", [RNN(1, 2), GRU(1, 2), LSTM(1, 2)])
def test_a_sequence_without_features_or_times_is_told_so(layer: Layer) -> None:
    network = Network(layer)
    params, x = network.initialize(), np.ones((3, 4))
    with pytest.raises(ShapeError, match=r"no axis of features: .* use x\[\.\.\., None\]"):
        network.predict(params, x)
    assert network.predict(params, x[..., None]).shape == (3, 4, 2)
    with pytest.raises(ShapeError, match="with at least one time, and the input is"):
        network.predict(params, np.ones((3, 0, 1)))


def test_behind_a_linear_nobody_knows_yet_whether_there_are_times() -> None:
    layer = Sequential(Linear(2, 3), Concatenate(GRU(3, 4), GRU(3, 4)), Linear(8, 3), LSTM(3, 2))
    assert layer.output_shape(None) == (2,)
    assert layer.output_shape((5, 2)) == (5, 2)
    assert Sequential(LSTM(2, 3), Flatten(), Linear(15, 1)).output_shape((5, 2)) == (1,)
    for wrong in ((2,), (5, 5, 2), (5, 3)):
        with pytest.raises(ClearpropError):
            layer.output_shape(wrong)
    with pytest.raises(ClearpropError, match="takes sequences"):
        Sequential(Linear(2, 4), LSTM(3, 2))


def test_what_cannot_be_carried_on_is_refused() -> None:
    for layer, said in (
        (GRU(2, 3, reverse=True), "last time to the first"),
        (Linear(2, 3), "no RNN"),
    ):
        network, params = drawn(layer)
        with pytest.raises(ContractError, match=said):
            carried_state(network.forward(params, X))


def test_settings_that_cannot_be_are_refused() -> None:
    for kind, settings in (
        (RNN, {"nonlinearity": "sigmoid"}),
        (GRU, {"reset_after": 1}),
        (LSTM, {"reverse": "yes"}),
        (LSTM, {"hidden": 0}),
    ):
        given: dict[str, Any] = {"inputs": 2, "hidden": 3, **settings}
        with pytest.raises(ConfigurationError):
            kind(**given)
