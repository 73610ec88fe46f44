"""SwiGLU: one half of the features times a gate of the other half."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief, product_text
from clearprop.engine.layers.gated import SwiGLU
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.onnx_terms import OnnxForm, ReadLayer, Slot, X, op
from clearprop.kinds.own_modules import own_module
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
)


def _passes(site: Site) -> Passes:
    """The first half through SiLU, times the second half."""
    x, y, dy = site.x, site.y, site.dy
    dx = site.dx or site.x.d
    half = site.shape[-1] // 2
    gate, value, share = site.own("gate", "a"), site.own("value", "b"), site.own("sigma", "σ")
    backward = (
        Line(
            f"{gate.d} = {dy} * {value} * {share} * (1 + {gate} * (1 - {share}))",
            f"{gate.d:math} = {dy:math} ⊙ {value:math} ⊙ {share:math} ⊙ "
            f"(1 + {gate:math} ⊙ (1 − {share:math}))",
        ),
        Line(
            f"{value.d} = {dy} * {gate} * {share}",
            f"{value.d:math} = {dy:math} ⊙ {gate:math} ⊙ {share:math}",
        ),
        Line(
            f"{dx} = np.concatenate([{gate.d}, {value.d}], axis=-1)",
            f"{dx:math} = [{gate.d:math}, {value.d:math}]",
        ),
    )
    return Passes(
        (
            Line(
                f"{gate}, {value} = {x}[..., :{half}], {x}[..., {half}:]",
                f"[{gate:math}, {value:math}] = {x:math}",
            ),
            Line(
                f"{share} = 1 / (1 + np.exp(-{gate}))", f"{share:math} = 1 / (1 + e^−{gate:math})"
            ),
            Line(
                f"{y} = {gate} * {share} * {value}",
                f"{y:math} = {gate:math} ⊙ {share:math} ⊙ {value:math}",
            ),
        ),
        backward,
    )


def _halves(entry: Any) -> tuple[float, float]:
    *lead, feature = entry.place
    half = entry.input.shape[-1] // 2
    return float(entry.input[(*lead, feature)]), float(entry.input[(*lead, feature + half)])


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    a, b = _halves(entry)
    gate = a / (1 + np.exp(-a))
    return (
        Arithmetic("g", (f"SiLU({brief(a)})",), float(gate)),
        Arithmetic("y", (product_text(float(gate), b),), entry.y),
    )


def _gate(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    a, _ = _halves(entry)
    return (Arithmetic("g", (f"SiLU({brief(a)})",), float(entry.values["gate"][entry.place])),)


def _gate_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    _, b = _halves(entry)
    signal = float(entry.output_gradient[entry.place])
    return (Arithmetic("∂C/∂g", (), signal * b, (np.array([signal]), np.array([b]))),)


def _in_jax(at: InJax, x: Any) -> Any:
    half = x.shape[-1] // 2
    return at.jax.nn.silu(x[..., :half]) * x[..., half:]


def _in_torch(nn: Any, one: SwiGLU) -> Any:
    def compute(_: Any, x: Any) -> Any:
        gate, value = x.chunk(2, dim=-1)
        return nn.functional.silu(gate) * value

    return own_module(nn, one, compute)


_WIDTH = op("Gather", op("Shape", X), Slot("last"), axis=0)
_HALF = op("Div", _WIDTH, Slot("two"))
_GATE = op("Slice", X, Slot("zero"), _HALF, Slot("last"))
_VALUE = op("Slice", X, _HALF, _WIDTH, Slot("last"))
_CONSTANTS = {"last": np.array([-1]), "two": np.array([2]), "zero": np.array([0])}


def _read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    same = all(np.array_equal(found[name], value) for name, value in _CONSTANTS.items())
    return ReadLayer(SwiGLU()) if same else None


SWIGLU = LayerRow(
    kind=SwiGLU,
    examples=(LayerExample(SwiGLU(), (6,)), LayerExample(SwiGLU(), (2, 4))),
    equations=Equations(
        ("y = SiLU(a) ⊙ b,  [a, b] = x",),
        ("∂C/∂a = ∂C/∂y ⊙ b ⊙ SiLU'(a),  ∂C/∂b = ∂C/∂y ⊙ SiLU(a)",),
    ),
    worked=_worked,
    passes=_passes,
    output=Symbol("g", "g"),
    torch=TorchTwin(_in_torch),
    jax=_in_jax,
    onnx=None,
    onnx_forms=(
        OnnxForm(
            op("Mul", op("Mul", _GATE, op("Sigmoid", _GATE)), _VALUE),
            lambda _: _CONSTANTS,
            _read,
        ),
    ),
    compiled=lambda _: NoKernel("gated"),
    inside={"gate": Inside("g", _gate, _gate_back)},
)
