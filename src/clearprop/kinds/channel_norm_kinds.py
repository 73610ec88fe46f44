"""ChannelBatchNorm and GroupNorm: images less a mean, over a deviation, channel by channel."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import bracketed, brief, product_text
from clearprop.engine.layers.channel_normalization import ChannelBatchNorm, GroupNorm
from clearprop.kinds.counterparts import OnnxAttribute, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.normalization_in_onnx import CHANNEL_BATCH_NORM_FORMS
from clearprop.kinds.normalization_kinds import (
    NORMAL,
    NORMAL_BACK,
    SCALE_AND_SHIFT,
    SCALE_BACK,
    H,
    batch_norm_in_use,
    batch_norm_kernel,
    batch_norm_lines,
    centred_lines,
)
from clearprop.kinds.onnx_terms import (
    Held,
    OnnxForm,
    OnnxPlace,
    ReadLayer,
    Slot,
    X,
    mean,
    number,
    op,
)
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site, UsedLines
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    InUse,
    LayerExample,
    LayerRow,
    OneEntry,
)
from clearprop.kinds.window_places import norm_places


def _batch_norm(site: Site) -> Passes:
    """As of rows of features, where every place of every sample is a row of its channels."""
    inner = _of_pixels(site)
    passes = batch_norm_lines(inner)
    places = math.prod(site.shape[1:])
    back = () if site.dx is None else (_as_images(site, site.dx, inner.x.d, str(site.dy)),)
    return Passes(
        (_as_rows(site, inner.x, site.x), *passes.forward, _as_images(site, site.y, inner.y)),
        (_as_rows(site, inner.y.d, site.dy), *passes.backward, *back),
        statistics=tuple(replace(one, places=places) for one in passes.statistics),
    )


def _batch_norm_used(site: Site) -> UsedLines:
    """As of rows of features, over what training has remembered."""
    inner = _of_pixels(site)
    used = batch_norm_in_use(inner)
    ends = _as_rows(site, inner.x, site.x), _as_images(site, site.y, inner.y)
    return UsedLines((ends[0], *used.forward, ends[1]), used.state)


def _of_pixels(site: Site) -> Site:
    """The same layer on the rows of channels."""
    x, y = site.own("pixels", "X"), site.own("scaled", "Y")
    return replace(site, x=x, y=y, dx=x.d, dy=y.d, shape=site.shape[:1])


def _as_rows(site: Site, target: Symbol, images: Symbol) -> Line:
    channels = site.shape[0]
    return Line(
        f"{target} = np.moveaxis({images}, 1, -1).reshape(-1, {channels})",
        f"{target:math}[(n,t),c] = {images:math}[n,c,t]",
    )


def _as_images(site: Site, target: Symbol, rows: Symbol, like: str = "") -> Line:
    shape = ", ".join(map(str, (*site.shape[1:], site.shape[0])))
    return Line(
        f"{target} = np.moveaxis({rows}.reshape(len({like or site.x}), {shape}), -1, 1)",
        f"{target:math}[n,c,t] = {rows:math}[(n,t),c]",
    )


def _group_norm(site: Site) -> Passes:
    """Over the numbers of a group, sample by sample; then a scale and a shift a channel."""
    x, y, dx, dy, groups = site.x, site.y, site.dx, site.dy, site.layer.groups
    grouped, normal = site.own("grouped", "X"), site.own("normal", "X̂")
    inner = replace(site, x=grouped, y=normal, dx=grouped.d, dy=normal.d, params={}, gradients={})
    passes = centred_lines(inner, axis=-1)
    shape = ", ".join(map(str, site.shape))
    x_hat = site.own("xhat", "x̂") if "weight" in site.params else y
    forward = [
        Line(f"{grouped} = {x}.reshape(len({x}), {groups}, -1)", f"{grouped:math} = {x:math}"),
        *passes.forward,
        Line(f"{x_hat} = {normal}.reshape(len({x}), {shape})", f"{x_hat:math} = {normal:math}"),
    ]
    backward = []
    g = dy
    if "weight" in site.params:
        gamma, g = site.params["weight"], x_hat.d
        ones = ", 1" * (len(site.shape) - 1)
        over = ", ".join(map(str, (0, *range(2, len(site.shape) + 1))))
        over = f"({over})" if len(site.shape) > 1 else "0"
        code, equation = f"{gamma}.reshape(-1{ones}) * {x_hat}", f"{gamma:math} ⊙ {x_hat:math}"
        dgamma = site.gradients["weight"]
        backward.append(
            Line(
                f"{dgamma} = ({dy} * {x_hat}).sum(axis={over}).reshape(1, -1)",
                f"{dgamma:math} = Σₙ Σₜ {dy:math} ⊙ {x_hat:math}",
            )
        )
        if "bias" in site.params:
            beta, dbeta = site.params["bias"], site.gradients["bias"]
            code += f" + {beta}.reshape(-1{ones})"
            equation += f" + {beta:math}"
            backward.append(
                Line(
                    f"{dbeta} = {dy}.sum(axis={over}).reshape(1, -1)",
                    f"{dbeta:math} = Σₙ Σₜ {dy:math}",
                )
            )
        forward.append(Line(f"{y} = {code}", f"{y:math} = {equation}"))
        backward.append(
            Line(f"{g} = {dy} * {gamma}.reshape(-1{ones})", f"{g:math} = {dy:math} ⊙ {gamma:math}")
        )
    backward += [
        Line(f"{normal.d} = {g}.reshape(len({dy}), {groups}, -1)", f"{normal.d:math} = {g:math}"),
        *passes.backward,
        Line(f"{dx} = {grouped.d}.reshape({dy}.shape)", f"{dx:math} = {grouped.d:math}"),
    ]
    return Passes(tuple(forward), tuple(backward))


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """The normalized entry, and what scale and shift make of it."""
    normal, inverse = _normal_entry(entry)
    mean = entry.x - normal / inverse
    written = f"({brief(entry.x)} − {bracketed(mean)}) × {brief(inverse)}"
    channel = entry.place[0]
    scale = float(entry.params["weight"][0, channel]) if "weight" in entry.params else 1.0
    right = [product_text(scale, normal)]
    if "bias" in entry.params:
        right.append(brief(float(entry.params["bias"][0, channel])))
    return Arithmetic("x̂", (written,), normal), Arithmetic("y", tuple(right), entry.y)


def _normal_entry(entry: OneEntry) -> tuple[float, float]:
    """The entry's x̂ and r, which lie in memory channel by channel, the samples last."""
    x_hat = entry.cache.x_hat
    inverse = np.broadcast_to(entry.cache.inverse, x_hat.shape)
    channels, *size = entry.output.shape
    samples = x_hat.size // entry.output.size
    place = (*entry.place, entry.sample)

    def at(array: Array) -> float:
        by_channel = array.mT if isinstance(entry.layer, ChannelBatchNorm) else array
        return float(by_channel.reshape(channels, *size, samples)[place])

    return at(x_hat), at(inverse)


