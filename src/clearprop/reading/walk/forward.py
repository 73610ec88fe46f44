"""The stages of the forward pass: what every layer takes and makes, and one entry worked out."""

from collections.abc import Callable, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.addresses import Index
from clearprop.engine.graph import join_path
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import PReLU
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.network import ForwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.engine.wires import Node, Sum, is_activation
from clearprop.reading.explanation.signal_words import product
from clearprop.reading.walk.arithmetic import bracketed, label, sum_of_products
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.stages import NamedArray, Stage, Worked

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


def layer_stage(step: Step, node: Node, sample: int) -> Stage:
    """One layer's forward."""
    record = step.forward[node.path]
    taken, made = symbols(node.layer)
    arrays = [NamedArray(taken, node.source, "samples", record.input)]
    arrays += [
        NamedArray(parameter_symbol(node.layer, name), join_path(node.path, name), "whole", values)
        for name, values in node.tree.items()
        if isinstance(values, np.ndarray)
    ]
    if isinstance(node.layer, Dropout) and record.cache.mask is not None:
        arrays.append(NamedArray("m", node.path, "samples", record.cache.mask))
    arrays.append(NamedArray(made, node.path, "samples", record.output))
    arrays += [
        NamedArray(name, node.path, "whole", values)
        for name, values in _state_at(step.forward.state, node.path).items()
    ]
    work = WORK.get(type(node.layer), _activation if is_activation(node.layer) else None)
    worked = () if work is None else work(record, node.tree, sample, _first(record.output))
    equations = of_layer(node.layer, constant=runs_constant(record)).forward
    return Stage(
        "forward", node.path, repr_short(node.layer), equations, tuple(worked), tuple(arrays)
    )


def sum_stage(step: Step, one: Sum, sample: int) -> Stage:
    """The sum of a Residual."""
    wiring = step.wiring
    (x, branch), y = (wiring.values(term) for term in one.terms), wiring.values(one.path)
    index = _first(y)
    entries = float(x[sample][index]), float(branch[sample][index])
    written = tuple(map(brief, entries))
    return Stage(
        "sum",
        one.path,
        "Residual",
        ("y = x + f(x)",),
        (Worked(label("y", sample, index), written, float(y[sample][index])),),
        (
            NamedArray("x", one.terms[0], "samples", x),
            NamedArray("f(x)", one.terms[1], "samples", branch),
            NamedArray("y", one.path, "samples", y),
        ),
    )


def _state_at(state: Tree, path: str) -> Mapping[str, Array]:
    """The state that the layer at `path` returned, by name."""
    found = state
    # A path's parts are the names of children, one below the other.
    for name in path.split(".") if path else ():
        found = found.get(name, {})
    return {name: values for name, values in found.items() if isinstance(values, np.ndarray)}


def _first(output: Array) -> Index:
    """The entry that is worked out: the first of a sample."""
    return (0,) * (output.ndim - 1)


Work = Callable[[ForwardRecord, Tree, int, Index], list[Worked]]


def _linear(record: ForwardRecord, tree: Tree, sample: int, index: Index) -> list[Worked]:
    x = record.input[sample][index[:-1]].astype(np.float64)
    bias = [float(tree["bias"][0, index[-1]])] if "bias" in tree else []
    value = float(record.output[sample][index])
    weights = tree["weight"][:, index[-1]].astype(np.float64)
    return [sum_of_products(label("z", sample, index), x, weights, value, *bias)]


def _activation(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[Worked]:
    name, z = type(record.layer).__name__, float(record.input[sample][index])
    value = float(record.output[sample][index])
    return [Worked(label("a", sample, index), (f"{name}({brief(z)})",), value)]


def _prelu(record: ForwardRecord, tree: Tree, sample: int, index: Index) -> list[Worked]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    slope = tree["weight"].ravel()[index[-1] if tree["weight"].size > 1 else 0]
    right = brief(x) if x > 0 else product(float(slope), x)
    return [Worked(label("y", sample, index), (right,), y)]


def _normalization(record: ForwardRecord, tree: Tree, sample: int, index: Index) -> list[Worked]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    normal = float(record.cache.x_hat[sample][index])
    inverse = np.broadcast_to(record.cache.inverse, record.output.shape)
    r = float(inverse[sample][index])
    centred = x if isinstance(record.layer, RMSNorm) else normal / r
    written = product(centred, r)
    if not isinstance(record.layer, RMSNorm):
        written = f"({brief(x)} − {bracketed(x - centred)}) × {brief(r)}"
    lines = [Worked(label("x̂", sample, index), (written,), normal)]
    scale = float(tree["weight"][0, index[-1]]) if "weight" in tree else 1.0
    right = [product(scale, normal)]
    if "bias" in tree:
        right.append(brief(float(tree["bias"][0, index[-1]])))
    return [*lines, Worked(label("y", sample, index), tuple(right), y)]


def _dropout(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[Worked]:
    x, y = float(record.input[sample][index]), float(record.output[sample][index])
    mask = record.cache.mask
    right = brief(x) if mask is None else product(x, float(mask[sample][index]))
    return [Worked(label("y", sample, index), (right,), y)]


def _embedding(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[Worked]:
    row = int(record.input[sample][index[:-1]])
    value = float(record.output[sample][index])
    return [Worked(label("y", sample, index), (f"W[{row},{index[-1]}]",), value)]


def _softmax(record: ForwardRecord, _: Tree, sample: int, index: Index) -> list[Worked]:
    x, y = record.input[sample].astype(np.float64), float(record.output[sample][index])
    axis = record.layer.settings()["axis"]
    exponents = np.exp(x - x.max(axis=axis, keepdims=True))
    total = np.broadcast_to(exponents.sum(axis=axis, keepdims=True), x.shape)[index]
    entry = float((x - x.max(axis=axis, keepdims=True))[index])
    right = f"e^({brief(entry)}) / {brief(float(total))}"
    if isinstance(record.layer, LogSoftmax):
        right = f"{brief(entry)} − ln {brief(float(total))}"
    return [Worked(label("y", sample, index), (right,), y)]


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
