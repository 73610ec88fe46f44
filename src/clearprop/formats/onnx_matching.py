"""Where in an ONNX model a layer's term stands (`kinds.onnx_terms`): from a wire backwards.

A term is compared with the nodes before a wire, node by node; `Add`, `Mul`, `Max` and `Min` in
either order of what they take. Where all of it stands there, the names in the term have the file's
constants and attributes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.lstm import LSTM
from clearprop.formats.onnx_graph import OnnxSource, attributes_of
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.onnx_terms import (
    Anything,
    Beside,
    Choice,
    Held,
    OnnxForm,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
)

COMMUTATIVE = ("Add", "Mul", "Max", "Min")
# How far a constant may be from a term's, as exporters round it.
CLOSE = {"float32": 1e-6, "float64": 1e-13}
# All terms, the larger first: a part of a layer may be a layer as well.
FORMS: tuple[OnnxForm, ...] = tuple(
    sorted(
        (form for row in LAYER_ROWS.values() for form in row.onnx_forms),
        key=lambda form: -form.term.size,
    )
)

# What was found, by the names in a term; the wire of a side input by itself.
Found = Mapping[str | Beside, Any]


class MatchedLayer(NamedTuple):
    """A layer that a wire comes out of, the wire that it takes, and those of its side inputs."""

    layer: ReadLayer
    source: str
    beside: Mapping[str, str]


def layer_before(source: OnnxSource, wire: str) -> MatchedLayer | None:
    """The layer that puts out a wire; None where no layer's term stands there."""
    for form in FORMS:
        for found in matches(source, form.term, wire, {}):
            beside = {name.name: wire for name, wire in found.items() if isinstance(name, Beside)}
            values = {
                name: value
                for name, value in found.items()
                if name != X.name and not isinstance(name, Beside)
            }
            made = form.layer(values, source.dtype)
            if made is not None and X.name in found:
                return MatchedLayer(made, found[X.name], beside)
    return None


def matches(source: OnnxSource, operand: Operand, wire: str, found: Found) -> Iterator[Found]:
    """Every way in which an operand stands at a wire, beside what was found before."""
    if operand is None:
        if not wire:
            yield found
    elif isinstance(operand, Anything):
        yield found
    elif isinstance(operand, Beside):
        if is_beside(source, operand.name, wire) and found.get(operand, wire) == wire:
            yield {**found, operand: wire}
    elif isinstance(operand, Choice):
        for key, one in operand.options:
            if found.get(operand.name, key) == key:
                yield from matches(source, one, wire, {**found, operand.name: key})
    elif operand == X:
        if wire and wire not in source.constants and found.get(X.name, wire) == wire:
            yield {**found, X.name: wire}
    elif isinstance(operand, Term):
        yield from _node_matches(source, operand, wire, found)
    elif wire in source.constants:
        array = source.constants[wire]
        if isinstance(operand, Slot):
            before = found.get(operand.name)
            if before is None or np.array_equal(before, array):
                yield {**found, operand.name: array}
        elif _is_number(array, operand):
            yield found


def is_beside(source: OnnxSource, name: str, wire: str) -> bool:
    """Whether a wire that comes in is a side input: by its name; lengths and states by any, for
    nothing else stands where they do."""
    if name == LENGTHS:
        return source.inputs.get(wire) == "i"
    if name in LSTM.states:
        return source.inputs.get(wire) == "f"
    return wire == name and wire in source.inputs


def _node_matches(source: OnnxSource, term: Term, wire: str, found: Found) -> Iterator[Found]:
    node = source.nodes.get(wire)
    if node is None or node.op_type != term.operator or node.domain not in ("", "ai.onnx"):
        return
    if node.output[0] != wire:
        return
    inputs = list(node.input)
    attributes = attributes_of(node)
    if term.operator == "ReduceMean" and len(inputs) == 2:
        # Its axes are an input since operator set 18.
        axes = source.constants.get(inputs.pop())
        attributes["axes"] = () if axes is None else axes.tolist()
    while inputs and not inputs[-1]:
        inputs.pop()
    bound = _attributes(term, attributes, found)
    if bound is None or len(inputs) > len(term.inputs):
        return
    inputs += [""] * (len(term.inputs) - len(inputs))
    orders = [inputs]
    if term.operator in COMMUTATIVE and len(inputs) == 2:
        orders.append(inputs[::-1])
    for order in orders:
        yield from _all_match(source, term.inputs, order, bound)


def _all_match(
    source: OnnxSource, operands: tuple[Operand, ...], wires: list[str], found: Found
) -> Iterator[Found]:
    if not operands:
        yield found
        return
    for one in matches(source, operands[0], wires[0], found):
        yield from _all_match(source, operands[1:], wires[1:], one)


def _attributes(term: Term, there: dict[str, Any], found: Found) -> Found | None:
    """What was found, with a node's attributes; None where they are not the term's."""
    bound = dict(found)
    told = dict(term.attributes)
    for name, value in told.items():
        if isinstance(value, Held):
            bound[value.name] = there.get(name, value.default)
            if not _alike(bound[value.name], value.default):
                return None
        elif not _same(there.get(name, _default(term.operator, name)), value):
            return None
    for name, value in there.items():
        if name not in told and not _same(value, _default(term.operator, name)):
            return None
    return bound


def _alike(value: Any, default: Any) -> bool:
    """Whether an attribute has the type that it should have; any where it is usually left out."""
    if default is None:
        return True
    kinds = float | np.floating if isinstance(default, float) else type(default)
    if isinstance(default, tuple):
        kinds = list | tuple
    return isinstance(value, kinds)


def _default(operator: str, name: str) -> Any:
    from onnx import defs, helper

    declared = defs.get_schema(operator).attributes.get(name)
    if declared is None or not declared.default_value.name:
        return None
    value = helper.get_attribute_value(declared.default_value)
    return value.decode() if isinstance(value, bytes) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        return other is not None and one is not None and list(one) == list(other)
    return bool(one == other)


def _is_number(array: Array, expected: float) -> bool:
    if array.size != 1 or array.dtype.kind != "f":
        return False
    close = CLOSE[array.dtype.name]
    return bool(abs(float(array.reshape(())) - expected) <= close * max(abs(expected), 1e-3))