def _batch_norm_in_jax(at: InJax, x: Any) -> Any:
    over = (0, *range(2, x.ndim))
    if at.layer.running_statistics and not at.training:
        # Of a new network: a mean of 0 and a variance of 1.
        return _affine(at, x / at.jax.numpy.sqrt(1.0 + at.layer.epsilon))
    centred = x - x.mean(over, keepdims=True)
    square = (centred * centred).mean(over, keepdims=True)
    return _affine(at, centred / at.jax.numpy.sqrt(square + at.layer.epsilon))


def _group_norm_in_jax(at: InJax, x: Any) -> Any:
    grouped = x.reshape(len(x), at.layer.groups, -1)
    centred = grouped - grouped.mean(-1, keepdims=True)
    square = (centred * centred).mean(-1, keepdims=True)
    return _affine(at, (centred / at.jax.numpy.sqrt(square + at.layer.epsilon)).reshape(x.shape))


def _affine(at: InJax, x: Any) -> Any:
    if "weight" not in at.params:
        return x
    shape = (-1, *(1,) * (x.ndim - 2))
    y = x * at.params["weight"].reshape(shape)
    return y + at.params["bias"].reshape(shape) if "bias" in at.params else y


def _batch_norm_in_torch(nn: Any, one: ChannelBatchNorm) -> Any:
    # PyTorch's classes differ in nothing but how many axes they take, which a layer is not told.
    settings = (one.features, one.epsilon, one.momentum, one.affine, one.running_statistics)
    made = nn.BatchNorm2d(*settings)
    made._check_input_dim = lambda _: None
    return made


def _batch_norm_of_torch(module: Any) -> ChannelBatchNorm | None:
    if module.affine and module.bias is None:
        return None
    settings = (module.eps, module.momentum, module.affine, module.track_running_stats)
    return ChannelBatchNorm(module.num_features, *settings)


def _group_norm_of_torch(module: Any) -> GroupNorm:
    bias = module.affine and module.bias is not None
    settings = (module.num_groups, module.num_channels, module.eps, module.affine)
    return GroupNorm(*settings, bias or not module.affine)


_W, _B, _ONES, _ZEROS = Slot("weight"), Slot("bias"), Slot("ones"), Slot("zeros")
_EPSILON = {"epsilon": Held("epsilon", 1e-5)}
_GROUPED = op("Reshape", X, Slot("grouped"))
_CENTRED = op("Sub", _GROUPED, mean(_GROUPED, -1))
_NORMAL = op(
    "Div",
    _CENTRED,
    op("Sqrt", op("Add", mean(op("Mul", _CENTRED, _CENTRED), -1), Slot("epsilon"))),
)
# What is written; exporters have the other, with an operator that has the same number.
_BY_GROUP = op("Reshape", _NORMAL, op("Shape", X))
_EXPORTED = op(
    "Reshape",
    op("InstanceNormalization", _GROUPED, _ONES, _ZEROS, **_EPSILON),
    op("Shape", X),
)


