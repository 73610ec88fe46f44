"""A table's whole model out of ONNX, as `onnx_tables` writes it: columns, networks, answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.engine.graph import INPUT
from clearprop.formats.onnx_graph import OnnxSource, attributes_of, or_damaged, read_onnx
from clearprop.formats.onnx_matching import Found, matches
from clearprop.formats.onnx_reading import network_before
from clearprop.formats.table_form import (
    DAYS,
    ClassAnswer,
    LabelAnswer,
    NumberAnswer,
    NumberColumn,
    TableAnswer,
    TableColumn,
    TableForm,
    WordColumn,
)
from clearprop.kinds.onnx_terms import Slot, X, op

if TYPE_CHECKING:
    import onnx

FLOAT64 = 11  # as ONNX counts dtypes
_MISSING = op("IsNaN", X)
_FILLED = op("Where", _MISSING, Slot("fill"), X)
_NUMBERS = tuple(
    op("Mul", op("Sub", value, Slot("centre")), Slot("factor")) for value in (_FILLED, X)
)
_SCALED = op("Add", op("Mul", X, Slot("deviation")), Slot("mean"))
_ANSWERS = (op("Min", op("Max", _SCALED, Slot("low")), Slot("high")), _SCALED)


class _Network(NamedTuple):
    """Where the networks' outputs come out, and what these mean."""

    wire: str
    answer: TableAnswer


def holds_table(source: OnnxSource) -> bool:
    """Whether a model begins with a table's columns, as `onnx_tables` writes them."""
    return any(_is_features(source, wire) for wire in source.nodes)


def onnx_to_table(source: "str | Path | bytes | onnx.ModelProto") -> TableForm:
    """The model of a table in an ONNX file.

    Raises ContractError for a model that is written otherwise, with the node; and what `read_onnx`
    and `network_before` raise.
    """
    found = read_onnx(source)
    with or_damaged(found.path):
        return _form(found)


def _form(found: OnnxSource) -> TableForm:
    network = _answer(found)
    cast = _node(found, network.wire, "Cast")
    reached_from, features = _features(found)
    double = attributes_of(found.nodes[reached_from]).get("to") == FLOAT64
    own = replace(found, dtype=np.dtype(np.float64 if double else np.float32))
    traced = network_before(own, cast.input[0], {reached_from}).traced
    columns = tuple(_columns(found, features))
    return TableForm(columns, traced.network, np.atleast_2d(traced.params), network.answer)


def _answer(source: OnnxSource) -> _Network:
    wire = next((one for one in source.outputs if one in ("prediction", "probabilities")), None)
    if wire is None:
        raise ContractError("onnx_no_table", path=source.path, names=", ".join(source.outputs))
    inner = _node(source, wire, "ReduceMean").input[0]
    node = source.nodes[inner]
    if node.op_type == "Sigmoid":
        return _Network(node.input[0], LabelAnswer(source.widths.get(wire, 1)))
    if node.op_type == "Softmax":
        logits = node.input[0]
        classes = _classes(source)
        before = source.nodes[logits]
        if before.op_type != "Concat":
            return _Network(logits, ClassAnswer(classes))
        return _Network(before.input[1], ClassAnswer(classes, single=True))
    for term in _ANSWERS:
        for found in matches(source, term, inner, {}):
            return _Network(found[X.name], _numbers(found))
    raise _unknown(source, inner)


def _numbers(found: Found) -> NumberAnswer:
    told = {name: tuple(map(float, np.ravel(a))) for name, a in found.items() if name != X.name}
    return NumberAnswer(told["mean"], told["deviation"], told.get("low"), told.get("high"))


def _classes(source: OnnxSource) -> tuple[Any, ...]:
    label = _node(source, "label", "Gather")
    names = source.constants.get(label.input[0])
    if names is None:
        raise _unknown(source, "label")
    return tuple(np.ravel(names).tolist())


def _features(source: OnnxSource) -> tuple[str, list[str]]:
    """The wire of all features as the networks take them, and the columns' own."""
    for wire in source.nodes:
        if _is_features(source, wire):
            return wire, list(source.nodes[source.nodes[wire].input[0]].input)
    raise ContractError("onnx_no_table", path=source.path, names=", ".join(source.inputs))


def _is_features(source: OnnxSource, wire: str) -> bool:
    node = source.nodes[wire]
    before = source.nodes.get(node.input[0]) if node.input else None
    joined = before is not None and before.op_type == "Concat"
    return joined and node.op_type == "Cast" and wire.startswith(f"{INPUT}_features")


def _columns(source: OnnxSource, features: list[str]) -> Iterator[TableColumn]:
    for wire in features:
        node = source.nodes[wire]
        if node.op_type == "Cast":
            yield _words(source, wire)
        elif node.op_type == "Concat":
            yield replace(_number(source, node.input[0]), indicator=True)
        else:
            yield _number(source, wire)


def _words(source: OnnxSource, wire: str) -> WordColumn:
    flat = _node(source, _node(source, wire, "Cast").input[0], "Squeeze")
    encoder = _node(source, flat.input[0], "OneHotEncoder")
    words = attributes_of(encoder).get("cats_strings", ())
    return WordColumn(str(encoder.input[0]), tuple(map(str, words)))


def _number(source: OnnxSource, wire: str) -> NumberColumn:
    for term in _NUMBERS:
        for found in matches(source, term, wire, {}):
            fill = found.get("fill")
            return NumberColumn(
                found[X.name],
                _one(found["centre"]),
                _one(found["factor"]),
                None if fill is None else _one(fill),
                is_date=source.told.get(found[X.name]) == DAYS,
            )
    raise _unknown(source, wire)


def _one(array: Array) -> float:
    return float(array.reshape(-1)[0])


def _node(source: OnnxSource, wire: str, operator: str) -> Any:
    node = source.nodes.get(wire)
    if node is None or node.op_type != operator:
        raise _unknown(source, wire)
    return node


def _unknown(source: OnnxSource, wire: str) -> ContractError:
    return ContractError("onnx_no_table", path=source.path, names=wire)
