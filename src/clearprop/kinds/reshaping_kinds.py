"""Flatten and Pad: the same numbers in another shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.reshaping import Flatten, Pad
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.onnx_terms import OnnxForm, OnnxPlace, ReadLayer, Slot, X, number, op
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, InJax, LayerExample, LayerRow, OneEntry


def _flatten(site: Site) -> Passes:
    """Every sample's numbers as one row."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    shape = ", ".join(map(str, site.shape))
    row = int(np.prod(site.shape))
    back = () if dx is None else (_reshaped(dx, dy, shape),)
    return Passes((_reshaped(y, x, str(row)),), back)


def _reshaped(target: Symbol, source: Symbol, shape: str) -> Line:
    return Line(
        f"{target} = {source}.reshape(len({source}), {shape})", f"{target:math} = {source:math}"
    )


def _pad(site: Site) -> Passes:
    """A border of one number."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    sides = site.layer.sides
    before = ((0, 0),) * (1 + len(site.shape) - len(sides))
    border = ", ".join(map(str, (*before, *sides)))
    value = literal(site.layer.value)
    number = in_equation(site.layer.value)
    options = "" if value == "0" else f", constant_values={value}"
    inner = zip(site.shape[-len(sides) :], sides, strict=True)
    cuts = ", ".join(f"{low}:{low + size}" for size, (low, _) in inner)
    return Passes(
        (
            Line(
                f"{y} = np.pad({x}, ({border}){options})",
                f"{y:math} = {number} ‖ {x:math} ‖ {number}",
            ),
        ),
        (Line(f"{dx} = {dy}[..., {cuts}]", f"{dx:math} ⊂ {dy:math}"),),
    )


def _same(entry: OneEntry) -> tuple[Arithmetic, ...]:
    return (Arithmetic("y", (brief(entry.y),), entry.y),)


def _pads(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    sides = at.layer.sides
    before = [0] * (1 + at.axes - len(sides))
    lows, highs = zip(*sides, strict=True)
    pads = np.array([*before, *lows, *before, *highs], np.int64)
    return {"pads": pads, "value": np.asarray(at.layer.value, at.dtype)}


def _pad_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    pads, value = np.ravel(found["pads"]), number(found.get("value", 0.0))
    if value is None or pads.dtype.kind != "i" or len(pads) % 2 or pads.min(initial=0) < 0:
        return None
    axes = len(pads) // 2
    sides = list(zip(pads[:axes].tolist(), pads[axes:].tolist(), strict=True))
    first = next((axis for axis, side in enumerate(sides) if any(side)), axes - 1)
    if first == 0:  # more samples
        return None
    padding = [end for side in sides[: first - 1 : -1] for end in side]
    return ReadLayer(Pad(tuple(padding), value)) if len(padding) <= 6 else None


def _pad_in_jax(at: InJax, x: Any) -> Any:
    sides = at.layer.sides
    width = ((0, 0),) * (x.ndim - len(sides)) + sides
    return at.jax.numpy.pad(x, width, constant_values=at.layer.value)


def _pad_of_torch(axes: int) -> Any:
    def layer(m: Any) -> Pad | None:
        padding = (m.padding,) * 2 * axes if isinstance(m.padding, int) else tuple(m.padding)
        return Pad(padding, float(m.value)) if min(padding) >= 0 else None

    return layer


def _flatten_of_torch(m: Any) -> Flatten | None:
    return Flatten() if (m.start_dim, m.end_dim) == (1, -1) else None


RESHAPINGS = (
    LayerRow(
        kind=Flatten,
        examples=(LayerExample(Flatten(), (2, 2, 3)), LayerExample(Flatten(), (3,))),
        equations=Equations(("y = x, in one row",), ("∂C/∂x = ∂C/∂y, in the shape of x",)),
        worked=_same,
        passes=_flatten,
        output=Symbol("flat", "φ"),
        torch=TorchTwin(lambda nn, _: nn.Flatten(), {"Flatten": _flatten_of_torch}),
        jax=lambda _, x: x.reshape(len(x), -1),
        onnx=OnnxOperator("Flatten"),
        onnx_forms=(
            OnnxForm(
                op("Flatten", X),
                lambda at: None if at.stacked else {},
                lambda *_: ReadLayer(Flatten()),
            ),
            OnnxForm(
                op("Reshape", X, Slot("shape")),
                lambda _: None,
                lambda found, _: (
                    ReadLayer(Flatten())
                    if found["shape"].shape == (2,) and found["shape"][1] == -1
                    else None
                ),
            ),
        ),
        compiled=lambda _: NoKernel("images"),
    ),
    LayerRow(
        kind=Pad,
        examples=(
            LayerExample(Pad((1, 0, 0, 2)), (2, 2, 3)),
            LayerExample(Pad((2, 1), value=-0.5), (2, 3)),
        ),
        equations=Equations(("y = x in a border of v",), ("∂C/∂x = ∂C/∂y without the border",)),
        worked=_same,
        passes=_pad,
        output=Symbol("wide", "ω"),
        torch=TorchTwin(
            lambda nn, one: getattr(nn, f"ConstantPad{len(one.sides)}d")(one.padding, one.value),
            {
                f"{kind}Pad{axes}d": _pad_of_torch(axes)
                for kind in ("Constant", "Zero")
                for axes in (1, 2, 3)
            },
        ),
        jax=_pad_in_jax,
        onnx=OnnxOperator("Pad"),
        onnx_forms=(
            OnnxForm(op("Pad", X, Slot("pads"), Slot("value")), _pads, _pad_of_onnx),
            OnnxForm(op("Pad", X, Slot("pads")), lambda _: None, _pad_of_onnx),
        ),
        compiled=lambda _: NoKernel("images"),
    ),
)