def _group_values(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked or at.axes < 2:
        return None
    features = at.layer.features
    plain = {"weight": np.ones((1, features), at.dtype), "bias": np.zeros((1, features), at.dtype)}
    arrays = {name: at.params.get(name, plain[name])[0] for name in plain}
    return {**arrays, "epsilon": at.layer.epsilon}


def _group_node(at: OnnxPlace) -> dict[str, Any] | None:
    values = _group_values(at)
    return values if values is None else {**values, "groups": at.layer.groups}


def _group_terms(at: OnnxPlace) -> dict[str, Any] | None:
    values, groups = _group_values(at), at.layer.groups
    if values is None:
        return None
    ones = (-1, *(1,) * (at.axes - 1))
    return {
        **{name: values[name].reshape(ones) for name in ("weight", "bias")},
        "epsilon": at.layer.epsilon,
        "grouped": np.array([0, groups, -1], np.int64),
    }


def _group_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    weight, bias = np.ravel(found["weight"]), np.ravel(found["bias"])
    grouped = found.get("grouped")
    if grouped is not None:
        plain = bool(np.all(found.get("ones", 1) == 1) and np.all(found.get("zeros", 0) == 0))
        if grouped.tolist()[::2] != [0, -1] or len(grouped) != 3 or not plain:
            return None
    groups = int(found.get("groups", len(weight))) if grouped is None else int(grouped[1])
    if weight.shape != bias.shape or groups < 1 or len(weight) % groups:
        return None
    epsilon = number(found["epsilon"])
    if epsilon is None:
        return None
    layer = GroupNorm(groups, len(weight), epsilon)
    return ReadLayer(layer, {"weight": weight[None], "bias": bias[None]})


CHANNEL_NORMS = (
    LayerRow(
        kind=ChannelBatchNorm,
        examples=(
            LayerExample(ChannelBatchNorm(2), (2, 3)),
            LayerExample(ChannelBatchNorm(2), (2, 2, 3), training=False),
            LayerExample(ChannelBatchNorm(2, momentum=None, affine=False), (2, 2, 2)),
            LayerExample(ChannelBatchNorm(2, running_statistics=False), (2, 2, 2)),
        ),
        equations=Equations((NORMAL,), (NORMAL_BACK, SCALE_BACK)),
        worked=_worked,
        passes=_batch_norm,
        output=H,
        parameters=SCALE_AND_SHIFT,
        torch=TorchTwin(
            _batch_norm_in_torch,
            {"BatchNorm2d": _batch_norm_of_torch},
            renamed={"num_batches": "num_batches_tracked"},
        ),
        jax=_batch_norm_in_jax,
        onnx=OnnxOperator("BatchNormalization", {"epsilon": OnnxAttribute("epsilon", 1e-5)}),
        onnx_forms=CHANNEL_BATCH_NORM_FORMS,
        compiled=batch_norm_kernel,
        told_channels="features",
        meets=norm_places,
        in_use=InUse(
            Equations((NORMAL,), ("∂C/∂x = r · γ · ∂C/∂y", SCALE_BACK)),
            lambda cache: cache.constant,
            _batch_norm_used,
        ),
    ),
    LayerRow(
        kind=GroupNorm,
        examples=(
            LayerExample(GroupNorm(2, 4), (4, 3)),
            LayerExample(GroupNorm(1, 2, epsilon=1e-3, bias=False), (2, 2, 2)),
            LayerExample(GroupNorm(3, 3, affine=False), (3, 2, 2)),
        ),
        equations=Equations((NORMAL,), (NORMAL_BACK, SCALE_BACK)),
        worked=_worked,
        passes=_group_norm,
        output=H,
        parameters=SCALE_AND_SHIFT,
        torch=TorchTwin(
            lambda nn, one: nn.GroupNorm(
                one.groups, one.features, one.epsilon, one.affine, bias=one.bias
            ),
            {"GroupNorm": _group_norm_of_torch},
        ),
        jax=_group_norm_in_jax,
        onnx=OnnxOperator(
            "GroupNormalization", {"epsilon": OnnxAttribute("epsilon", 1e-5)}, since=21
        ),
        onnx_forms=(
            OnnxForm(
                op(
                    "GroupNormalization",
                    X,
                    _W,
                    _B,
                    **_EPSILON,
                    num_groups=Held("groups", 1),
                ),
                _group_node,
                _group_of_onnx,
                since=21,
            ),
            OnnxForm(op("Add", op("Mul", _BY_GROUP, _W), _B), _group_terms, _group_of_onnx),
            OnnxForm(op("Add", op("Mul", _EXPORTED, _W), _B), lambda _: None, _group_of_onnx),
            OnnxForm(
                op("InstanceNormalization", X, _W, _B, **_EPSILON),
                lambda _: None,
                _group_of_onnx,
            ),
        ),
        compiled=lambda _: NoKernel("images"),
        told_channels="features",
        meets=norm_places,
    ),
)
