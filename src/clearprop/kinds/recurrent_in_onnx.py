"""RNN, GRU and LSTM as ONNX's operators of these names, in their order of gates, and back.

There the times come first, X (T, N, in) and Y (T, directions, N, H), so a file turns both round;
weights are (directions, G·H, in), and both biases stand in one row, that of x first. Every number
of a gate that ONNX leaves open (clipping, other activations) is refused.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.combinators import Concatenate, Sequential
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_arrays import parts
from clearprop.kinds.onnx_terms import (
    ANYTHING,
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

# The operator set in which Squeeze takes its axes as an input.
OPSET = 13
# So many layers one behind another are known at most.
MOST_LAYERS = 4
# Where ONNX's gates stand in ours: LSTM's are i o f g there, GRU's z r n, ours PyTorch's.
ORDERS: Mapping[str, tuple[int, ...]] = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
USUAL: Mapping[str, tuple[str, ...]] = {
    "RNN": ("Tanh",),
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
}


def recurrent_forms(kind: type[Recurrent]) -> tuple[OnnxForm, ...]:
    """The ways to write one of the three, with biases and without, and to read it; PyTorch's
    exporter writes starting states as zeros of a shape that it works out, both directions as one
    node, and the layers of a module one behind another, the times first all the way."""
    read = [
        _form(kind, both, depth, bias=bias, zeros=zeros)
        for both in (False, True)
        for depth in range(1, MOST_LAYERS + 1)
        for zeros in (False, True)
        for bias in (True, False)
    ]
    with_bias = read[0]._replace(values=lambda at: _values(at, bias=True))
    without = read[1]._replace(values=lambda at: _values(at, bias=False))
    return (with_bias, without, *read[2:])


def _form(kind: type[Recurrent], both: bool, depth: int, *, bias: bool, zeros: bool) -> OnnxForm:
    wire: Operand = op("Transpose", X, perm=(1, 0, 2))
    for number in range(depth):
        wire = _cell(kind, wire, number, bias=bias, zeros=zeros)
        if both:
            wire = op("Reshape", op("Transpose", wire, perm=(0, 2, 1, 3)), Slot("rows"))
        else:
            wire = op("Squeeze", wire, Slot("direction_axis"))
    term = op("Transpose", wire, perm=(1, 0, 2))
    return OnnxForm(term, lambda _: None, lambda found, _: _read_stack(kind, found, depth), OPSET)


def _cell(kind: type[Recurrent], wire: Operand, number: int, *, bias: bool, zeros: bool) -> Term:
    """One node, whose arrays and attributes have their names with its number."""

    def slot(name: str) -> Slot:
        return Slot(f"{name}{number}")

    told = {"hidden_size": ("size", 0), "linear_before_reset": ("reset_after", 0)}
    told |= dict.fromkeys(("direction", "activations", "layout"), ("", None))  # type: ignore[arg-type]
    if kind.__name__ != "GRU":
        del told["linear_before_reset"]
    attributes = tuple(
        (theirs, Held(f"{ours or theirs}{number}", default))
        for theirs, (ours, default) in told.items()
    )
    more: list[Operand] = [slot("bias")] if bias else [None] if zeros else []
    if zeros:
        more += [None, *(op("Expand", slot(name), ANYTHING) for name in kind.states)]
    inputs = (wire, slot("weight"), slot("recurrence"), *more)
    return Term(kind.__name__, inputs, attributes)


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
        "size": layer.hidden,
        "direction": "reverse" if layer.reverse else None,
        "activations": ["Relu"] if getattr(layer, "nonlinearity", "") == "relu" else None,
        "layout": None,
    }
    if bias:
        both = [rows(name)[0].T for name in ("bias_ih", "bias_hh")]
        found["bias"] = np.concatenate(both, axis=-1)
    if kind == "GRU":
        found["reset_after"] = int(layer.reset_after)
    return {"direction_axis": np.array([1]), **{f"{name}0": one for name, one in found.items()}}


def _read_stack(kind: type[Recurrent], found: Mapping[str, Any], depth: int) -> ReadLayer | None:
    """The layers one behind another, as they stand in a form."""
    made = []
    for number in range(depth):
        names = [name for name in found if name.endswith(str(number))]
        own = {name.removesuffix(str(number)): found[name] for name in names}
        one = read_recurrent(kind, own, "rows" in found)
        if one is None:
            return None
        made.append(one)
    if depth == 1:
        return made[0]
    params = {
        f"layers[{number}].{name}": array
        for number, one in enumerate(made)
        for name, array in one.params.items()
    }
    return ReadLayer(Sequential(*(one.layer for one in made)), params)


def read_recurrent(kind: type[Recurrent], found: Mapping[str, Any], both: bool) -> ReadLayer | None:
    """The layer and its arrays, from an operator's arrays and attributes by their names; for two
    directions, which `both` asks for, two side by side. None for settings that no layer here
    has."""
    direction = _word(found.get("direction") or "forward")
    counts = {"bidirectional": 2} if both else {"forward": 1, "reverse": 1}
    count = counts.get(direction, 0)
    starts_from_0 = not any(np.any(found[state]) for state in kind.states if state in found)
    shaped = all(
        found[name].ndim == 3 and len(found[name]) == count for name in ("weight", "recurrence")
    )
    settings = _settings(kind, found, count)
    if found.get("layout") or not starts_from_0 or not count or not shaped or settings is None:
        return None
    made = [
        ReadLayer(
            kind(*_sizes(found), reverse=direction == "reverse" or number == 1, **settings),
            _arrays(kind, found, number),
        )
        for number in range(count)
    ]
    if count == 1:
        return made[0]
    params = {
        f"branches[{number}].{name}": array
        for number, one in enumerate(made)
        for name, array in one.params.items()
    }
    return ReadLayer(Concatenate(*(one.layer for one in made)), params)


def _settings(kind: type[Recurrent], found: Mapping[str, Any], count: int) -> dict[str, Any] | None:
    name = kind.__name__
    settings: dict[str, Any] = {"bias": "bias" in found}
    told = tuple(map(_word, found.get("activations") or USUAL[name] * count))
    one = told[: len(USUAL[name])]
    if told != one * count:
        return None
    if name == "RNN" and one in (("Tanh",), ("Relu",)):
        settings["nonlinearity"] = one[0].lower()
    elif one != USUAL[name]:
        return None
    if name == "GRU":
        settings["reset_after"] = bool(found.get("reset_after", 0))
    return settings


def _sizes(found: Mapping[str, Any]) -> tuple[int, int]:
    return int(found["weight"].shape[-1]), int(found["recurrence"].shape[-1])


def _arrays(kind: type[Recurrent], found: Mapping[str, Any], direction: int) -> dict[str, Array]:
    """The arrays of one direction, in our order of gates and our layout."""
    order, (_, size) = np.argsort(ORDERS[kind.__name__]), _sizes(found)

    def columns(array: Array) -> Array:
        theirs = parts(array, size)
        return np.concatenate([theirs[place] for place in order], axis=-1)

    params = {
        "weight_ih": columns(found["weight"][direction].T),
        "weight_hh": columns(found["recurrence"][direction].T),
    }
    if "bias" in found:
        bias = found["bias"][direction : direction + 1]
        width = len(order) * size
        params["bias_ih"] = columns(bias[:, :width])
        params["bias_hh"] = columns(bias[:, width:])
    return params


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
