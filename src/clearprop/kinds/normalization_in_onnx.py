"""BatchNorm, LayerNorm and RMSNorm of ONNX's operators, beside what their rows say."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.channel_normalization import ChannelBatchNorm
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.kinds.onnx_terms import (
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    mean,
    number,
    op,
    row,
)

_W, _B, _MEAN, _VARIANCE = Slot("weight"), Slot("bias"), Slot("mean"), Slot("variance")
_EPS = Slot("epsilon")
_EPSILON = {"epsilon": Held("epsilon", 1e-5)}
_MOMENTUM = {"momentum": Held("momentum", 0.9)}
_IN_USE = op("Div", op("Sub", X, _MEAN), op("Sqrt", op("Add", _VARIANCE, _EPS)))


def _over_root(x: Operand, square: Operand, axis: int = -1) -> tuple[Term, ...]:
    """An array over the root of a mean; the first is written, exporters have the others too."""
    root = op("Sqrt", op("Add", mean(square, axis), _EPS))
    return (
        op("Div", x, root),
        op("Mul", x, op("Reciprocal", root)),
        op("Mul", x, op("Div", 1.0, root)),
    )


def _of(axis: int) -> Term:
    """An array less its mean over an axis, over its deviation."""
    centred = op("Sub", X, mean(X, axis))
    return _over_root(centred, op("Mul", centred, centred), axis)[0]


def _arrays(at: OnnxPlace, *names: str) -> dict[str, Array]:
    """Scale and shift of a normalization, 1 and 0 where it has none."""
    shape = (1, at.layer.features)
    plain = {"weight": np.ones(shape, at.dtype), "bias": np.zeros(shape, at.dtype)}
    return {name: at.params.get(name, plain[name]) for name in names}


def _batch_norm_node(at: OnnxPlace) -> dict[str, Any] | None:
    # The operator takes the second axis for the features, ours is the last.
    return None if at.axes > 1 else _channel_batch_norm_node(at)


def _channel_batch_norm_node(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked or not at.layer.running_statistics:
        return None
    momentum = {} if at.layer.momentum is None else {"momentum": 1 - at.layer.momentum}
    arrays = _arrays(at, "weight", "bias") | _running(at)
    return {name: array[0] for name, array in arrays.items()} | momentum | _epsilon(at)


def _in_use(at: OnnxPlace) -> dict[str, Any] | None:
    if not at.layer.running_statistics:
        return None
    return {**at.params, **_running(at), **_epsilon(at)}


def _own_statistics(at: OnnxPlace) -> dict[str, Any] | None:
    # Several axes before the features would all be averaged over.
    if at.layer.running_statistics or at.axes > 1 or at.stacked:
        return None
    return _arrays(at, "weight", "bias") | _epsilon(at)


def _beside_images(arrays: Mapping[str, Array], axes: int) -> dict[str, Any]:
    """Rows (1, C) as they meet images channel by channel: (1, C, 1, 1)."""
    return {name: one.reshape(1, -1, *(1,) * (axes - 1)) for name, one in arrays.items()}


def _channels_in_use(at: OnnxPlace) -> dict[str, Any] | None:
    if not at.layer.running_statistics or at.stacked or at.axes < 2:
        return None
    return _beside_images({**at.params, **_running(at)}, at.axes) | _epsilon(at)


def _channels_in_use_read(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer | None:
    arrays = {name: value for name, value in found.items() if name != "epsilon"}
    shapes = {one.shape for one in arrays.values()}
    (shape, *others) = shapes
    if others or len(shape) < 3 or shape != (1, shape[1], *(1,) * (len(shape) - 2)):
        return None
    rows = {name: one.reshape(1, -1) for name, one in arrays.items()}
    made = _batch_norm_read({**rows, "epsilon": found["epsilon"]}, dtype)
    return None if made is None else over_channels(made)


def over_channels(made: ReadLayer) -> ReadLayer:
    """A normalization that was read as one of rows, for images."""
    if not isinstance(made.layer, BatchNorm):
        return made
    return made._replace(layer=ChannelBatchNorm(**made.layer.settings()))


def _own_channel_statistics(at: OnnxPlace) -> dict[str, Any] | None:
    if at.layer.running_statistics or at.stacked:
        return None
    arrays = _beside_images(_arrays(at, "weight", "bias"), at.axes)
    return arrays | {"axes": (0, *range(2, at.axes + 1))} | _epsilon(at)


def _scaled_in_onnx(at: OnnxPlace) -> dict[str, Any]:
    # The operators always scale, and how many features there are stands nowhere else.
    shift = ("bias",) if "bias" in at.params else ()
    return _arrays(at, "weight", *shift) | _epsilon(at)


def _running(at: OnnxPlace) -> dict[str, Array]:
    return {"mean": at.state["running_mean"], "variance": at.state["running_var"]}


def _epsilon(at: OnnxPlace) -> dict[str, float]:
    epsilon = at.layer.epsilon
    return {"epsilon": float(np.finfo(at.dtype).eps) if epsilon is None else epsilon}


def _batch_norm_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    arrays = _rows(found, "weight", "bias", "mean", "variance")
    epsilon = number(found["epsilon"])
    if arrays is None or epsilon is None:
        return None
    momentum = round(1 - float(found.get("momentum", 0.9)), 7)
    state = {}
    if "mean" in arrays:
        state = {
            "running_mean": arrays.pop("mean"),
            "running_var": arrays.pop("variance"),
            "num_batches": np.zeros((), np.int64),
        }
    features = next(iter((*arrays.values(), *state.values()))).shape[-1]
    layer = BatchNorm(features, epsilon, momentum, bool(arrays), bool(state))
    return ReadLayer(layer, arrays, {name: state[name] for name in layer.state()})


def _never_read(*_: object) -> None:
    """Of rows and of images alike, the operator is read as the layer of rows; whoever knows that
    images come in makes the other of it."""


def _own_channels_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    weight, bias, epsilon = found["weight"], found["bias"], number(found["epsilon"])
    axes = sorted(found["axes"])
    over = [0, *range(2, weight.ndim)]
    if epsilon is None or axes != over or bias.shape != weight.shape or weight.ndim < 3:
        return None
    layer = ChannelBatchNorm(weight.size, epsilon, running_statistics=False)
    return ReadLayer(layer, {"weight": weight.reshape(1, -1), "bias": bias.reshape(1, -1)})


def _layer_norm_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    arrays, epsilon = _rows(found, "weight", "bias"), number(found["epsilon"])
    if arrays is None or epsilon is None:
        return None
    layer = LayerNorm(arrays["weight"].shape[-1], epsilon, bias="bias" in arrays)
    return ReadLayer(layer, arrays)


def _rms_norm_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    arrays, epsilon = _rows(found, "weight"), number(found["epsilon"])
    if arrays is None or epsilon is None:
        return None
    return ReadLayer(RMSNorm(arrays["weight"].shape[-1], epsilon), arrays)


def _rows(found: Mapping[str, Any], *names: str) -> dict[str, Array] | None:
    """The constants as rows of one length; None where they are something else."""
    rows = {name: row(found[name]) for name in names if name in found}
    sizes = {None if one is None else one.shape[-1] for one in rows.values()}
    if len(sizes) != 1 or None in sizes:
        return None
    return {name: one for name, one in rows.items() if one is not None}


BATCH_NORM_FORMS = (
    OnnxForm(
        op("BatchNormalization", X, _W, _B, _MEAN, _VARIANCE, **_EPSILON, **_MOMENTUM),
        _batch_norm_node,
        _batch_norm_read,
    ),
    OnnxForm(op("Add", op("Mul", _IN_USE, _W), _B), _in_use, _batch_norm_read),
    OnnxForm(_IN_USE, _in_use, _batch_norm_read),
    OnnxForm(op("Add", op("Mul", _of(0), _W), _B), _own_statistics, _batch_norm_read),
)
_OVER = {"axes": Held("axes", ()), "keepdims": 1}
_CENTRED = op("Sub", X, op("ReduceMean", X, **_OVER))
_BY_CHANNEL = op(
    "Div",
    _CENTRED,
    op("Sqrt", op("Add", op("ReduceMean", op("Mul", _CENTRED, _CENTRED), **_OVER), _EPS)),
)
CHANNEL_BATCH_NORM_FORMS = (
    OnnxForm(BATCH_NORM_FORMS[0].term, _channel_batch_norm_node, _never_read),
    OnnxForm(op("Add", op("Mul", _IN_USE, _W), _B), _channels_in_use, _channels_in_use_read),
    OnnxForm(_IN_USE, _channels_in_use, _channels_in_use_read),
    OnnxForm(
        op("Add", op("Mul", _BY_CHANNEL, _W), _B), _own_channel_statistics, _own_channels_read
    ),
)
LAYER_NORM_FORMS = tuple(
    OnnxForm(term, _scaled_in_onnx, _layer_norm_read, since)
    for term, since in (
        (op("LayerNormalization", X, _W, _B, axis=-1, **_EPSILON), 17),
        (op("LayerNormalization", X, _W, axis=-1, **_EPSILON), 17),
        (op("Add", op("Mul", _of(-1), _W), _B), 1),
        (op("Mul", _of(-1), _W), 1),
    )
)
RMS_NORM_FORMS = (
    OnnxForm(
        op("RMSNormalization", X, _W, axis=-1, **_EPSILON), _scaled_in_onnx, _rms_norm_read, 23
    ),
    *(
        OnnxForm(op("Mul", normal, _W), _scaled_in_onnx, _rms_norm_read)
        for square in (op("Mul", X, X), op("Pow", X, 2.0))
        for normal in _over_root(X, square)
    ),
)
