"""A whole model of a table as ONNX: an input for every column, as it stands in the table.

    numbers        double (N, 1), NaN where one is missing;
                   a date as days since 1970, and said to be one
    words          string (N, 1), "" where one is missing
    probabilities  double (N, C) and label (N,); of numbers `prediction` double (N, D)

Columns are measured and answers are averaged in float64, as the model itself does; the networks
compute in their own dtype. Words become features by `OneHotEncoder` of the domain ai.onnx.ml, where
a word that was not seen is none of them.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.graph import INPUT
from clearprop.formats.onnx_draft import GraphDraft
from clearprop.formats.onnx_writing import (
    LABEL,
    OPSET,
    OUTPUT,
    PROBABILITIES,
    draft_network,
    settle_opset,
)
from clearprop.formats.table_form import (
    DAYS,
    ClassAnswer,
    LabelAnswer,
    NumberAnswer,
    NumberColumn,
    TableForm,
    WordColumn,
)

if TYPE_CHECKING:
    import onnx

PREDICTION, LABELS = "prediction", "labels"


def table_to_onnx(form: TableForm, *, opset: int = OPSET) -> "onnx.ModelProto":
    """The model. Raises what `to_onnx` raises."""
    params = np.atleast_2d(form.params)
    draft = GraphDraft(params.dtype, settle_opset(opset), [column.name for column in form.columns])
    double = draft.onnx.TensorProto.DOUBLE
    features = [_column(draft, column) for column in form.columns if column.width]
    wire = draft.node("Concat", features, "features", axis=1)
    own = draft.onnx.helper.np_dtype_to_tensor_dtype(params.dtype)
    wire = draft.node("Cast", [wire], f"{INPUT}_features", to=own)
    width = sum(column.width for column in form.columns)
    wire = draft_network(
        draft, form.network, params, state=None, shape=(width,), source=wire, output=OUTPUT
    )
    wire = draft.node("Cast", [wire], f"{OUTPUT}_double", to=double)
    outputs = _answer(draft, form.answer, wire)
    inputs: dict[str, Any] = {
        column.name: (str if isinstance(column, WordColumn) else np.float64, ["N", 1])
        for column in form.columns
    }
    dates = [one for one in form.columns if isinstance(one, NumberColumn) and one.is_date]
    return draft.model(inputs, outputs, {column.name: DAYS for column in dates})


def _column(draft: GraphDraft, column: NumberColumn | WordColumn) -> str:
    name = column.name
    double = draft.onnx.TensorProto.DOUBLE
    if isinstance(column, WordColumn):
        encoded = draft.node(
            "OneHotEncoder",
            [name],
            f"{name}/words",
            domain="ai.onnx.ml",
            cats_strings=list(column.words),
            zeros=1,
        )
        flat = draft.node(
            "Squeeze", [encoded, draft.constant(np.array([1]), "middle")], f"{name}/flat"
        )
        return draft.node("Cast", [flat], f"{name}/features", to=double)
    value, missing = name, ""
    if column.fill is not None:
        missing = draft.node("IsNaN", [name], f"{name}/missing")
        fill = _double(draft, column.fill, f"{name}/fill")
        value = draft.node("Where", [missing, fill, name], f"{name}/filled")
    centre = _double(draft, column.centre, f"{name}/centre")
    factor = _double(draft, column.factor, f"{name}/factor")
    less = draft.node("Sub", [value, centre], f"{name}/centred")
    scaled = draft.node("Mul", [less, factor], f"{name}/scaled")
    if not column.indicator:
        return scaled
    said = draft.node("Cast", [missing], f"{name}/indicator", to=double)
    return draft.node("Concat", [scaled, said], f"{name}/features", axis=1)


def _answer(
    draft: GraphDraft, answer: NumberAnswer | ClassAnswer | LabelAnswer, wire: str
) -> dict[str, Any]:
    """The outputs, each with its dtype and shape, from every network's (K, N, D) in float64."""
    if isinstance(answer, NumberAnswer):
        wire = draft.node(
            "Mul", [wire, _double(draft, answer.deviation, "deviation")], "answer/scaled"
        )
        wire = draft.node("Add", [wire, _double(draft, answer.mean, "mean")], "answer/numbers")
        if answer.low is not None and answer.high is not None:
            wire = draft.node("Max", [wire, _double(draft, answer.low, "low")], "answer/above")
            wire = draft.node("Min", [wire, _double(draft, answer.high, "high")], "answer/held")
        wire = _average(draft, wire, PREDICTION if answer.order is None else "answer/average")
        if answer.order is not None:
            count = draft.constant(np.array([len(answer.order)]), "answer/count")
            node = draft.onnx.helper.make_node(
                "TopK", [wire, count], ["answer/sorted", "answer/places"], largest=0
            )
            draft.nodes.append(node)
            order = draft.constant(np.array(answer.order), "answer/order")
            wire = draft.node("Gather", ["answer/sorted", order], PREDICTION, axis=1)
        return {wire: (np.float64, ["N", len(answer.mean)])}
    if isinstance(answer, LabelAnswer):
        shares = draft.node("Sigmoid", [wire], "answer/shares")
        wire = _average(draft, shares, PROBABILITIES)
        half = _double(draft, 0.5, "half")
        above = draft.node("Greater", [wire, half], f"{LABELS}/above")
        labels = draft.node("Cast", [above], LABELS, to=draft.onnx.TensorProto.INT64)
        known = ["N", answer.count]
        return {wire: (np.float64, known), labels: (np.int64, known)}
    if answer.single:
        none = draft.node("Sub", [wire, wire], "answer/none")
        wire = draft.node("Concat", [none, wire], "answer/logits", axis=-1)
    shares = draft.node("Softmax", [wire], "answer/shares", axis=-1)
    wire = _average(draft, shares, PROBABILITIES)
    names = np.array(answer.classes)
    chosen = draft.node("ArgMax", [wire], f"{LABEL}/id", axis=-1, keepdims=0)
    kind: Any = str if names.dtype.kind in "OU" else names.dtype
    label = draft.node(
        "Gather", [draft.constant(names, "classes", names.dtype), chosen], LABEL, axis=0
    )
    return {label: (kind, ["N"]), wire: (np.float64, ["N", len(names)])}


def _average(draft: GraphDraft, wire: str, output: str) -> str:
    """The mean over the networks, the first axis."""
    if draft.opset < 18:
        return draft.node("ReduceMean", [wire], output, axes=[0], keepdims=0)
    axes = draft.constant(np.array([0]), "networks")
    return draft.node("ReduceMean", [wire, axes], output, keepdims=0)


def _double(draft: GraphDraft, value: Any, name: str) -> str:
    array: Array = np.asarray(value, np.float64)
    return draft.constant(array, name, np.dtype(np.float64))
