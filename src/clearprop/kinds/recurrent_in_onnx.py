"""RNN, GRU and LSTM as ONNX's operators of these names, in their order of gates, and back.

There the times come first, X (T, N, in) and Y (T, directions, N, H), so a file turns both round;
weights are (directions, G·H, in), and both biases stand in one row, that of x first. Files whose
samples come first (`layout`) are read too. A start is 0, or an input of the file: the states (N, H)
of one layer, or (directions, N, H), or a part of those of all layers, as PyTorch's exporter has it.
What ONNX leaves open beyond that (clipping, other activations, i and f as one gate, a start that is
a constant and not 0) is refused by its name.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Concatenate, Sequential
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_arrays import parts
from clearprop.engine.layers.rnn import RNN
from clearprop.kinds.onnx_terms import (
    ANYTHING,
    Beside,
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    choice,
    op,
)

# The operator set in which Squeeze takes its axes as an input.
OPSET = 13
# What no layer here has.
REFUSED_ATTRIBUTES = ("clip", "input_forget")
_INT32 = 6  # as ONNX counts dtypes
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
        _form(kind, both, depth, Given(bias=bias))
        for both in (False, True)
        for depth in range(1, MOST_LAYERS + 1)
        for bias in (True, False)
    ]
    seeing = [True, False] if kind is LSTM else [False]
    written = [
        _form(kind, False, 1, Given(bias=bias, peephole=peephole), projected=projected)
        for bias in (True, False)
        for peephole in seeing
        for projected in seeing
    ]
    others = [
        _form(kind, both, 1, Given(bias=bias, peephole=peephole), samples_first=first)
        for both in (False, True)
        for first in (False, True)
        for bias in (True, False)
        for peephole in seeing
        if first or peephole
    ]
    return (*written, *read, *others)


class Given(NamedTuple):
    """What a node is given beside x and its two matrices: biases; what its gates have of the cell;
    starting states where they are not what `_start` says."""

    bias: bool
    peephole: bool = False
    starts: tuple[Operand, ...] = ()


def _form(
    kind: type[Recurrent],
    both: bool,
    depth: int,
    given: Given,
    *,
    samples_first: bool = False,
    projected: bool = False,
) -> OnnxForm:
    wire: Operand = X if samples_first else op("Transpose", X, perm=(1, 0, 2))
    for number in range(depth):
        wire = node_of(kind, wire, number, given)
        if both:
            wire = wire if samples_first else op("Transpose", wire, perm=(0, 2, 1, 3))
            wire = op("Reshape", wire, Slot("rows"))
        else:
            wire = op("Squeeze", wire, Slot("direction_axis"))
    term = wire if samples_first else op("Transpose", wire, perm=(1, 0, 2))
    assert isinstance(term, Term)
    if projected:
        # A file's product behind a layer is a Linear.
        term = op("MatMul", term, Slot("projection"))
        return OnnxForm(term, lambda at: node_values(at, given, projected), lambda *_: None, OPSET)

    def read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        return _read_stack(kind, found, depth, samples_first)

    def values(at: OnnxPlace) -> Mapping[str, Any] | None:
        is_written = depth == 1 and not both and not samples_first
        return node_values(at, given, projected) if is_written else None

    return OnnxForm(term, values, read, OPSET)


def node_of(kind: type[Recurrent], wire: Operand, number: int, given: Given) -> Term:
    """One node, whose arrays and attributes have their names with its number."""

    def slot(name: str) -> Slot:
        return Slot(f"{name}{number}")

    told = {"hidden_size": ("size", 0), "linear_before_reset": ("reset_after", 0)}
    told |= dict.fromkeys(("direction", "activations", "layout"), ("", None))  # type: ignore[arg-type]
    told |= dict.fromkeys(REFUSED_ATTRIBUTES, ("", None))  # type: ignore[arg-type]
    told |= dict.fromkeys(("activation_alpha", "activation_beta"), ("", None))  # type: ignore[arg-type]
    if kind is not GRU:
        del told["linear_before_reset"]
    if kind is not LSTM:
        del told["input_forget"]
    attributes = tuple(
        (theirs, Held(f"{ours or theirs}{number}", default))
        for theirs, (ours, default) in told.items()
    )
    # The operator counts them in 32 bits; files have them in either.
    lengths = choice(
        f"lengths{number}",
        {
            "none": None,
            "counted": op("Cast", Beside(LENGTHS), to=_INT32),
            "as they are": Beside(LENGTHS),
        },
    )
    more: list[Operand] = [slot("bias") if given.bias else None, lengths]
    starts = list(given.starts) or [_start(name, number) for name in kind.states]
    more += [*starts, slot("peephole")] if given.peephole else starts
    while more and more[-1] is None:
        more.pop()
    inputs = (wire, slot("weight"), slot("recurrence"), *more)
    return Term(kind.__name__, inputs, attributes)


def _start(state: str, number: int) -> Operand:
    """The state before the first time: 0, zeros of a shape that an exporter works out, the rows of
    one layer beside x, those of both directions, or a part of those of all layers."""

    def slot(name: str) -> Slot:
        return Slot(f"{state}_{name}{number}")

    part = (Beside(state), slot("from"), slot("to"), slot("axis"))
    options: dict[str, Operand] = {
        "none": None,
        "zeros": op("Expand", Slot(f"{state}{number}"), ANYTHING),
        "rows": op("Unsqueeze", Beside(state), slot("axis")),
        "as it is": Beside(state),
        "part": op("Slice", *part),
        "part in steps": op("Slice", *part, slot("step")),
    }
    return choice(f"{state}_start{number}", options)


def _starts_fit(
    kind: type[Recurrent], found: Mapping[str, Any], count: int, *, samples_first: bool
) -> bool:
    """Whether the states beside x are laid out as a node of so many directions takes them."""
    for state in kind.states:
        how = found.get(f"{state}_start", "none")
        axis, step = found.get(f"{state}_axis"), found.get(f"{state}_step")
        if axis is not None and axis.tolist() != [int(samples_first)]:
            return False
        if step is not None and step.tolist() != [1]:
            return False
        taken = 1 if how == "rows" else count
        if how.startswith("part"):
            taken = int(found[f"{state}_to"].item()) - int(found[f"{state}_from"].item())
        if taken != count:
            return False
    return True


def node_values(at: OnnxPlace, given: Given, projected: bool) -> Mapping[str, Any] | None:
    """What stands under a node's names; None where a layer has other settings."""
    layer = at.layer
    has = (layer.bias, getattr(layer, "peepholes", False), bool(getattr(layer, "projection", 0)))
    if at.stacked or has != (given.bias, given.peephole, projected):
        return None
    if projected and "hidden" in at.beside:
        # What a node carries on is what the cell puts out before the product.
        return None
    kind = type(layer).__name__
    order = ORDERS[kind]

    def rows(array: Array) -> Array:
        gates = parts(array, layer.hidden)
        return np.concatenate([gates[place] for place in order], axis=-1).T[None]

    recurrence = at.params["weight_hh"]
    if projected:
        # The cell's output before the product takes the place of the state: U met that product.
        recurrence = at.params["weight_hr"] @ recurrence
    found: dict[str, Any] = {
        "weight": rows(at.params["weight_ih"]),
        "recurrence": rows(recurrence),
        "size": layer.hidden,
        "direction": "reverse" if layer.reverse else None,
        "activations": ["Relu"] if getattr(layer, "nonlinearity", "") == "relu" else None,
        "layout": None,
        "lengths": "counted" if LENGTHS in at.beside else "none",
    }
    if not given.starts:
        for state in layer.states:
            found[f"{state}_start"] = "rows" if state in at.beside else "none"
            found |= {f"{state}_axis": np.array([0])} if state in at.beside else {}
    if given.bias:
        both = [rows(at.params[name])[0].T for name in ("bias_ih", "bias_hh")]
        found["bias"] = np.concatenate(both, axis=-1)
    if given.peephole:
        found["peephole"] = _turned(at.params["peephole"], layer.hidden)
    if kind == "GRU":
        found["reset_after"] = int(layer.reset_after)
    values = {"direction_axis": np.array([1]), **{f"{name}0": one for name, one in found.items()}}
    return values | ({"projection": at.params["weight_hr"]} if projected else {})


