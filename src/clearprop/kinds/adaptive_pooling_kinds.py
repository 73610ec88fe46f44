"""Adaptive pooling: the rows of a window that the size of the image decides."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import ContractError
from clearprop.engine.layers.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
)
from clearprop.engine.layers.global_average import GlobalAverage
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.uneven_windows import taken_by
from clearprop.engine.layers.windows import Window
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, op
from clearprop.kinds.pooling_kinds import (
    POOL,
    WINDOW_NAMES,
    average_passes,
    max_passes,
    max_worked,
)
from clearprop.kinds.poolings_elsewhere import average_in_jax, max_in_jax
from clearprop.kinds.program_lines import Line
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, LayerExample, LayerRow, OneEntry
from clearprop.kinds.window_kernels import largest_kernel, mean_kernel
from clearprop.kinds.window_lines import (
    names_in,
    ranged_shares,
    returning_lines,
    taking_lines,
    under,
    written,
)
from clearprop.kinds.window_places import average_ways, largest_ways


def _module(nn: Any, one: Any) -> Any:
    return getattr(nn, type(one).__name__)(one.output_size)


def _of_torch(kind: type[Any]) -> Any:
    def layer(m: Any) -> Layer | None:
        if getattr(m, "return_indices", False):
            return None
        sides = m.output_size if isinstance(m.output_size, tuple) else (m.output_size,)
        if "Avg" in kind.__name__ and {*sides} == {1}:
            return GlobalAverage(keep_axes=True)
        made: Layer = kind(m.output_size)
        return made

    return layer


def _window_in_onnx(at: OnnxPlace) -> Window | None:
    """ONNX's pools have windows of a size of their own: that on the images that are told."""
    if at.stacked:
        return None
    if at.shape is None:
        raise ContractError("onnx_shape_needed", layer=repr(at.layer))
    window: Window = at.layer.window_on(at.shape[1:])
    return window


def _in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    window = _window_in_onnx(at)
    if window is None or window.ranges:
        return None
    return {"kernel": list(window.kernel), "strides": list(window.stride)}


def _taken_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    """Windows of several lengths, one behind another: a shorter one has its last number twice,
    which changes no maximum."""
    window = _window_in_onnx(at)
    if window is None or not window.ranges:
        return None
    sides = zip(window.ranges, window.kernel, strict=True)
    found = {f"along_{axis}": taken_by(*side)[0].ravel() for axis, side in enumerate(sides)}
    return {**found, "kernel": list(window.kernel), "strides": list(window.stride)}


def _means_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    """Means over windows of several lengths: a product with 1/k where a window covers a number."""
    window = _window_in_onnx(at)
    if window is None or not window.ranges or at.shape is None:
        return None
    sides = zip(window.ranges, at.shape[1:], strict=True)
    found = {f"along_{axis}": _shares(*side, at.dtype) for axis, side in enumerate(sides)}
    if len(found) == 2:
        found["along_0"] = found["along_0"].T
    return found


def _shares(spans: tuple[tuple[int, int], ...], side: int, dtype: "np.dtype[Any]") -> Array:
    """What of every number goes into every place's mean, (S, P)."""
    starts, ends = np.array(spans).T
    numbers = np.arange(side)[:, None]
    covers = (starts <= numbers) & (numbers < ends)
    shares: Array = (covers / (ends - starts)).astype(dtype)
    return shares


