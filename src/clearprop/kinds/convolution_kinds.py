"""Conv1d and Conv2d: one weighted sum, moved over an image."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.convolution import SAME, Conv1d, Conv2d
from clearprop.engine.layers.windows import Window, sides_of
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, op
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)
from clearprop.kinds.window_lines import (
    DILATED_ATTRIBUTES,
    ENTRIES,
    PLACES,
    even_padding,
    names_in,
    returning_lines,
    taking_lines,
    window_in_onnx,
    window_of_onnx,
)

# Of the border, the indices of rows and columns, and the patches: in the code and in equations.
_NAMES = (("padded", "x̄"), ("rows", "i"), ("cols", "j"), ("patches", "P"))


def _passes(site: Site) -> Passes:
    """The weighted sum of what lies under the kernel, at every place."""
    layer, y, dy = site.layer, site.y, site.dy
    weight, dweight = site.params["weight"], site.gradients["weight"]
    axes, groups = layer.axes, layer.groups
    names = names_in(site, axes, *_NAMES)
    patches, kernel = names.patches, weight
    p, i = PLACES[axes], ENTRIES[axes]
    forward = taking_lines(site, names)
    g = "" if groups == 1 else "g"
    if g:
        patches, kernel = site.own("grouped", "P"), Symbol(f"{weight}_grouped", f"{weight:math}")
        in_group, out_group = layer.inputs // groups, layer.outputs // groups
        forward += [
            Line(
                f"{patches} = {names.patches}.reshape(len({site.x}), {groups}, {in_group}, "
                f"*{names.patches}.shape[2:])",
                f"{patches:math}[n,g,c,{','.join((*p, *i))}] = {names.patches:math}",
            ),
            Line(
                f"{kernel} = {weight}.reshape({groups}, {out_group}, *{weight}.shape[1:])",
                f"{kernel:math}[g,o,c,{','.join(i)}] = {weight:math}",
            ),
        ]
    sums = site.own("sums", "u") if "bias" in site.params or g else y
    forward.append(
        Line(
            f'{sums} = np.einsum("n{g}c{p}{i},{g}oc{i}->n{g}o{p}", {patches}, {kernel}, '
            "optimize=True)",
            f"{sums:math} = Σ_c Σ_{i} {weight:math}[o,c,{','.join(i)}] · "
            f"{patches:math}[n,c,{','.join((*p, *i))}]",
        )
    )
    merged, merged_math = str(sums), f"{sums:math}"
    if g:
        shape = ", ".join(map(str, (layer.outputs, *layer.window.places(site.shape[1:]))))
        merged = f"{sums}.reshape(len({site.x}), {shape})"
    if "bias" in site.params:
        bias = site.params["bias"]
        ones = ", 1" * axes
        forward.append(
            Line(
                f"{y} = {merged} + {bias}.reshape(-1{ones})",
                f"{y:math} = {merged_math} + {bias:math}[o]",
            )
        )
    elif g:
        forward.append(Line(f"{y} = {merged}", f"{y:math} = {merged_math}"))
    signal, backward = dy, []
    if g:
        signal = Symbol(f"{dy}_grouped", f"{dy:math}")
        places = ", ".join(map(str, layer.window.places(site.shape[1:])))
        backward.append(
            Line(
                f"{signal} = {dy}.reshape(len({dy}), {groups}, {out_group}, {places})",
                f"{signal:math}[n,g,o,{','.join(p)}] = {dy:math}",
            )
        )
    reshaped = f".reshape({weight}.shape)" if g else ""
    sum_of = f'np.einsum("n{g}o{p},n{g}c{p}{i}->{g}oc{i}", {signal}, {patches}, optimize=True)'
    turned = Symbol(f"{dweight}_grouped", f"{dweight:math}") if g else dweight
    equation = (
        f"{dweight:math}[o,c,{','.join(i)}] = Σₙ Σ_{p} {dy:math}[n,o,{','.join(p)}] · "
        f"{patches:math}[n,c,{','.join((*p, *i))}]"
    )
    backward.append(Line(f"{turned} = {sum_of}", equation))
    if g:
        backward.append(Line(f"{dweight} = {turned}{reshaped}", f"{dweight:math} = {turned:math}"))
    if "bias" in site.params:
        over = ", ".join(map(str, (0, *range(2, 2 + axes))))
        gradient = site.gradients["bias"]
        backward.append(
            Line(
                f"{gradient} = {dy}.sum(axis=({over})).reshape(1, -1)",
                f"{gradient:math}[o] = Σₙ Σ_{p} {dy:math}[n,o,{','.join(p)}]",
            )
        )
    shares = patches.d
    backward.append(
        Line(
            f'{shares} = np.einsum("n{g}o{p},{g}oc{i}->n{g}c{p}{i}", {signal}, {kernel}, '
            "optimize=True)",
            f"{shares:math} = Σ_o {weight:math}[o,c,{','.join(i)}] · {dy:math}[n,o,{','.join(p)}]",
        )
    )
    if g:
        backward.append(
            Line(
                f"{names.patches.d} = {shares}.reshape({names.patches}.shape)",
                f"{names.patches.d:math} = {shares:math}",
            )
        )
    backward += returning_lines(site, names, str(names.patches.d), f"{names.patches.d:math}")
    return Passes(tuple(forward), tuple(backward))


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    layer, (unit, *place) = entry.layer, entry.place
    weights = entry.params["weight"][unit].astype(np.float64)
    group = unit // (layer.outputs // layer.groups)
    first = group * (layer.inputs // layer.groups)
    under = (slice(first, first + len(weights)), *(slice(None),) * layer.axes)
    patch = entry.cache.patches[(*under, *place, entry.sample)].astype(np.float64)
    bias = (brief(float(entry.params["bias"][0, unit])),) if "bias" in entry.params else ()
    return (Arithmetic("z", bias, entry.y, (patch.ravel(), weights.ravel())),)


_W, _B = Slot("weight"), Slot("bias")
_ATTRIBUTES = {**DILATED_ATTRIBUTES, "group": Held("groups", 1)}


def _in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    bias = {"bias": at.params["bias"][0]} if "bias" in at.params else {}
    return {
        "weight": at.params["weight"],
        **bias,
        **window_in_onnx(at.layer.window),
        "groups": at.layer.groups,
    }


def _of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    weight, groups = found["weight"], found.get("groups", 1)
    axes = weight.ndim - 2
    if weight.dtype.kind != "f" or axes not in (1, 2) or not weight.size:
        return None
    window = window_of_onnx(found, axes, weight.shape[2:])
    padding = None if window is None else _padding(window)
    if window is None or padding is None or len(weight) % groups:
        return None
    bias = found.get("bias")
    kind = Conv1d if axes == 1 else Conv2d
    layer = kind(
        weight.shape[1] * groups,
        len(weight),
        window.kernel,
        window.stride,
        padding,
        window.dilation,
        groups,
        bias is not None,
    )
    if bias is None:
        return ReadLayer(layer, {"weight": weight})
    if bias.shape != (len(weight),) or bias.dtype.kind != "f":
        return None
    return ReadLayer(layer, {"weight": weight, "bias": bias[None]})


def _padding(window: Window) -> tuple[int, ...] | str | None:
    """The setting that gives a window its border; None where none does."""
    even = even_padding(window)
    if even is not None:
        return even
    spans = zip(window.padding, window.span, strict=True)
    is_same = all((low, high) == ((s - 1) // 2, s // 2) for (low, high), s in spans)
    return SAME if is_same and set(window.stride) == {1} else None


def _in_torch(kind: str) -> Any:
    def module(nn: Any, one: Any) -> Any:
        axes = one.axes
        padding = one.padding if one.padding == SAME else sides_of(one.padding, axes)
        return getattr(nn, kind)(
            one.inputs,
            one.outputs,
            sides_of(one.kernel, axes),
            sides_of(one.stride, axes),
            padding,
            sides_of(one.dilation, axes),
            one.groups,
            one.bias,
        )

    return module


def _of_torch(kind: type[Conv1d] | type[Conv2d]) -> Any:
    def layer(module: Any) -> Conv1d | Conv2d | None:
        if module.padding_mode != "zeros":
            return None
        return kind(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            module.stride,
            0 if module.padding == "valid" else module.padding,
            module.dilation,
            module.groups,
            module.bias is not None,
        )

    return layer


def _in_jax(at: InJax, x: Any) -> Any:
    window, letters = at.layer.window, "HW"[-at.layer.axes :]
    y = at.jax.lax.conv_general_dilated(
        x,
        at.params["weight"],
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=(f"NC{letters}", f"OI{letters}", f"NC{letters}"),
        feature_group_count=at.layer.groups,
    )
    if "bias" not in at.params:
        return y
    return y + at.params["bias"].reshape(-1, *(1,) * at.layer.axes)


def _row(kind: Any, *examples: LayerExample, of_places: str) -> LayerRow:
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=Equations(
            (f"z[o,{of_places}] = b[o] + Σ w[o,c,i] · x[c, s {of_places} + d i]",),
            (
                f"∂L/∂w[o,c,i] = Σₙ Σ_{of_places} ∂C/∂z[o,{of_places}] · x[c, s {of_places} + d i]",
                f"∂L/∂b[o] = Σₙ Σ_{of_places} ∂C/∂z[o,{of_places}]",
                f"∂C/∂x[c,t] = Σ_o Σ_{{s {of_places} + d i = t}} w[o,c,i] · ∂C/∂z[o,{of_places}]",
            ),
            output="z",
        ),
        worked=_worked,
        passes=_passes,
        output=Symbol("z", "z"),
        opens=True,
        parameters={
            "weight": ParameterSymbols("w", Symbol("W", "W")),
            "bias": ParameterSymbols("b", Symbol("b", "b")),
        },
        torch=TorchTwin(_in_torch(kind.__name__), {kind.__name__: _of_torch(kind)}),
        jax=_in_jax,
        onnx=OnnxOperator("Conv"),
        onnx_forms=(
            OnnxForm(op("Conv", X, _W, _B, **_ATTRIBUTES), _in_onnx, _of_onnx),
            OnnxForm(op("Conv", X, _W, **_ATTRIBUTES), _in_onnx, _of_onnx),
        ),
        compiled=lambda _: NoKernel("images"),
    )


CONVOLUTIONS = (
    _row(
        Conv1d,
        LayerExample(Conv1d(2, 3, 3), (2, 5)),
        LayerExample(Conv1d(4, 2, 2, stride=2, padding=1, dilation=2, groups=2), (4, 4)),
        of_places="p",
    ),
    _row(
        Conv2d,
        LayerExample(Conv2d(1, 2, 3), (1, 4, 5)),
        LayerExample(Conv2d(2, 2, (2, 3), stride=(2, 1), padding=(1, 0), bias=False), (2, 3, 4)),
        LayerExample(Conv2d(2, 4, 2, padding="same", dilation=2, groups=2), (2, 3, 3)),
        of_places="p",
    ),
)
