"""ONNX's operators that are layers here: what our layer makes of a case's inputs.

Each function returns the operator's outputs in order; None stands for one that our layer has not.
Where ONNX and clearprop lay numbers out otherwise (channels along the second axis, a product with
its first factor turned round, a normalization over several axes), the function does what whoever
reads an ONNX file would do: move axes and flatten.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import (
    BatchNorm,
    Dropout,
    Embedding,
    Hardtanh,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    PReLU,
    RMSNorm,
    Softmax,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Context
from clearprop.engine.layers.positions import Turns, turn
from clearprop.kinds.counterparts import OnnxOperator
from clearprop.kinds.kind_tables import LAYER_ROWS
from tests.onnx_nodes.cases import NodeCase

IN_USE = Context(training=False)


class OnnxDraws(Context):
    """A context whose generator is the one that ONNX's cases draw dropout masks with."""

    def generator(self) -> Any:
        return np.random.RandomState(0)


def value(layer: Layer, x: Array, context: Context = IN_USE, **params: Array) -> Array:
    """The layer's output."""
    return layer.forward(params, x, context)[0]


def operator(kind: type[Layer]) -> OnnxOperator:
    """The operator of a layer, by its row."""
    found = LAYER_ROWS[kind].onnx
    assert found is not None
    return found


def made(kind: Callable[..., Any], case: NodeCase, *given: Any, **more: Any) -> Any:
    """The layer with the settings that a case's attributes say."""
    settings = LAYER_ROWS[kind].onnx.settings(case.attribute)  # type: ignore[index, union-attr]
    return kind(*given, **{**settings, **more})


def elementwise(kind: type[Layer]) -> Callable[[NodeCase], tuple[Array]]:
    return lambda case: (value(made(kind, case), case.x),)


def gemm(case: NodeCase) -> tuple[Array]:
    a, b, c = (case.input(place) for place in range(3))
    x = a.T if case.attribute("transA") else a
    weight = (b.T if case.attribute("transB") else b) * np.float32(case.attribute("alpha", 1))
    inputs, outputs = weight.shape
    if c is None:
        return (value(Linear(inputs, outputs, bias=False), x, weight=weight),)
    bias = np.broadcast_to(c * np.float32(case.attribute("beta", 1)), (1, outputs))
    return (value(Linear(inputs, outputs), x, weight=weight, bias=bias),)


def matrix_product(case: NodeCase) -> tuple[Array]:
    """Matrices behind leading axes are many networks at once, each with its own x and weight."""
    x, weight = case.x, case.input(1)
    shape = (*x.shape[:-1], weight.shape[-1])
    if x.ndim > 2:
        x, weight = (array.reshape(-1, *array.shape[-2:]) for array in (x, weight))
    context = Context(training=False, networks=len(x) if x.ndim > 2 else None)
    layer = Linear(weight.shape[-2], weight.shape[-1], bias=False)
    return (value(layer, x, context, weight=weight).reshape(shape),)


def prelu(case: NodeCase) -> tuple[Array]:
    """A slope for every entry is one for every feature of a single sample."""
    slope = case.input(1)
    weight = slope.reshape(1, -1)
    x = case.x.reshape(-1, slope.size) if slope.ndim > 1 else case.x
    return (value(PReLU(slope.size), x, weight=weight).reshape(case.x.shape),)


def clip(case: NodeCase) -> tuple[Array]:
    """A bound that is left out is the dtype's own, which is ONNX's default."""
    limits = np.finfo(case.x.dtype)
    low, high = case.input(1, limits.min), case.input(2, limits.max)
    return (value(Hardtanh(float(low), float(high)), case.x),)


def softmax(kind: type[Layer]) -> Callable[[NodeCase], tuple[Array]]:
    def run(case: NodeCase) -> tuple[Array]:
        axis = operator(kind).settings(case.attribute)["axis"]
        axis = axis if axis < 0 else axis - case.x.ndim
        # The first axis is the samples' here, so x goes in as one sample.
        return (value(made(kind, case, axis=axis), case.x[None])[0],)

    return run


def dropout(case: NodeCase) -> tuple[Array | None, ...]:
    training = bool(case.input(2, False))
    ratio = float(case.input(1, case.attribute("ratio", 0.5)))
    y, cache, _ = Dropout(ratio).forward({}, case.x, OnnxDraws(training=training))
    mask = np.ones(case.x.shape, bool) if cache.mask is None else cache.mask != 0
    return (y, mask)[: len(case.outputs)]


