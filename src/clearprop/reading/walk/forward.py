"""The stages of the forward pass: what every layer takes and makes, and one entry worked out."""

from collections.abc import Callable

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.graph import Index, Node, join_path
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import PReLU
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.records import ForwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.reading.largest_terms import bracketed, product_text
from clearprop.reading.nodes import is_activation
from clearprop.reading.walk.arithmetic import label, sum_of_products
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, WalkStage, WorkedLine

PARAMETERS = {
    Linear: {"weight": "W", "bias": "b"},
    PReLU: {"weight": "s"},
    BatchNorm: {"weight": "γ", "bias": "β"},
    LayerNorm: {"weight": "γ", "bias": "β"},
    RMSNorm: {"weight": "γ"},
    Embedding: {"weight": "W"},
}


def symbols(layer: Layer) -> tuple[str, str]:
    """What a layer's input and output are called."""
    if is_activation(layer):
        return "z", "a"
    return ("x", "z") if isinstance(layer, Linear) else ("x", "y")


def parameter_symbol(layer: Layer, name: str) -> str:
    """What a layer's parameter is called in its equations; its own name for one of one's own."""
    return PARAMETERS.get(type(layer), {}).get(name, name)


def runs_constant(record: ForwardRecord) -> bool:
    """Whether a layer ran as it does in use: without a draw, or with running statistics."""
    if isinstance(record.layer, Dropout):
        return record.cache.mask is None
    return isinstance(record.layer, BatchNorm) and record.cache.constant


def layer_stage(step: Step, node: Node, sample: int) -> WalkStage:
    """One layer's forward."""
    record = step.forward[node.path]
    taken, made = symbols(node.layer)
    arrays = [StageArray(taken, node.source, ArrayRole.SAMPLES, record.input)]
    arrays += [
        StageArray(
            parameter_symbol(node.layer, name), join_path(node.path, name), ArrayRole.WHOLE, values
        )
        for name, values in record.params.items()
    ]
    if isinstance(node.layer, Dropout) and record.cache.mask is not None:
        arrays.append(StageArray("m", node.path, ArrayRole.SAMPLES, record.cache.mask))
    arrays.append(StageArray(made, node.path, ArrayRole.SAMPLES, record.output))
    arrays += [
        StageArray(name, node.path, ArrayRole.WHOLE, values)
        for name, values in step.forward.state.get(node.path, {}).items()
    ]
    work = WORK.get(type(node.layer), _activation if is_activation(node.layer) else None)
    worked = () if work is None else work(record, record.params, sample, _first(record.output))
    equations = of_layer(node.layer, constant=runs_constant(record)).forward
    return WalkStage(
        part=Part.FORWARD,
        path=node.path,
        name=repr_short(node.layer),
        equations=equations,
        worked=tuple(worked),
        arrays=tuple(arrays),
    )


def _first(output: Array) -> Index:
    """The entry that is worked out: the first of a sample."""
    return (0,) * (output.ndim - 1)


Work = Callable[[ForwardRecord, Tree, int, Index], list[WorkedLine]]


def _linear(record: ForwardRecord, tree: Tree, sample: int, index: Index) -> list[WorkedLine]:
    x = record.input[sample][index[:-1]].astype(np.float64)
    bias = [float(tree["bias"][0, index[-1]])] if "bias" in tree else []
    value = float(record.output[sample][index])
    weights = tree["weight"][:, index[-1]].astype(np.float64)
    return [sum_of_products(label("z", sample, index), x, weights, value, *bias)]


def _activation(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[WorkedLine]:
    name, z = type(record.layer).__name__, float(record.input[sample][index])
    value = float(record.output[sample][index])
    return [WorkedLine(label("a", sample, index), (f"{name}({brief(z)})",), value)]


def _prelu(record: ForwardRecord, tree: Tree, sample: int, index: Index) -> list[WorkedLine]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    slope = tree["weight"].ravel()[index[-1] if tree["weight"].size > 1 else 0]
    right = brief(x) if x > 0 else product_text(float(slope), x)
    return [WorkedLine(label("y", sample, index), (right,), y)]


def _normalization(
    record: ForwardRecord, tree: Tree, sample: int, index: Index
) -> list[WorkedLine]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    normal = float(record.cache.x_hat[sample][index])
    inverse = np.broadcast_to(record.cache.inverse, record.output.shape)
    r = float(inverse[sample][index])
    centred = x if isinstance(record.layer, RMSNorm) else normal / r
    written = product_text(centred, r)
    if not isinstance(record.layer, RMSNorm):
        written = f"({brief(x)} − {bracketed(x - centred)}) × {brief(r)}"
    lines = [WorkedLine(label("x̂", sample, index), (written,), normal)]
    scale = float(tree["weight"][0, index[-1]]) if "weight" in tree else 1.0
    right = [product_text(scale, normal)]
    if "bias" in tree:
        right.append(brief(float(tree["bias"][0, index[-1]])))
    return [*lines, WorkedLine(label("y", sample, index), tuple(right), y)]


def _dropout(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[WorkedLine]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    mask = record.cache.mask
    right = brief(x) if mask is None else product_text(x, float(mask[sample][index]))
    return [WorkedLine(label("y", sample, index), (right,), y)]


def _embedding(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[WorkedLine]:
    row = int(record.input[sample][index[:-1]])
    value = float(record.output[sample][index])
    return [WorkedLine(label("y", sample, index), (f"W[{row},{index[-1]}]",), value)]


def _softmax(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[WorkedLine]:
    x, y = record.input[sample].astype(np.float64), float(record.output[sample][index])
    axis = record.layer.settings()["axis"]
    exponents = np.exp(x - x.max(axis=axis, keepdims=True))
    total = np.broadcast_to(exponents.sum(axis=axis, keepdims=True), x.shape)[index]
    entry = float((x - x.max(axis=axis, keepdims=True))[index])
    right = f"e^({brief(entry)}) / {brief(float(total))}"
    if isinstance(record.layer, LogSoftmax):
        right = f"{brief(entry)} − ln {brief(float(total))}"
    return [WorkedLine(label("y", sample, index), (right,), y)]


WORK: dict[type[Layer], Work] = {
    Linear: _linear,
    PReLU: _prelu,
    BatchNorm: _normalization,
    LayerNorm: _normalization,
    RMSNorm: _normalization,
    Dropout: _dropout,
    Embedding: _embedding,
    Softmax: _softmax,
    LogSoftmax: _softmax,
}
