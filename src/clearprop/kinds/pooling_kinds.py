"""MaxPool, AvgPool and GlobalAverage: one number for every place of a window."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.pooling import (
    AvgPool1d,
    AvgPool2d,
    GlobalAverage,
    MaxPool1d,
    MaxPool2d,
)
from clearprop.engine.layers.windows import sides_of
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, X, op
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, InJax, LayerExample, LayerRow, OneEntry
from clearprop.kinds.window_lines import (
    DILATED_ATTRIBUTES,
    WINDOW_ATTRIBUTES,
    even_padding,
    names_in,
    parts_in_jax,
    returning_lines,
    taking_lines,
    under,
    window_in_onnx,
    window_of_onnx,
    written,
)
from clearprop.kinds.window_places import average_ways, largest_ways

POOL = Symbol("pool", "π")
# Of the border, the indices of rows and columns, and the windows: in the code and in equations.
_NAMES = (("edged", "x̄"), ("down", "ξ"), ("across", "ζ"), ("windows", "Ψ"))


def _max_passes(site: Site) -> Passes:
    """The largest number under the window; of several the first, row by row."""
    layer, y, dy = site.layer, site.y, site.dy
    names = names_in(site, layer.axes, *_NAMES)
    flat, largest = site.own("listed", "Ψ"), site.own("largest", "ι")
    entries = layer.window.entries
    row = ", ".join(["*" + f"{names.patches}.shape[:{2 + layer.axes}]", str(entries)])
    forward = (
        *taking_lines(site, names, "-np.inf"),
        Line(f"{flat} = {names.patches}.reshape({row})", f"{flat:math}[n,c,p,i] = {flat:math}"),
        Line(
            f"{largest} = {flat}.argmax(axis=-1, keepdims=True)",
            f"{largest:math} = argmax_i {flat:math}[n,c,p,i]",
        ),
        Line(
            f"{y} = np.take_along_axis({flat}, {largest}, axis=-1)[..., 0]",
            f"{y:math} = {flat:math}[n,c,p,{largest:math}]",
        ),
    )
    shares = flat.d
    shape = ", ".join([f"*{dy}.shape", *map(str, layer.window.kernel)])
    backward = [
        Line(
            f"{shares} = {dy}[..., None] * (np.arange({entries}) == {largest})",
            f"{shares:math}[n,c,p,i] = {dy:math}[n,c,p] [i = {largest:math}]",
        ),
        *returning_lines(site, names, f"{shares}.reshape({shape})", f"{shares:math}"),
    ]
    return Passes(forward, tuple(backward))


def _average_passes(site: Site) -> Passes:
    """The mean of the numbers under the window."""
    layer, y, dy = site.layer, site.y, site.dy
    axes, entries = layer.axes, layer.window.entries
    names = names_in(site, axes, *_NAMES)
    over = ", ".join(map(str, range(-axes, 0)))
    over = over if axes > 1 else "-1"
    over = f"({over})" if axes > 1 else over
    spread = ", None" * axes
    lines = taking_lines(site, names)
    mean = Line(
        f"{y} = {names.patches}.mean(axis={over})",
        f"{y:math} = (1/{entries}) Σᵢ {names.patches:math}[n,c,p,i]",
    )
    share, share_math = f"{dy}[...{spread}] / {entries}", f"{dy:math}[n,c,p] / {entries}"
    counted: list[Line] = []
    if not layer.count_border and names.bordered is not site.x:
        counts, inside = site.own("counts", "ν"), site.own("inside", "χ")
        size = ", ".join(map(str, site.shape[1:]))
        border = ", ".join(map(str, layer.window.padding))
        size, border = (f"({size})", f"({border})") if axes > 1 else (size, border)
        at = ", ".join(map(str, names.indices))
        ones = f"np.pad(np.ones({size}, {site.x}.dtype), {border})"
        counted = [
            Line(f"{inside} = {ones}", f"{inside:math}[t] = [0 ≤ t < S]"),
            Line(
                f"{counts} = {inside}[{at}].sum(axis={over})",
                f"{counts:math}[p] = Σᵢ {inside:math}[s p + i]",
            ),
        ]
        mean = Line(
            f"{y} = {names.patches}.sum(axis={over}) / {counts}",
            f"{y:math} = (1/{counts:math}) Σᵢ {names.patches:math}[n,c,p,i]",
        )
        share = f"({dy} / {counts})[...{spread}]"
        share_math = f"{dy:math}[n,c,p] / {counts:math}"
    backward = returning_lines(site, names, share, share_math)
    return Passes((*lines, *counted, mean), tuple(backward))


def _global_passes(site: Site) -> Passes:
    """The mean of every channel."""
    x, y, dy, axes = site.x, site.y, site.dy, len(site.shape) - 1
    over = ", ".join(map(str, range(-axes, 0)))
    over = f"({over})" if axes > 1 else over
    numbers = int(np.prod(site.shape[1:]))
    keep = ", keepdims=True" if site.layer.keep_axes else ""
    spread = str(dy) if site.layer.keep_axes else f"{dy}[...{', None' * axes}]"
    return Passes(
        (
            Line(
                f"{y} = {x}.mean(axis={over}{keep})",
                f"{y:math}[n,c] = (1/{numbers}) Σₜ {x:math}[n,c,t]",
            ),
        ),
        (
            Line(
                f"{site.dx} = np.broadcast_to({spread} / {numbers}, {x}.shape)",
                f"{site.dx:math}[n,c,t] = {dy:math}[n,c] / {numbers}",
            ),
        ),
    )


def _max_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    numbers = under(entry, -np.inf)
    return (Arithmetic("y", (f"max({written(numbers[np.isfinite(numbers)], ', ')})",), entry.y),)


def _average_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    numbers, size = under(entry), entry.input.shape[1:]
    counts = entry.layer.counts(size, np.dtype(np.float64))
    count = counts[(*entry.place[1:], 0)] if counts.ndim else counts
    return (Arithmetic("y", (f"({written(numbers, ' + ')}) / {brief(float(count))}",), entry.y),)


def _global_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    numbers = entry.input[entry.place[0]].ravel()
    return (Arithmetic("y", (f"({written(numbers, ' + ')}) / {numbers.size}",), entry.y),)


def _max_in_jax(at: InJax, x: Any) -> Any:
    y, *others = parts_in_jax(at.jax, at.layer.window, x, -np.inf)
    for other in others:
        y = at.jax.numpy.where(other > y, other, y)
    return y


def _average_in_jax(at: InJax, x: Any) -> Any:
    counts = at.layer.counts(tuple(x.shape[2:]), np.dtype(x.dtype))
    counts = counts[..., 0] if counts.ndim else counts
    return sum(parts_in_jax(at.jax, at.layer.window, x, 0.0)) / counts


def _global_in_jax(at: InJax, x: Any) -> Any:
    return x.mean(tuple(range(2, x.ndim)), keepdims=at.layer.keep_axes)


def _sides(one: Any) -> tuple[Any, Any, Any]:
    window = one.window
    return window.kernel, window.stride, sides_of(one.padding, one.axes)


def _max_of_torch(kind: Any) -> Any:
    def layer(m: Any) -> Any:
        if m.ceil_mode or m.return_indices:
            return None
        return kind(m.kernel_size, m.stride, m.padding, m.dilation)

    return layer


def _average_of_torch(kind: Any) -> Any:
    def layer(m: Any) -> Any:
        if m.ceil_mode or getattr(m, "divisor_override", None) is not None:
            return None
        return kind(m.kernel_size, m.stride, m.padding, m.count_include_pad)

    return layer


def _global_of_torch(m: Any) -> GlobalAverage | None:
    size = m.output_size
    return GlobalAverage(keep_axes=True) if set(np.ravel(size)) == {1} else None


def _max_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    return None if at.stacked else window_in_onnx(at.layer.window)


def _max_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    kernel = tuple(found["kernel"])
    window = window_of_onnx(found, len(kernel), kernel) if len(kernel) in (1, 2) else None
    padding = None if window is None else even_padding(window)
    if window is None or padding is None:
        return None
    kind = MaxPool1d if len(kernel) == 1 else MaxPool2d
    return ReadLayer(kind(kernel, window.stride, padding, window.dilation))


def _average_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    attributes = window_in_onnx(at.layer.window, dilated=False)
    return {**attributes, "count_border": int(at.layer.count_border)}


def _average_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    kernel = tuple(found["kernel"])
    window = window_of_onnx(found, len(kernel), kernel) if len(kernel) in (1, 2) else None
    padding = None if window is None else even_padding(window)
    if window is None or padding is None:
        return None
    kind = AvgPool1d if len(kernel) == 1 else AvgPool2d
    return ReadLayer(kind(kernel, window.stride, padding, bool(found.get("count_border", 0))))


def _global_in_torch(nn: Any, one: GlobalAverage) -> Any:
    def compute(_: Any, x: Any) -> Any:
        return x.mean(tuple(range(2, x.ndim)), keepdim=one.keep_axes)

    return own_module(nn, one, compute)


def _max_row(kind: Any, *examples: LayerExample) -> LayerRow:
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=Equations(
            ("y[c,p] = max over i of x[c, s p + d i]",),
            ("∂C/∂x[c,t] = Σ over p where t is the first largest of ∂C/∂y[c,p]",),
        ),
        worked=_max_worked,
        passes=_max_passes,
        output=POOL,
        torch=TorchTwin(
            lambda nn, one: getattr(nn, kind.__name__)(
                *_sides(one), sides_of(one.dilation, one.axes)
            ),
            {kind.__name__: _max_of_torch(kind)},
        ),
        jax=_max_in_jax,
        onnx=OnnxOperator("MaxPool"),
        onnx_forms=(OnnxForm(op("MaxPool", X, **DILATED_ATTRIBUTES), _max_in_onnx, _max_of_onnx),),
        compiled=lambda _: NoKernel("images"),
        onward=largest_ways,
    )


def _average_row(kind: Any, *examples: LayerExample) -> LayerRow:
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=Equations(
            ("y[c,p] = (1/m) Σᵢ x[c, s p + i]",),
            ("∂C/∂x[c,t] = Σ over p that cover t of ∂C/∂y[c,p] / m",),
        ),
        worked=_average_worked,
        passes=_average_passes,
        output=POOL,
        torch=TorchTwin(
            lambda nn, one: getattr(nn, kind.__name__)(
                *_sides(one), count_include_pad=one.count_border
            ),
            {kind.__name__: _average_of_torch(kind)},
        ),
        jax=_average_in_jax,
        onnx=OnnxOperator("AveragePool"),
        onnx_forms=(
            OnnxForm(
                op(
                    "AveragePool",
                    X,
                    **WINDOW_ATTRIBUTES,
                    count_include_pad=Held("count_border", 0),
                ),
                _average_in_onnx,
                _average_of_onnx,
            ),
        ),
        compiled=lambda _: NoKernel("images"),
        weighted=True,
        onward=average_ways,
    )


POOLINGS = (
    _max_row(
        MaxPool1d,
        LayerExample(MaxPool1d(2), (2, 5)),
        LayerExample(MaxPool1d(3, stride=1, padding=1, dilation=2), (1, 6)),
    ),
    _max_row(
        MaxPool2d,
        LayerExample(MaxPool2d(2), (2, 4, 4)),
        LayerExample(MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), (1, 5, 3)),
    ),
    _average_row(
        AvgPool1d,
        LayerExample(AvgPool1d(2), (2, 4)),
        LayerExample(AvgPool1d(3, stride=2, padding=1, count_border=False), (1, 5)),
    ),
    _average_row(
        AvgPool2d,
        LayerExample(AvgPool2d(2), (2, 4, 4)),
        LayerExample(AvgPool2d(3, stride=1, padding=1, count_border=False), (1, 3, 4)),
        LayerExample(AvgPool2d((2, 3), stride=(2, 1), padding=(1, 1)), (1, 3, 3)),
    ),
    LayerRow(
        kind=GlobalAverage,
        examples=(
            LayerExample(GlobalAverage(), (3, 2, 4)),
            LayerExample(GlobalAverage(keep_axes=True), (2, 3)),
        ),
        equations=Equations(
            ("y[c] = (1/m) Σₜ x[c,t]",),
            ("∂C/∂x[c,t] = ∂C/∂y[c] / m",),
        ),
        worked=_global_worked,
        passes=_global_passes,
        output=POOL,
        torch=TorchTwin(
            _global_in_torch,
            {f"AdaptiveAvgPool{axes}d": _global_of_torch for axes in (1, 2)},
        ),
        jax=_global_in_jax,
        onnx=OnnxOperator("GlobalAveragePool"),
        onnx_forms=(
            OnnxForm(
                op("Flatten", op("GlobalAveragePool", X)),
                lambda at: None if at.stacked or at.layer.keep_axes else {},
                lambda *_: ReadLayer(GlobalAverage()),
            ),
            OnnxForm(
                op("GlobalAveragePool", X),
                lambda at: {} if at.layer.keep_axes and not at.stacked else None,
                lambda *_: ReadLayer(GlobalAverage(keep_axes=True)),
            ),
        ),
        compiled=lambda _: NoKernel("images"),
        weighted=True,
    ),
)