def batch_norm(case: NodeCase) -> tuple[Array, ...]:
    """Every place of a picture is a sample, so (N, C, H, W) goes in as (N·H·W, C).

    ONNX's momentum is the share of the old, and it remembers the biased variance.
    """
    x, scale, shift, mean, variance = (case.input(place) for place in range(5))
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    layer = made(BatchNorm, case, x.shape[1], momentum=1 - case.attribute("momentum", 0.9))
    training = bool(case.attribute("training_mode"))
    state = {"running_mean": mean[None], "running_var": variance[None], "num_batches": np.array(0)}
    context = Context(training=training, state=state)
    y, _, new = layer.forward({"weight": scale[None], "bias": shift[None]}, rows, context)
    y = np.moveaxis(y.reshape(*x.shape[:1], *x.shape[2:], x.shape[1]), -1, 1)
    if not training:
        return (y,)
    old = 0.9 * variance
    biased = old + (new["running_var"][0] - old) * (len(rows) - 1) / len(rows)
    return y, new["running_mean"][0], biased


def layer_norm(case: NodeCase) -> tuple[Array | None, ...]:
    """Over the last axes together, which are the features then. The mean is not kept by ours."""
    x, scale, shift = (case.input(place) for place in range(3))
    features, shape = _normalized(case)
    layer = made(LayerNorm, case, features)
    params = {"weight": scale.reshape(1, -1), "bias": shift.reshape(1, -1)}
    y, cache, _ = layer.forward(params, x.reshape(-1, features), IN_USE)
    return y.reshape(x.shape), None, cache.inverse.reshape(shape)


def rms_norm(case: NodeCase) -> tuple[Array]:
    features, _ = _normalized(case)
    layer = made(RMSNorm, case, features)
    y = value(layer, case.x.reshape(-1, features), weight=case.input(1).reshape(1, -1))
    return (y.reshape(case.x.shape),)


def _normalized(case: NodeCase) -> tuple[int, tuple[int, ...]]:
    """How many numbers are normalized together, and the shape of what they share."""
    axis = case.attribute("axis", -1) % case.x.ndim
    kept = case.x.shape[:axis]
    return int(np.prod(case.x.shape[axis:])), (*kept, *(1,) * (case.x.ndim - axis))


def gather(case: NodeCase) -> tuple[Array]:
    """The axis that is gathered along counts the rows of the table."""
    data, ids = case.x, case.input(1)
    axis = case.attribute("axis", 0)
    table = np.moveaxis(data, axis, 0)
    flat = table.reshape(len(table), -1)
    rows = value(Embedding(*flat.shape), ids, weight=flat)
    y = rows.reshape(*ids.shape, *table.shape[1:])
    return (np.moveaxis(y, range(ids.ndim), range(axis, axis + ids.ndim)),)


OF_KINDS: dict[type[Layer], Callable[[NodeCase], tuple[Array | None, ...]]] = {
    **{
        kind: elementwise(kind)
        for kind, row in LAYER_ROWS.items()
        if issubclass(kind, Activation) and row.onnx is not None
    },
    Linear: gemm,
    PReLU: prelu,
    Hardtanh: clip,
    Softmax: softmax(Softmax),
    LogSoftmax: softmax(LogSoftmax),
    Dropout: dropout,
    BatchNorm: batch_norm,
    LayerNorm: layer_norm,
    RMSNorm: rms_norm,
    Embedding: gather,
}


# A Linear without a bias is a product of matrices as well.
def rotary(case: NodeCase) -> tuple[Array]:
    """The turning itself, by the angles that a case hands over; ours make their own."""
    x, cosines, sines, ids = (case.input(place) for place in range(4))
    heads = case.attribute("num_heads", 0)
    if x.ndim == 3:
        x = x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)
    if ids is not None:
        cosines, sines = cosines[ids], sines[ids]
    turned = x.copy()
    size = case.attribute("rotary_embedding_dim", 0) or x.shape[-1]
    turns = Turns(cosines[:, None], sines[:, None])
    is_interleaved = bool(case.attribute("interleaved", 0))
    turned[..., :size] = turn(x[..., :size], turns, interleaved=is_interleaved)
    return (turned if case.x.ndim == 4 else turned.swapaxes(1, 2).reshape(case.x.shape),)


LAYERS = {
    "RotaryEmbedding": rotary,
    **{operator(kind).name: run for kind, run in OF_KINDS.items()},
    "MatMul": matrix_product,
}
