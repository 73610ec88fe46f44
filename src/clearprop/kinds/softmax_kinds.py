"""Softmax and its logarithm."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.kinds.counterparts import OnnxAttribute, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, NoKernel
from clearprop.kinds.onnx_terms import OnnxForm, ReadLayer, unary
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, LayerExample, LayerRow, OneEntry


def _softmax(site: Site) -> Passes:
    """Powers of e over their sum; the largest input is taken off first, so that none overflows."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    along = f"axis={site.layer.axis}, keepdims=True"
    powers = site.own("powers", "q")
    overlap = site.own("overlap", "o")
    return Passes(
        (
            Line(
                f"{powers} = np.exp({x} - {x}.max({along}))",
                f"{powers:math} = e^({x:math} − max {x:math})",
            ),
            Line(
                f"{y} = {powers} / {powers}.sum({along})",
                f"{y:math} = {powers:math} / Σⱼ {powers:math}",
            ),
        ),
        (
            Line(
                f"{overlap} = ({dy} * {y}).sum({along})",
                f"{overlap:math} = Σⱼ {dy:math} ⊙ {y:math}",
            ),
            Line(
                f"{dx} = {y} * ({dy} - {overlap})",
                f"{dx:math} = {y:math} ⊙ ({dy:math} − {overlap:math})",
            ),
        ),
    )


def _log_softmax(site: Site) -> Passes:
    """The logarithm of softmax, without taking softmax first."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    along = f"axis={site.layer.axis}, keepdims=True"
    below = site.own("shifted", "d")
    return Passes(
        (
            Line(f"{below} = {x} - {x}.max({along})", f"{below:math} = {x:math} − max {x:math}"),
            Line(
                f"{y} = {below} - np.log(np.exp({below}).sum({along}))",
                f"{y:math} = {below:math} − ln Σⱼ e^{below:math}",
            ),
        ),
        (
            Line(
                f"{dx} = {dy} - np.exp({y}) * {dy}.sum({along})",
                f"{dx:math} = {dy:math} − e^{y:math} ⊙ Σⱼ {dy:math}",
            ),
        ),
    )


def _exponents(entry: OneEntry) -> tuple[str, str]:
    """An entry less the largest one, and the sum of all such powers of e, as they are written."""
    x, axis = entry.input.astype(np.float64), entry.layer.axis
    below = x - x.max(axis=axis, keepdims=True)
    total = np.broadcast_to(np.exp(below).sum(axis=axis, keepdims=True), x.shape)
    return brief(float(below[entry.place])), brief(float(total[entry.place]))


def _softmax_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    below, total = _exponents(entry)
    return (Arithmetic("y", (f"e^({below}) / {total}",), entry.y),)


def _log_softmax_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    below, total = _exponents(entry)
    return (Arithmetic("y", (f"{below} − ln {total}",), entry.y),)


def _compiled(one: Any, name: str) -> Kernel | NoKernel:
    return Kernel(name) if one.axis == -1 else NoKernel("axis")


def _over(kind: type[Any], axis: int | None) -> Any:
    """The layer over an axis as others count it; None where that cannot be told."""
    # Of samples in rows the second axis is the last one.
    axis = -1 if axis == 1 else axis
    return kind(axis) if axis is not None and axis < 0 else None


def _over_axis(kind: type[Any], operator: OnnxOperator) -> OnnxForm:
    def layer(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        made = _over(kind, found["axis"])
        return None if made is None else ReadLayer(made)

    return unary(kind, operator)._replace(layer=layer)


_SOFTMAX = OnnxOperator("Softmax", {"axis": OnnxAttribute("axis", -1)})
_LOG_SOFTMAX = OnnxOperator("LogSoftmax", {"axis": OnnxAttribute("axis", -1)})

SOFTMAX = (
    LayerRow(
        kind=Softmax,
        examples=(LayerExample(Softmax(), (4,)), LayerExample(Softmax(axis=-2), (3, 2))),
        equations=Equations(("yᵢ = e^xᵢ / Σⱼ e^xⱼ",), ("∂C/∂xᵢ = yᵢ (∂C/∂yᵢ − Σⱼ yⱼ · ∂C/∂yⱼ)",)),
        worked=_softmax_worked,
        passes=_softmax,
        output=Symbol("p", "p"),
        torch=TorchTwin(
            lambda nn, one: nn.Softmax(one.axis), {"Softmax": lambda m: _over(Softmax, m.dim)}
        ),
        jax=lambda at, x: at.jax.nn.softmax(x, axis=at.layer.axis),
        onnx=_SOFTMAX,
        onnx_forms=(_over_axis(Softmax, _SOFTMAX),),
        compiled=lambda one: _compiled(one, "SOFTMAX"),
    ),
    LayerRow(
        kind=LogSoftmax,
        examples=(LayerExample(LogSoftmax(), (4,)), LayerExample(LogSoftmax(axis=-2), (3, 2))),
        equations=Equations(("yᵢ = xᵢ − ln Σⱼ e^xⱼ",), ("∂C/∂xᵢ = ∂C/∂yᵢ − e^yᵢ · Σⱼ ∂C/∂yⱼ",)),
        worked=_log_softmax_worked,
        passes=_log_softmax,
        output=Symbol("log_p", "ln p"),
        torch=TorchTwin(
            lambda nn, one: nn.LogSoftmax(one.axis),
            {"LogSoftmax": lambda m: _over(LogSoftmax, m.dim)},
        ),
        jax=lambda at, x: at.jax.nn.log_softmax(x, axis=at.layer.axis),
        onnx=_LOG_SOFTMAX,
        onnx_forms=(_over_axis(LogSoftmax, _LOG_SOFTMAX),),
        compiled=lambda one: _compiled(one, "LOG_SOFTMAX"),
    ),
)
