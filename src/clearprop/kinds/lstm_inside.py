"""What is inside an LSTM, entry by entry with its numbers: how a gate, a cell or a state is made at
one time, and how ∂C/∂(it) adds up from what takes it."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import product_text
from clearprop.kinds.recurrent_inside import (
    OUTPUT,
    UnitAtTime,
    gate_inside,
    hidden_back,
    inside_of,
    product_lines,
)
from clearprop.kinds.row import Arithmetic, Inside


def _squashed(at: UnitAtTime) -> float:
    return float(np.tanh(at.value("cell")))


def lstm_signals(at: UnitAtTime) -> dict[int, Array]:
    """∂C/∂a of the time behind, by gate."""
    found = {}
    for gate, name in enumerate(at.layer.gates):
        v = at.later_values(name)
        slope = 1 - v * v if name == "candidate" else v * (1 - v)
        found[gate] = at.later_gradients(name) * slope
    return found


def _cell(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    told = (
        product_text(at.value("forget"), at.state("cell")),
        product_text(at.value("input"), at.value("candidate")),
    )
    return (Arithmetic("c", told, at.value("cell")),)


def _made(at: UnitAtTime) -> tuple[tuple[Arithmetic, ...], float]:
    """∂C/∂m of m = o ⊙ tanh(c), which is ∂C/∂h, or comes back through the projection; and the line
    that says how."""
    if not at.layer.projection:
        return (), at.gradient("hidden")
    signals = at.entry.gradients["hidden"][at.time].astype(float)
    weights = at.entry.params["weight_hr"][at.unit].astype(float)
    value = float(signals @ weights)
    return (Arithmetic("∂C/∂m", (), value, (signals, weights)),), value


def _output_back(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    lines, signal = _made(at)
    told = (product_text(signal, _squashed(at)),)
    return *lines, Arithmetic("∂C/∂o", told, at.gradient("output"))


def _through_peephole(at: UnitAtTime, gate: int, value: float, gradient: float) -> str:
    """What comes back to the cell through a gate that sees it."""
    return product_text(gradient, value, 1 - value, at.peephole(gate))


def _cell_back(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    squashed, (lines, signal) = _squashed(at), _made(at)
    told = [product_text(signal, at.value("output"), 1 - squashed * squashed)]
    if at.layer.peepholes:
        told.append(_through_peephole(at, OUTPUT, at.value("output"), at.gradient("output")))
    if at.later is not None and at.layer.peepholes:
        for gate, name in enumerate(at.layer.gates[:2]):
            value, gradient = at.later_values(name), at.later_gradients(name)
            told.append(
                _through_peephole(at, gate, float(value[at.unit]), float(gradient[at.unit]))
            )
    if at.later is not None:
        later = (
            float(at.later_gradients("cell")[at.unit]),
            float(at.later_values("forget")[at.unit]),
        )
        told.append(product_text(*later))
    return *lines, Arithmetic("∂C/∂c", tuple(told), at.gradient("cell"))


def _lstm_hidden(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    if at.layer.projection:
        values = at.entry.values
        made = (values["output"][at.time] * np.tanh(values["cell"][at.time])).astype(float)
        weights = at.entry.params["weight_hr"][:, at.unit].astype(float)
        return (Arithmetic("h", (), at.value("hidden"), (made, weights)),)
    told = (product_text(at.value("output"), _squashed(at)),)
    return *_cell(at), Arithmetic("h", told, at.value("hidden"))


LSTM_INSIDE: Mapping[str, Inside] = {
    "input": gate_inside(
        "input",
        "i",
        0,
        "σ",
        product_lines(
            "input", "i", lambda at: at.gradient("cell"), lambda at: at.value("candidate")
        ),
    ),
    "forget": gate_inside(
        "forget",
        "f",
        1,
        "σ",
        product_lines("forget", "f", lambda at: at.gradient("cell"), lambda at: at.state("cell")),
    ),
    "candidate": gate_inside(
        "candidate",
        "g",
        2,
        "tanh",
        product_lines(
            "candidate", "g", lambda at: at.gradient("cell"), lambda at: at.value("input")
        ),
    ),
    "output": gate_inside(
        "output",
        "o",
        3,
        "σ",
        _output_back,
    ),
    "cell": inside_of("c", _cell, _cell_back),
    "hidden": inside_of("h", _lstm_hidden, hidden_back(lstm_signals)),
}
