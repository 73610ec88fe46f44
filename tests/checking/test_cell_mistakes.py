"""Mistakes in a cell of one's own: one step of an RNN, a GRU or an LSTM, whose backward is written
out here from the layer's equations, with one thing otherwise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import GRUCell, LSTMCell, RNNCell
from clearprop.base.arrays import Array
from clearprop.checking import check
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from tests.sweeps import quick_where

# ∂C/∂x, the parameters' gradients and ∂C/∂(the states before), from the cache and dy.
Back = Callable[..., tuple[Array, dict[str, Array], dict[str, Array]]]


def gradients_of(cache: Any, by_x: Array, by_h: Array, met: Array) -> dict[str, Array]:
    """Of W, U and both biases."""
    sums = {"bias_ih": by_x.sum(0, keepdims=True), "bias_hh": by_h.sum(0, keepdims=True)}
    return {"weight_ih": cache.x[0].T @ by_x, "weight_hh": met.T @ by_h, **sums}


def rnn(params: Any, cache: Any, dy: Array, wrong: str = "") -> Any:
    before, after = cache.steps.hidden
    slope = 1 - {"old": before**2, "plain": after}.get(wrong, after**2)
    da = dy * slope
    on_the_way = dy if wrong == "straight" else da
    found = gradients_of(cache, da, da, after if wrong == "after" else before)
    return da @ params["weight_ih"].T, found, {"hidden": on_the_way @ params["weight_hh"].T}


def gru(params: Any, cache: Any, dy: Array, wrong: str = "") -> Any:
    before = cache.steps.hidden[0]
    r, z, n = np.split(cache.steps.gates[0], 3, axis=1)
    inner = before @ params["weight_hh"][:, 6:] + params["bias_hh"][:, 6:]
    da_n = dy * (1 - z) * (1 - n**2)
    da_z = dy * (before - n) * (1 if wrong == "slope" else z * (1 - z))
    da_r = da_n * inner * r * (1 - r)
    pair = [da_z, da_r] if wrong == "swapped" else [da_r, da_z]
    da = np.concatenate([*pair, da_n], axis=1)
    dq = np.concatenate([*pair, da_n if wrong == "reset" else da_n * r], axis=1)
    back = dq @ params["weight_hh"].T + (0 if wrong == "kept" else z * dy)
    return da @ params["weight_ih"].T, gradients_of(cache, da, dq, before), {"hidden": back}


def lstm(params: Any, cache: Any, dy: Array, wrong: str = "") -> Any:
    before, cells = cache.steps.hidden[0], cache.steps.cell
    i, f, g, o = np.split(cache.steps.gates[0], 4, axis=1)
    squashed = np.tanh(cells[1])
    dh, later = np.split(dy, 2, axis=1) if dy.shape[1] == 6 else (dy, 0 * dy)
    dc = dh * o * (1 if wrong == "squash" else 1 - squashed**2)
    dc = dc + (0 if wrong == "forgotten" else later)
    da_i, da_g = dc * g * i * (1 - i), dc * i * (1 - g**2)
    da_f = dc * cells[1 if wrong == "cell-after" else 0] * f * (1 - f)
    da_o = dh * squashed * (1 if wrong == "slope" else o * (1 - o))
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
    states = {"hidden": da @ params["weight_hh"].T, "cell": dc * (1 if wrong == "gate" else f)}
    if wrong == "stops":
        states["hidden"] = np.zeros_like(before)
    return da @ params["weight_ih"].T, gradients_of(cache, da, da, before), states


def spoiled(cell: RecurrentCell, back: Back, wrong: str, *, states: bool) -> Any:
    """The cell with that backward; `states`: which hands back the states' gradients too, as a loop
    over the times takes them."""
    kind: Any = type(cell)

    def backward(self: Any, params: Any, cache: Any, dy: Array) -> Any:
        return back(params, cache, dy, wrong)[:2]

    def intermediate_gradients(self: Any, params: Any, cache: Any, dy: Array) -> Any:
        found = back(params, cache, dy, wrong)[2]
        inside = kind.intermediate_gradients(self, params, cache, dy)
        return {**inside, **{f"{name}_before": array for name, array in found.items()}}

    methods: dict[str, Any] = {"backward": backward}
    if states:
        methods["intermediate_gradients"] = intermediate_gradients
    return type(f"My{kind.__name__}", (kind,), methods).from_settings(cell.settings())  # type: ignore[attr-defined]


RNN_MISTAKES = [("old", "state_slope"), ("plain", "state_slope"), ("after", "state_after")]
GRU_MISTAKES = [
    ("slope", "gate_slope_missing"),
    ("swapped", "gates_swapped"),
    ("reset", "reset_missing"),
]
LSTM_MISTAKES = [
    ("squash", "cell_slope_missing"),
    ("cell-after", "cell_after"),
    ("slope", "gate_slope_missing"),
]
PLANTED: list[tuple[RecurrentCell, Back, str, str]] = [
    *((RNNCell(2, 3), rnn, *one) for one in RNN_MISTAKES),
    *((GRUCell(2, 3), gru, *one) for one in GRU_MISTAKES),
    *((LSTMCell(2, 3), lstm, *one) for one in LSTM_MISTAKES),
    *((LSTMCell(2, 3, cell_output=True), lstm, *one) for one in LSTM_MISTAKES),
    (LSTMCell(2, 3, cell_output=True), lstm, "forgotten", "cell_forgotten"),
]
OF_STATES: list[tuple[RecurrentCell, Back, str, str]] = [
    (RNNCell(2, 3), rnn, "straight", "slope_on_the_way"),
    (GRUCell(2, 3), gru, "kept", "state_kept_missing"),
    (LSTMCell(2, 3), lstm, "gate", "cell_gate_missing"),
    (LSTMCell(2, 3, cell_output=True), lstm, "gate", "cell_gate_missing"),
    (LSTMCell(2, 3), lstm, "stops", "zeros"),
]


def named(cell: RecurrentCell, back: Back, wrong: str, *, states: bool) -> list[str]:
    verdict = check(spoiled(cell, back, wrong, states=states), witnesses=())
    assert verdict.outcome == ("wrong" if wrong else "right"), verdict.text()
    return [str(one.key) for one in verdict.mistakes]


# With states beside x and without, in turn.
BOTH_WAYS = quick_where(
    [(*one, states) for one in PLANTED for states in (False, True)],
    lambda place, _: place // 2 % 2 == place % 2,
)


@pytest.mark.parametrize(("cell", "back", "wrong", "mistake", "states"), BOTH_WAYS)
def test_a_mistake_in_a_cell_is_named(
    cell: RecurrentCell, back: Back, wrong: str, mistake: str, states: bool
) -> None:
    assert named(cell, back, wrong, states=states) == [mistake]


@pytest.mark.parametrize(("cell", "back", "wrong", "mistake"), OF_STATES)
def test_a_mistake_in_what_goes_on_to_the_step_before_is_named(
    cell: RecurrentCell, back: Back, wrong: str, mistake: str
) -> None:
    assert named(cell, back, wrong, states=True) == [mistake]


@pytest.mark.parametrize(
    ("cell", "back"),
    [
        (RNNCell(2, 3), rnn),
        (GRUCell(2, 3), gru),
        (LSTMCell(2, 3), lstm),
        (LSTMCell(2, 3, cell_output=True), lstm),
    ],
)
def test_what_is_planted_in_is_right(cell: RecurrentCell, back: Back) -> None:
    assert named(cell, back, "", states=True) == []
