"""RNN, GRU and LSTM as ONNX's operators of these names, in their order of gates, and back.

There the times come first, X (T, N, in) and Y (T, directions, N, H), so a file turns both round;
weights are (directions, G·H, in), and both biases stand in one row, that of x first. Every number
of a gate that ONNX leaves open (clipping, other activations) is refused.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent, parts
from clearprop.kinds.onnx_terms import (
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    op,
)

# Where ONNX's gates stand in ours: LSTM's are i o f g there, GRU's z r n, ours PyTorch's.
ORDERS: Mapping[str, tuple[int, ...]] = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
USUAL: Mapping[str, tuple[str, ...]] = {
    "RNN": ("Tanh",),
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
}


def recurrent_forms(kind: type[Recurrent]) -> tuple[OnnxForm, ...]:
    """The ways to write and read one of the three: with biases, without, and as exporters write
    it, with starting states of zeros."""
    with_bias = _form(kind, Slot("bias"))
    without = _form(kind)
    empty = None
    starts = [Slot("hidden")] if kind.__name__ != "LSTM" else [Slot("hidden"), Slot("cell")]
    started = [_form(kind, bias, empty, *starts) for bias in (Slot("bias"), empty)]
    return (with_bias, without, *started)


def _form(kind: type[Recurrent], *more: Operand) -> OnnxForm:
    attributes: dict[str, Any] = {
        "hidden_size": Held("size", 0),
        "direction": Held("direction", "forward"),
        "activations": Held("activations", None),
        "layout": Held("layout", 0),
    }
    if kind.__name__ == "GRU":
        attributes["linear_before_reset"] = Held("reset_after", 0)
    turned = op("Transpose", X, perm=(1, 0, 2))
    cell = Term(
        kind.__name__,
        (turned, Slot("weight"), Slot("recurrence"), *more),
        tuple(attributes.items()),
    )
    term = op("Transpose", op("Squeeze", cell, Slot("direction_axis")), perm=(1, 0, 2))
    written = "bias" if more == (Slot("bias"),) else None if more else ""
    return OnnxForm(
        term,
        lambda at: None if written is None else _values(at, bias=bool(written)),
        lambda found, dtype: read_recurrent(kind, found),
        14,
    )


def _values(at: OnnxPlace, *, bias: bool) -> Mapping[str, Any] | None:
    layer = at.layer
    if at.stacked or layer.bias != bias:
        return None
    kind = type(layer).__name__
    order = ORDERS[kind]

    def rows(name: str) -> Array:
        gates = parts(at.params[name], layer.hidden)
        return np.concatenate([gates[place] for place in order], axis=-1).T[None]

    found: dict[str, Any] = {
        "weight": rows("weight_ih"),
        "recurrence": rows("weight_hh"),
        "direction_axis": np.array([1]),
        "size": layer.hidden,
        "direction": "reverse" if layer.reverse else "forward",
        "activations": ["Relu"] if getattr(layer, "nonlinearity", "") == "relu" else None,
        "layout": None,
    }
    if bias:
        both = [rows(name)[0].T for name in ("bias_ih", "bias_hh")]
        found["bias"] = np.concatenate(both, axis=-1)
    if kind == "GRU":
        found["reset_after"] = int(layer.reset_after)
    return found


def read_recurrent(kind: type[Recurrent], found: Mapping[str, Any]) -> ReadLayer | None:
    """The layer and its arrays, from an operator's arrays and attributes under the names of the
    forms; None for two directions and for settings that no layer here has."""
    name = kind.__name__
    weight, recurrence = found["weight"], found["recurrence"]
    direction = _word(found.get("direction") or "forward")
    if direction not in ("forward", "reverse") or found.get("layout"):
        return None
    if weight.ndim != 3 or recurrence.ndim != 3 or len(weight) != 1:
        return None
    if any(np.any(found[state]) for state in ("hidden", "cell") if state in found):
        return None
    gates, size = len(ORDERS[name]), recurrence.shape[-1]
    settings: dict[str, Any] = {"reverse": direction == "reverse", "bias": "bias" in found}
    activations = tuple(map(_word, found.get("activations") or USUAL[name]))
    if name == "RNN" and activations in (("Tanh",), ("Relu",)):
        settings["nonlinearity"] = activations[0].lower()
    elif activations != USUAL[name]:
        return None
    if name == "GRU":
        settings["reset_after"] = bool(found.get("reset_after", 0))

    def columns(array: Array) -> Array:
        """(…, G·H) in our order of gates."""
        theirs = parts(array, size)
        return np.concatenate([theirs[place] for place in np.argsort(ORDERS[name])], axis=-1)

    params = {
        "weight_ih": columns(weight[0].T),
        "weight_hh": columns(recurrence[0].T),
    }
    if "bias" in found:
        params["bias_ih"] = columns(found["bias"][:, : gates * size])
        params["bias_hh"] = columns(found["bias"][:, gates * size :])
    return ReadLayer(kind(weight.shape[-1], size, **settings), params)


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