def _turned(peephole: Array, size: int) -> Array:
    """A peephole's gates i f o in ONNX's order i o f, and back."""
    i, second, third = parts(peephole, size)
    return np.concatenate([i, third, second], axis=-1)


def _read_stack(
    kind: type[Recurrent], found: Mapping[str, Any], depth: int, samples_first: bool
) -> ReadLayer | None:
    """The layers one behind another, as they stand in a form."""
    made = []
    for number in range(depth):
        names = [name for name in found if name.endswith(str(number))]
        own = {name.removesuffix(str(number)): found[name] for name in names}
        one = read_recurrent(kind, own, "rows" in found, samples_first=samples_first)
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


def read_recurrent(
    kind: type[Recurrent], found: Mapping[str, Any], both: bool, *, samples_first: bool
) -> ReadLayer | None:
    """The layer and its arrays, from an operator's arrays and attributes by their names; for two
    directions, which `both` asks for, two side by side. None where what is around the node does not
    go with its direction and layout.

    Raises ContractError for a setting that no layer here has, with its name.
    """
    direction = _word(found.get("direction") or "forward")
    counts = {"bidirectional": 2} if both else {"forward": 1, "reverse": 1}
    count = counts.get(direction, 0)
    shaped = all(
        found[name].ndim == 3 and len(found[name]) == count for name in ("weight", "recurrence")
    )
    if bool(found.get("layout")) != samples_first or not count or not shaped:
        return None
    if not _starts_fit(kind, found, count, samples_first=samples_first):
        return None
    settings = _settings(kind, found, count)
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


def _settings(kind: type[Recurrent], found: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The layer's settings. Raises ContractError for what no layer here has."""
    name = kind.__name__
    for attribute in REFUSED_ATTRIBUTES:
        if found.get(attribute):
            raise _refused(name, attribute, found[attribute], "—")
    for state in kind.states:
        if state in found and np.any(found[state]):
            raise _refused(name, f"initial_{state[0]}", "≠ 0", "0")
    settings: dict[str, Any] = {"bias": "bias" in found}
    told = tuple(_word(one).capitalize() for one in found.get("activations") or USUAL[name] * count)
    one = told[: len(USUAL[name])]
    usual = USUAL[name]
    known = [usual, ("Relu",)] if kind is RNN else [usual]
    if told != one * count or one not in known:
        raise _refused(
            name, "activations", ", ".join(told), " / ".join(", ".join(k) for k in known)
        )
    if kind is RNN:
        settings["nonlinearity"] = one[0].lower()
    if kind is GRU:
        settings["reset_after"] = bool(found.get("reset_after", 0))
    if "peephole" in found:
        settings["peepholes"] = True
    return settings


def _refused(operator: str, setting: str, value: object, known: str) -> ContractError:
    return ContractError(
        "onnx_recurrent_setting", operator=operator, setting=setting, value=value, known=known
    )


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
    if "peephole" in found:
        params["peephole"] = _turned(found["peephole"][direction : direction + 1], size)
    return params


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