def _taken_of_onnx(found: Mapping[str, Any], dtype: "np.dtype[Any]") -> ReadLayer | None:
    kernel = tuple(found["kernel"])
    indices = [np.asarray(found[name]) for name in sorted(found) if name.startswith("along")]
    whole = all(one.ndim == 1 and one.size and one.dtype.kind == "i" for one in indices)
    if len(kernel) != len(indices) or not whole or min(kernel) < 1:
        return None
    places = tuple(len(one) // k for one, k in zip(indices, kernel, strict=True))
    size = tuple(int(one.max()) + 1 for one in indices)
    return _as_written(AdaptiveMaxPool1d, AdaptiveMaxPool2d, places, size, found, dtype)


def _means_of_onnx(found: Mapping[str, Any], dtype: "np.dtype[Any]") -> ReadLayer | None:
    rows, columns = np.asarray(found["along_0"]), np.asarray(found["along_1"])
    if rows.ndim != 2 or columns.ndim != 2:
        return None
    places, size = (len(rows), columns.shape[1]), (rows.shape[1], len(columns))
    return _as_written(AdaptiveAvgPool1d, AdaptiveAvgPool2d, places, size, found, dtype)


def _as_written(
    one: Any,
    two: Any,
    places: Shape,
    size: Shape,
    found: Mapping[str, Any],
    dtype: "np.dtype[Any]",
) -> ReadLayer | None:
    """The layer with so many places, where what is found is what it has on images of this size."""
    if min((*places, *size)) < 1:
        return None
    layer: Layer = (one if len(places) == 1 else two)(places)
    at = OnnxPlace(layer, {}, {}, dtype, len(size) + 1, stacked=False, shape=(1, *size))
    written = _taken_in_onnx(at) if "kernel" in found else _means_in_onnx(at)
    same = written is not None and all(
        np.shape(found[name]) == np.shape(value) and np.allclose(found[name], value, rtol=1e-6)
        for name, value in written.items()
    )
    return ReadLayer(layer) if same else None


def _uneven_form(axes: int, *, largest: bool, attributes: dict[str, Any]) -> OnnxForm:
    if largest:
        taken: Any = X
        for axis in range(axes):
            taken = op("Gather", taken, Slot(f"along_{axis}"), axis=axis + 2)
        return OnnxForm(op("MaxPool", taken, **attributes), _taken_in_onnx, _taken_of_onnx)
    # Along the last axis from the right, along the one before it from the left.
    means = op("MatMul", X, Slot(f"along_{axes - 1}"))
    if axes == 2:
        return OnnxForm(op("MatMul", Slot("along_0"), means), _means_in_onnx, _means_of_onnx)
    # A file's product from the right alone is read as the Linear that it is.
    return OnnxForm(means, _means_in_onnx, lambda *_: None)


def _average_passes(site: Site) -> Passes:
    """The mean of the numbers under a window; of windows of several lengths as shares that add up
    to 1."""
    axes, y, dy = site.layer.axes, site.y, site.dy
    names = names_in(site, axes, *WINDOW_NAMES)
    if not names.window.ranges:
        return average_passes(site)
    lines, shares = taking_lines(site, names), []
    for axis, side in enumerate(site.shape[1:]):
        share = site.own(("shares", "parts")[axis], ("ω", "υ")[axis])
        lines += ranged_shares(names.window, side, axis, share, site.x)
        shares.append(share)
    product = " * ".join(map(str, shares))
    product_math = " ".join(f"{one:math}" for one in shares)
    over = "-1" if axes == 1 else "(-2, -1)"
    lines.append(
        Line(
            f"{y} = ({names.patches} * {product}).sum(axis={over})",
            f"{y:math} = Σᵢ {product_math} {names.patches:math}[n,c,p,i]",
        )
    )
    back, math = f"{dy}[...{', None' * axes}] * {product}", f"{dy:math}[n,c,p] {product_math}"
    return Passes(tuple(lines), tuple(returning_lines(site, names, back, math)))


def _average_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """The sum of the numbers by how many there are."""
    numbers = under(entry, np.nan)
    numbers = numbers[~np.isnan(numbers)]
    return (Arithmetic("y", (f"({written(numbers, ' + ')}) / {numbers.size}",), entry.y),)


def _row(kind: Any, *examples: LayerExample) -> LayerRow:
    largest = "Max" in kind.__name__
    operator = "MaxPool" if largest else "AveragePool"
    attributes = {"kernel_shape": Held("kernel", ()), "strides": Held("strides", ())}
    equations = (
        Equations(
            ("y[c,p] = max over t from ⌊p S / P⌋ to before ⌈(p + 1) S / P⌉ of x[c,t]",),
            ("∂C/∂x[c,t] = Σ over p where t is the first largest of ∂C/∂y[c,p]",),
        )
        if largest
        else Equations(
            ("y[c,p] = (1/k) Σₜ x[c,t],  t from ⌊p S / P⌋ to before ⌈(p + 1) S / P⌉, k numbers",),
            ("∂C/∂x[c,t] = Σ over p that cover t of ∂C/∂y[c,p] / k",),
        )
    )
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=equations,
        worked=max_worked if largest else _average_worked,
        passes=max_passes if largest else _average_passes,
        output=POOL,
        torch=TorchTwin(_module, {kind.__name__: _of_torch(kind)}),
        jax=max_in_jax if largest else average_in_jax,
        onnx=None,
        # A file's pool is read as what it is, a pool with a window of its own.
        onnx_forms=(
            OnnxForm(op(operator, X, **attributes), _in_onnx, lambda *_: None),
            _uneven_form(int(kind.__name__[-2]), largest=largest, attributes=attributes),
        ),
        compiled=largest_kernel if largest else mean_kernel,
        weighted=not largest,
        onward=largest_ways if largest else average_ways,
    )


ADAPTIVE_POOLINGS = (
    _row(
        AdaptiveMaxPool1d,
        LayerExample(AdaptiveMaxPool1d(2), (2, 4)),
        LayerExample(AdaptiveMaxPool1d(2), (1, 5)),
        LayerExample(AdaptiveMaxPool1d(3), (1, 8)),
    ),
    _row(
        AdaptiveMaxPool2d,
        LayerExample(AdaptiveMaxPool2d((2, 1)), (2, 4, 3)),
        LayerExample(AdaptiveMaxPool2d((3, None)), (1, 4, 3)),
    ),
    _row(
        AdaptiveAvgPool1d,
        LayerExample(AdaptiveAvgPool1d(2), (2, 4)),
        LayerExample(AdaptiveAvgPool1d(4), (1, 6)),
    ),
    _row(
        AdaptiveAvgPool2d,
        LayerExample(AdaptiveAvgPool2d(2), (2, 4, 6)),
        LayerExample(AdaptiveAvgPool2d((2, 3)), (1, 3, 3)),
        LayerExample(AdaptiveAvgPool2d((3, 2)), (1, 4, 3)),
    ),
)
