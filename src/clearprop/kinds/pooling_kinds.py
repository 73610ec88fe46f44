"""MaxPool, AvgPool and GlobalAverage: one number for every place of a window."""

from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.pooling import (
    AvgPool1d,
    AvgPool2d,
    GlobalAverage,
    MaxPool1d,
    MaxPool2d,
    counted_part,
)
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.onnx_terms import OnnxForm, ReadLayer, X, op
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.poolings_elsewhere import (
    AVERAGE_FORMS,
    MAX_FORMS,
    average_in_jax,
    average_in_torch,
    average_of_torch,
    max_in_jax,
    max_in_torch,
    max_of_torch,
)
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, InJax, LayerExample, LayerRow, OneEntry
from clearprop.kinds.window_kernels import global_mean_kernel, largest_kernel, mean_kernel
from clearprop.kinds.window_lines import (
    names_in,
    returning_lines,
    taking_lines,
    under,
    written,
)
from clearprop.kinds.window_places import average_ways, largest_ways

POOL = Symbol("pool", "π")
# Of the border, the indices of rows and columns, and the windows: in the code and in equations.
WINDOW_NAMES = (("edged", "x̄"), ("down", "ξ"), ("across", "ζ"), ("windows", "Ψ"))


def max_passes(site: Site) -> Passes:
    """The largest number under the window; of several the first, row by row."""
    layer, y, dy = site.layer, site.y, site.dy
    names = names_in(site, layer.axes, *WINDOW_NAMES)
    flat, largest = site.own("listed", "Ψ"), site.own("largest", "ι")
    entries = names.window.entries
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
    shape = ", ".join([f"*{dy}.shape", *map(str, names.window.kernel)])
    backward = [
        Line(
            f"{shares} = {dy}[..., None] * (np.arange({entries}) == {largest})",
            f"{shares:math}[n,c,p,i] = {dy:math}[n,c,p] [i = {largest:math}]",
        ),
        *returning_lines(site, names, f"{shares}.reshape({shape})", f"{shares:math}"),
    ]
    return Passes(forward, tuple(backward))


def average_passes(site: Site) -> Passes:
    """The mean of the numbers under the window."""
    layer, y, dy = site.layer, site.y, site.dy
    axes = layer.axes
    names = names_in(site, axes, *WINDOW_NAMES)
    entries = names.window.entries
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
    counting, rest = counted_part(names.window, site.shape[1:], layer.count_border)
    if any(map(any, rest)):
        counts, inside = site.own("counts", "ν"), site.own("inside", "χ")
        size, border = ", ".join(map(str, counting)), ", ".join(map(str, rest))
        size, border = (f"({size})", f"({border})") if axes > 1 else (size, border)
        at = ", ".join(map(str, names.indices))
        ones = f"np.pad(np.ones({size}, {site.x}.dtype), {border})"
        counted = [
            Line(f"{inside} = {ones}", f"{inside:math}[t] = [0 ≤ t < S]"),
            Line(
                f"{counts} = np.maximum(1, {inside}[{at}].sum(axis={over}))",
                f"{counts:math}[p] = max(1, Σᵢ {inside:math}[s p + d i])",
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


def max_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """The largest of the numbers, as they are written."""
    numbers = under(entry, -np.inf)
    return (Arithmetic("y", (f"max({written(numbers[np.isfinite(numbers)], ', ')})",), entry.y),)


def average_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """Their sum by how many there are."""
    numbers, size = under(entry), entry.input.shape[1:]
    counts = entry.layer.counts(size, np.dtype(np.float64))
    count = counts[(*entry.place[1:], 0)] if counts.ndim else counts
    return (Arithmetic("y", (f"({written(numbers, ' + ')}) / {brief(float(count))}",), entry.y),)


def _global_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    numbers = entry.input[entry.place[0]].ravel()
    return (Arithmetic("y", (f"({written(numbers, ' + ')}) / {numbers.size}",), entry.y),)


def _global_in_jax(at: InJax, x: Any) -> Any:
    return x.mean(tuple(range(2, x.ndim)), keepdims=at.layer.keep_axes)


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
        worked=max_worked,
        passes=max_passes,
        output=POOL,
        torch=TorchTwin(max_in_torch, {kind.__name__: max_of_torch(kind)}),
        jax=max_in_jax,
        onnx=OnnxOperator("MaxPool"),
        onnx_forms=MAX_FORMS,
        compiled=largest_kernel,
        onward=largest_ways,
    )


def _average_row(kind: Any, *examples: LayerExample) -> LayerRow:
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=Equations(
            ("y[c,p] = (1/m) Σᵢ x[c, s p + d i]",),
            ("∂C/∂x[c,t] = Σ over p that cover t of ∂C/∂y[c,p] / m",),
        ),
        worked=average_worked,
        passes=average_passes,
        output=POOL,
        torch=TorchTwin(average_in_torch, {kind.__name__: average_of_torch(kind)}),
        jax=average_in_jax,
        onnx=OnnxOperator("AveragePool"),
        onnx_forms=AVERAGE_FORMS,
        compiled=mean_kernel,
        weighted=True,
        onward=average_ways,
    )


POOLINGS = (
    _max_row(
        MaxPool1d,
        LayerExample(MaxPool1d(2), (2, 5)),
        LayerExample(MaxPool1d(3, stride=1, padding=1, dilation=2), (1, 6)),
        LayerExample(MaxPool1d(2, stride=3, padding="same"), (1, 5)),
    ),
    _max_row(
        MaxPool2d,
        LayerExample(MaxPool2d(2), (2, 4, 4)),
        LayerExample(MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), (1, 5, 3)),
        LayerExample(MaxPool2d(3, stride=2, padding=((0, 1), (2, 0)), ceil_mode=True), (1, 4, 3)),
    ),
    _average_row(
        AvgPool1d,
        LayerExample(AvgPool1d(2), (2, 4)),
        LayerExample(AvgPool1d(3, stride=2, padding=1, count_border=False), (1, 5)),
        LayerExample(AvgPool1d(2, stride=1, padding=((2, 0),), dilation=2), (1, 4)),
    ),
    _average_row(
        AvgPool2d,
        LayerExample(AvgPool2d(2), (2, 4, 4)),
        LayerExample(AvgPool2d(3, stride=1, padding=1, count_border=False), (1, 3, 4)),
        LayerExample(AvgPool2d((2, 3), stride=(2, 1), padding=(1, 1)), (1, 3, 3)),
        LayerExample(AvgPool2d(2, ceil_mode=True), (1, 3, 3)),
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
        compiled=global_mean_kernel,
        weighted=True,
    ),
)
