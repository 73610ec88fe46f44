"""RNNCell, GRUCell and LSTMCell of ONNX's operators: RNN, GRU or LSTM over a sequence of one time,
from the states that stand beside x in the file, or from 0.

An LSTMCell that puts out its cell too is written out of products and gates: what is made of a node
here is its first output. A start of 0 leaves the weights of that state out of the file, and they
come back as 0.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent_arrays import parts
from clearprop.engine.layers.recurrent_cells import LSTMCell, RecurrentCell
from clearprop.kinds.onnx_terms import (
    Beside,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    op,
)
from clearprop.kinds.recurrent_in_onnx import OPSET, Given, node_of, node_values, read_recurrent


def cell_forms(kind: type[RecurrentCell]) -> tuple[OnnxForm, ...]:
    """The ways to write one of the three, beside the states that a file has, and to read it."""
    states = kind(1, 1).states
    given = [
        tuple(state for state, has in zip(states, told, strict=True) if has)
        for told in product((False, True), repeat=len(states))
    ]
    forms = [_as_sequence(kind, one, bias) for one in given for bias in (True, False)]
    if kind is LSTMCell:
        forms += [_written_out(one, bias) for one in given for bias in (True, False)]
    return tuple(forms)


def _as_sequence(kind: type[RecurrentCell], states: tuple[str, ...], bias: bool) -> OnnxForm:
    loop = type(kind(1, 1).over_time)
    starts: list[Operand] = [
        op("Unsqueeze", Beside(state), Slot("time_axis")) if state in states else None
        for state in loop.states
    ]
    given = Given(bias=bias, starts=tuple(starts))
    sequence = op("Unsqueeze", X, Slot("time_axis"))
    term = op("Squeeze", node_of(loop, sequence, 0, given), Slot("both_axes"))

    def values(at: OnnxPlace) -> Mapping[str, Any] | None:
        one: RecurrentCell = at.layer
        if _beside(at) != states or getattr(one, "cell_output", False):
            return None
        found = node_values(at._replace(layer=one.over_time), given, projected=False)
        if found is None:
            return None
        own = {name: value for name, value in found.items() if name != "direction_axis"}
        return {**own, "time_axis": np.array([0]), "both_axes": np.array([0, 1])}

    def read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        axes = [np.asarray(found[name]).tolist() for name in ("time_axis", "both_axes")]
        if axes != [[0], [0, 1]] or found.get("lengths0", "none") != "none":
            return None
        own = {name.removesuffix("0"): one for name, one in found.items() if name.endswith("0")}
        made = read_recurrent(loop, own, both=False, samples_first=False)
        if made is None or made.layer.reverse or getattr(made.layer, "peepholes", False):  # type: ignore[attr-defined]
            return None
        settings = made.layer.settings()
        told = {name: settings[name] for name in _SETTINGS if name in settings}
        return ReadLayer(kind(settings["inputs"], settings["hidden"], **told), made.params)

    return OnnxForm(term, values, read, OPSET)


# What a cell has of the settings of the layer over time.
_SETTINGS = ("bias", "nonlinearity", "reset_after")


def _beside(at: OnnxPlace) -> tuple[str, ...]:
    return tuple(state for state in at.layer.states if state in at.beside)


def _written_out(states: tuple[str, ...], bias: bool) -> OnnxForm:
    """An LSTMCell that puts out h′ and c′ side by side."""

    def sum_of(gate: str) -> Term:
        total = op("MatMul", X, Slot(f"w_{gate}"))
        if "hidden" in states:
            total = op("Add", total, op("MatMul", Beside("hidden"), Slot(f"u_{gate}")))
        return op("Add", total, Slot(f"b_{gate}")) if bias else total

    i, f, o = (op("Sigmoid", sum_of(gate)) for gate in "ifo")
    cell = op("Mul", i, op("Tanh", sum_of("g")))
    if "cell" in states:
        cell = op("Add", op("Mul", f, Beside("cell")), cell)
    term = op("Concat", op("Mul", o, op("Tanh", cell)), cell, axis=-1)

    def values(at: OnnxPlace) -> Mapping[str, Any] | None:
        one: LSTMCell = at.layer
        if at.stacked or _beside(at) != states or not one.cell_output or one.bias != bias:
            return None
        found: dict[str, Any] = {}
        for name, place in (("w", "weight_ih"), ("u", "weight_hh"), ("b", "bias_ih")):
            if place not in at.params or (name == "u" and "hidden" not in states):
                continue
            array = at.params[place] + (at.params["bias_hh"] if name == "b" else 0)
            gates = zip("ifgo", parts(array, one.hidden), strict=True)
            # Without a cell before, nothing is kept.
            found |= {f"{name}_{g}": part for g, part in gates if g != "f" or "cell" in states}
        return found

    def read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        inputs, hidden = found["w_i"].shape[0], found["w_i"].shape[-1]
        rows = {"w": inputs, "u": hidden, "b": 1}
        if any(array.shape != (rows[name[0]], hidden) for name, array in found.items()):
            return None

        # What a start of 0 is multiplied by the file has not got, and it comes back as 0.
        def side_by_side(name: str) -> Array:
            none = np.zeros((rows[name], hidden), found["w_i"].dtype)
            return np.concatenate([found.get(f"{name}_{gate}", none) for gate in "ifgo"], axis=-1)

        params = {"weight_ih": side_by_side("w"), "weight_hh": side_by_side("u")}
        if bias:
            params["bias_ih"] = side_by_side("b")
            params["bias_hh"] = np.zeros_like(params["bias_ih"])
        return ReadLayer(LSTMCell(inputs, hidden, bias=bias, cell_output=True), params)

    return OnnxForm(term, values, read, OPSET)
