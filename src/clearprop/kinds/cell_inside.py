"""What is inside a cell, entry by entry with its numbers: the lines of the layer over time, of a
sequence that has the states before at its first time and the step at its second."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, product_text
from clearprop.kinds.lstm_inside import LSTM_INSIDE, lstm_signals
from clearprop.kinds.recurrent_inside import (
    GRU_INSIDE,
    RNN_INSIDE,
    Lines,
    UnitAtTime,
    gru_signals,
    hidden_back,
    kept,
    rnn_signals,
    worked_in,
)
from clearprop.kinds.row import Arithmetic, InnerEntry, Inside, OneEntry

BEFORE = "_before"
_STEP = 1


def _over_time(entry: InnerEntry, name: str) -> InnerEntry:
    """An entry of a cell as one of two times."""

    def both(arrays: Mapping[str, Array]) -> dict[str, Array]:
        steps = {one: array for one, array in arrays.items() if not one.endswith(BEFORE)}
        return {
            one: np.stack([arrays.get(f"{one}{BEFORE}", np.zeros_like(array)), array])
            for one, array in steps.items()
        }

    def twice(array: Array) -> Array:
        return np.stack([np.zeros_like(array), array])

    return entry._replace(
        layer=entry.layer.over_time,
        input=twice(entry.input),
        output=twice(entry.output),
        output_gradient=twice(entry.output_gradient),
        values=both(entry.values),
        gradients=both(entry.gradients),
        place=(0 if name.endswith(BEFORE) else _STEP, *entry.place),
    )


def _told(name: str, lines: Callable[[InnerEntry], tuple[Arithmetic, ...]]) -> Any:
    return lambda entry: lines(_over_time(entry, name))


def _of_step(inside: Mapping[str, Inside]) -> dict[str, Inside]:
    return {
        name: one._replace(forward=_told(name, one.forward), backward=_told(name, one.backward))
        for name, one in inside.items()
    }


def _given(symbol: str, name: str, back: Lines, equation: str) -> Inside:
    """A state before the step, which nothing here makes."""

    def forward(entry: InnerEntry) -> tuple[Arithmetic, ...]:
        value = float(entry.values[name][entry.place])
        return (Arithmetic(symbol, (brief(value),), value),)

    def backward(entry: InnerEntry) -> tuple[Arithmetic, ...]:
        # What the lines begin with is ∂C/∂y of the first time, and nothing puts that one out.
        *more, last = back(UnitAtTime(_over_time(entry, name)))
        return *more, last._replace(symbol=f"∂C/∂{symbol}", right=last.right[1:])

    return Inside(symbol, forward, backward, f"{symbol} is given, or 0", equation)


def _cell_before(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    factors = at.later_gradients("cell")[at.unit], at.later_values("forget")[at.unit]
    told = ("0", product_text(*map(float, factors)))
    return (Arithmetic("", told, at.gradient("cell")),)


def _cell(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """∂C/∂c of an LSTM, which may be put out beside its state."""
    *more, last = LSTM_INSIDE["cell"].backward(_over_time(entry, "cell"))
    if not entry.layer.cell_output:
        return *more, last
    own = float(entry.output_gradient[entry.layer.hidden + entry.place[0]])
    return *more, last._replace(right=(brief(own), *last.right))


RNN_CELL_INSIDE: Mapping[str, Inside] = {
    "hidden_before": _given("h", "hidden_before", hidden_back(rnn_signals), "∂C/∂h = ∂C/∂a · Uᵀ"),
    **_of_step(RNN_INSIDE),
}
GRU_CELL_INSIDE: Mapping[str, Inside] = {
    "hidden_before": _given(
        "h", "hidden_before", hidden_back(gru_signals, kept), "∂C/∂h = z ⊙ ∂C/∂h′ + ∂C/∂q · Uᵀ"
    ),
    **_of_step(GRU_INSIDE),
}
LSTM_CELL_INSIDE: Mapping[str, Inside] = {
    "hidden_before": _given("h", "hidden_before", hidden_back(lstm_signals), "∂C/∂h = ∂C/∂a · Uᵀ"),
    "cell_before": _given("c", "cell_before", _cell_before, "∂C/∂c = f ⊙ ∂C/∂c′"),
    **_of_step(LSTM_INSIDE),
}
LSTM_CELL_INSIDE = {
    **LSTM_CELL_INSIDE,
    "cell": LSTM_CELL_INSIDE["cell"]._replace(backward=_cell),
}


def worked_step(inside: Mapping[str, Inside]) -> Callable[[OneEntry], tuple[Arithmetic, ...]]:
    """One entry of the output as it is made: of the new state, or of the cell behind it."""

    def worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
        is_cell, unit = divmod(entry.place[0], entry.layer.hidden)
        name = "cell" if is_cell else "hidden"
        return worked_in(inside, name, entry._replace(place=(unit,)))

    return worked
