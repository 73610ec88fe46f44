"""Conv1d and Conv2d: one weighted sum, moved over an image."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Shape
from clearprop.base.numbers import brief
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.reshaping import Pad
from clearprop.engine.layers.windows import SAME
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, op
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    InnerEntry,
    Inside,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)
from clearprop.kinds.window_kernels import convolution_kernel
from clearprop.kinds.window_lines import (
    ENTRIES,
    PLACES,
    names_in,
    returning_lines,
    taking_lines,
)
from clearprop.kinds.window_places import kernel_places, kernel_ways
from clearprop.kinds.windows_elsewhere import (
    DILATED_ATTRIBUTES,
    bordered_in_torch,
    even_padding,
    kernel_of,
    window_in_onnx,
    window_of_onnx,
)

# Of the border, the indices of rows and columns, and the patches: in the code and in equations.
_NAMES = (("padded", "x̄"), ("rows", "i"), ("cols", "j"), ("patches", "Φ"))


def _passes(site: Site) -> Passes:
    """The weighted sum of what lies under the kernel, at every place."""
    layer, y, dy = site.layer, site.y, site.dy
    names = names_in(site, layer.axes, *_NAMES)
    p, i = PLACES[layer.axes], ENTRIES[layer.axes]
    at, entry, both = (",".join(letters) for letters in (p, i, p + i))
    parts = _Parts(names.patches, site.params["weight"], dy, "")
    before: list[Line] = []
    if layer.groups > 1:
        parts = _Parts(
            site.own("grouped", "Φ"), site.own("kernels", "Ω"), site.own("signals", "g"), "g"
        )
        before = [
            _in_groups(site, parts.patches, names.patches, layer.inputs),
            _in_groups(site, parts.kernel, site.params["weight"], layer.outputs, first=True),
        ]
    patches, kernel, signal, g = parts
    whole = not before and "bias" not in site.params
    sums = y if whole else site.own("sums", "u")
    product = f'"n{g}c{p}{i},{g}oc{i}->n{g}o{p}", {patches}, {kernel}'
    forward = [
        *taking_lines(site, names),
        *before,
        Line(
            f"{sums} = np.einsum({product}, optimize=True)",
            f"{sums:math} = Σ_c Σ_{i} {kernel:math}[o,c,{entry}] · {patches:math}[n,c,{both}]",
        ),
    ]
    if not whole:
        places = names.window.places(site.shape[1:])
        forward.append(_with_bias(site, sums, places, merged=bool(before)))
    backward = []
    if before:
        backward.append(_in_groups(site, signal, dy, layer.outputs))
    dkernel, dweight = (kernel.d if before else site.gradients["weight"]), site.gradients["weight"]
    product = f'"n{g}o{p},n{g}c{p}{i}->{g}oc{i}", {signal}, {patches}'
    backward.append(
        Line(
            f"{dkernel} = np.einsum({product}, optimize=True)",
            f"{dkernel:math}[o,c,{entry}] = Σₙ Σ_{p} {signal:math}[n,o,{at}] · "
            f"{patches:math}[n,c,{both}]",
        )
    )
    if before:
        weight = site.params["weight"]
        backward.append(
            Line(
                f"{dweight} = {dkernel}.reshape({weight}.shape)",
                f"{dweight:math} = {dkernel:math}",
            )
        )
    if "bias" in site.params:
        over = ", ".join(map(str, (0, *range(2, 2 + layer.axes))))
        dbias = site.gradients["bias"]
        backward.append(
            Line(
                f"{dbias} = {dy}.sum(axis=({over})).reshape(1, -1)",
                f"{dbias:math}[o] = Σₙ Σ_{p} {dy:math}[n,o,{at}]",
            )
        )
    product = f'"n{g}o{p},{g}oc{i}->n{g}c{p}{i}", {signal}, {kernel}'
    backward.append(
        Line(
            f"{patches.d} = np.einsum({product}, optimize=True)",
            f"{patches.d:math} = Σ_o {kernel:math}[o,c,{entry}] · {signal:math}[n,o,{at}]",
        )
    )
    shares = f"{patches.d}.reshape({names.patches}.shape)" if before else f"{patches.d}"
    backward += returning_lines(site, names, shares, f"{patches.d:math}")
    return Passes(tuple(forward), tuple(backward))


class _Parts(NamedTuple):
    """What the products are made of, and the letter of the axis of groups, where there are some."""

    patches: Symbol
    kernel: Symbol
    signal: Symbol
    group: str


def _in_groups(
    site: Site, target: Symbol, source: Symbol, channels: int, *, first: bool = False
) -> Line:
    """An array with its channels in groups: of its second axis, or of its `first`."""
    groups = site.layer.groups
    kept = "" if first else f"len({source}), "
    rest = f"*{source}.shape[{1 if first else 2}:]"
    return Line(
        f"{target} = {source}.reshape({kept}{groups}, {channels // groups}, {rest})",
        f"{target:math} = {source:math}",
    )


def _with_bias(site: Site, sums: Symbol, places: Shape, *, merged: bool) -> Line:
    """z: the sums with the channels of all groups in one axis, where they were apart, and b."""
    layer, y = site.layer, site.y
    code, equation = f"{sums}", f"{sums:math}"
    if merged:
        shape = ", ".join(map(str, (layer.outputs, *places)))
        code = f"{sums}.reshape(len({site.x}), {shape})"
    if "bias" in site.params:
        bias = site.params["bias"]
        code += f" + {bias}.reshape(-1{', 1' * layer.axes})"
        equation += f" + {bias:math}[o]"
    return Line(f"{y} = {code}", f"{y:math} = {equation}")


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    layer, (unit, *place) = entry.layer, entry.place
    weights = entry.params["weight"][unit].astype(np.float64)
    group = unit // (layer.outputs // layer.groups)
    first = group * (layer.inputs // layer.groups)
    under = (slice(first, first + len(weights)), *(slice(None),) * layer.axes)
    patch = entry.cache.patches[(*under, *place, entry.sample)].astype(np.float64)
    bias = (brief(float(entry.params["bias"][0, unit])),) if "bias" in entry.params else ()
    return (Arithmetic("z", bias, entry.y, (patch.ravel(), weights.ravel())),)


def _patch(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """A number under the kernel is one of the image, or of its border."""
    value = float(entry.values["patch"][entry.place])
    return (Arithmetic("x̄", (brief(value),), value),)


def _patch_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """What this number gets back here: from every output channel that sees it."""
    layer, axes = entry.layer, entry.layer.axes
    places, (channel, *index) = entry.place[:axes], entry.place[axes:]
    group, own = divmod(channel, layer.inputs // layer.groups)
    outputs = layer.outputs // layer.groups
    seen = slice(group * outputs, (group + 1) * outputs)
    taken: Any = (seen, own, *index)
    there: Any = (seen, *places)
    weights = entry.params["weight"][taken].astype(np.float64)
    signals = entry.output_gradient[there].astype(np.float64)
    return (Arithmetic("∂C/∂x̄", (), float(weights @ signals), (weights, signals)),)


_W, _B = Slot("weight"), Slot("bias")
_ATTRIBUTES = {**DILATED_ATTRIBUTES, "group": Held("groups", 1)}


def _in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    bias = {"bias": at.params["bias"][0]} if "bias" in at.params else {}
    return {
        "weight": at.params["weight"],
        **bias,
        **window_in_onnx(at.layer),
        "groups": at.layer.groups,
    }


def _of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    weight, groups = found["weight"], found.get("groups", 1)
    axes = weight.ndim - 2
    if weight.dtype.kind != "f" or axes not in (1, 2) or not weight.size:
        return None
    window = window_of_onnx(found, axes, weight.shape[2:])
    if window is None or len(weight) % groups:
        return None
    bias = found.get("bias")
    kind = Conv1d if axes == 1 else Conv2d
    layer = kind(
        weight.shape[1] * groups,
        len(weight),
        window.kernel,
        window.stride,
        window.padding,
        window.dilation,
        groups,
        bias is not None,
    )
    if bias is None:
        return ReadLayer(layer, {"weight": weight})
    if bias.shape != (len(weight),) or bias.dtype.kind != "f":
        return None
    return ReadLayer(layer, {"weight": weight, "bias": bias[None]})


def _in_torch(kind: str) -> Any:
    def module(nn: Any, one: Any) -> Any:
        made = base = getattr(nn, kind)
        kernel, stride, dilation = kernel_of(one)
        padding: Any = even_padding(one)
        if one.padding == SAME and set(stride) == {1}:
            padding = one.padding
        elif padding is None:
            # PyTorch has no border that differs from side to side: it is put around x by itself.
            def forward(self: Any, x: Any) -> Any:
                window = one.window_on(tuple(x.shape[2:]))
                return base.forward(self, bordered_in_torch(nn, window, x))

            made, padding = type(kind, (base,), {"forward": forward, "layer": one}), 0
        return made(
            one.inputs, one.outputs, kernel, stride, padding, dilation, one.groups, one.bias
        )

    return module


def _of_torch(kind: type[Conv1d] | type[Conv2d]) -> Any:
    def layer(module: Any) -> Layer:
        own_border = module.padding_mode != "zeros"
        made = kind(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            module.stride,
            0 if own_border else module.padding,
            module.dilation,
            module.groups,
            module.bias is not None,
        )
        if not own_border:
            return made
        # A border of the image's own numbers is put around it in front.
        border = tuple(module._reversed_padding_repeated_twice)
        return Sequential(Pad(border, mode=module.padding_mode), made)

    return layer


def _in_jax(at: InJax, x: Any) -> Any:
    window, letters = at.layer.window_on(tuple(x.shape[2:])), "HW"[-at.layer.axes :]
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
        compiled=convolution_kernel,
        told_channels="inputs",
        inside={"patch": Inside("x̄", _patch, _patch_back)},
        weighted=True,
        meets=kernel_places,
        onward=kernel_ways,
    )


CONVOLUTIONS = (
    _row(
        Conv1d,
        LayerExample(Conv1d(2, 3, 3), (2, 5)),
        LayerExample(Conv1d(4, 2, 2, stride=2, padding=1, dilation=2, groups=2), (4, 4)),
        LayerExample(Conv1d(1, 2, 3, stride=2, padding="same_lower"), (1, 4)),
        of_places="p",
    ),
    _row(
        Conv2d,
        LayerExample(Conv2d(1, 2, 3), (1, 4, 5)),
        LayerExample(Conv2d(2, 2, (2, 3), stride=(2, 1), padding=(1, 0), bias=False), (2, 3, 4)),
        LayerExample(Conv2d(2, 4, 2, padding="same", dilation=2, groups=2), (2, 3, 3)),
        LayerExample(Conv2d(1, 2, 2, stride=(1, 2), padding=((0, 1), (2, 0))), (1, 2, 3)),
        of_places="p",
    ),
)
