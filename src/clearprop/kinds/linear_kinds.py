"""Linear: weighted sums."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.linear import Linear
from clearprop.kinds.counterparts import ArrayNames, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import kernel
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, op, row
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)


def _passes(site: Site) -> Passes:
    """The weighted sums z = x W + b."""
    x, y, dy, weight = site.x, site.y, site.dy, site.params["weight"]
    code, equation = f"{y} = {x} @ {weight}", f"{y:math} = {x:math} · {weight:math}"
    rows, signals = f"{x}.T", str(dy)
    if len(site.shape) > 1:
        rows = f"{x}.reshape(-1, {site.layer.inputs}).T"
        signals = f"{dy}.reshape(-1, {site.layer.outputs})"
    backward = [
        Line(
            f"{site.gradients['weight']} = {rows} @ {signals}",
            f"{site.gradients['weight']:math} = {x:math}ᵀ · {dy:math}",
        )
    ]
    if "bias" in site.params:
        code += f" + {site.params['bias']}"
        equation += f" + {site.params['bias']:math}"
        gradient = site.gradients["bias"]
        backward.append(
            Line(
                f"{gradient} = {sum_of_samples(str(dy), (*site.shape[:-1], site.layer.outputs))}",
                f"{gradient:math} = Σₙ {dy:math}",
            )
        )
    if site.dx is not None:
        backward.append(
            Line(f"{site.dx} = {dy} @ {weight}.T", f"{site.dx:math} = {dy:math} · {weight:math}ᵀ")
        )
    return Passes((Line(code, equation),), tuple(backward))


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    unit = entry.place[-1]
    x = entry.input[entry.place[:-1]].astype(np.float64)
    weights = entry.params["weight"][:, unit].astype(np.float64)
    bias = (brief(float(entry.params["bias"][0, unit])),) if "bias" in entry.params else ()
    return (Arithmetic("z", bias, entry.y, (x, weights)),)


_W, _B = Slot("weight"), Slot("bias")
_GEMM = {"alpha": Held("alpha", 1.0), "beta": Held("beta", 1.0), "transB": Held("turned", 0)}


def _gemm(at: OnnxPlace) -> dict[str, Any] | None:
    # Gemm multiplies matrices alone.
    if at.stacked or at.axes > 1:
        return None
    bias = {"bias": at.params["bias"][0]} if "bias" in at.params else {}
    return {"weight": at.params["weight"], **bias}


def _read(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer | None:
    weight = found["weight"]
    if weight.dtype.kind != "f" or weight.ndim not in (2, 3) or not weight.size:
        return None
    if found.get("turned"):
        weight = weight.T
    weight = weight * dtype.type(found.get("alpha", 1))
    inputs, outputs = weight.shape[-2:]
    if "bias" not in found:
        return ReadLayer(Linear(inputs, outputs, bias=False), {"weight": weight})
    bias = row(found["bias"], outputs)
    if bias is None:
        return None
    bias = bias * dtype.type(found.get("beta", 1))
    return ReadLayer(Linear(inputs, outputs), {"weight": weight, "bias": bias})


LINEAR = LayerRow(
    kind=Linear,
    examples=(
        LayerExample(Linear(3, 4), (3,)),
        LayerExample(Linear(1, 10), (1,)),
        LayerExample(Linear(2, 2, bias=False), (2,)),
    ),
    equations=Equations(
        ("z = x·W + b",),
        ("∂C/∂x = ∂C/∂z · Wᵀ", "∂L/∂W = xᵀ · ∂C/∂z,  ∂L/∂b = Σₙ ∂C/∂z"),
        output="z",
    ),
    worked=_worked,
    passes=_passes,
    output=Symbol("z", "z"),
    opens=True,
    parameters={
        "weight": ParameterSymbols("W", Symbol("W", "W")),
        "bias": ParameterSymbols("b", Symbol("b", "b")),
    },
    torch=TorchTwin(
        lambda nn, one: nn.Linear(one.inputs, one.outputs, bias=one.bias),
        {"Linear": lambda m: Linear(m.in_features, m.out_features, bias=m.bias is not None)},
        transposed=frozenset({"weight"}),
    ),
    jax=lambda at, x: x @ at.params["weight"] + at.params.get("bias", 0.0),
    onnx=OnnxOperator("Gemm"),
    onnx_forms=(
        OnnxForm(op("Gemm", X, _W, _B, **_GEMM), _gemm, _read),
        OnnxForm(op("Gemm", X, _W, **_GEMM), _gemm, _read),
        OnnxForm(op("Add", op("MatMul", X, _W), _B), lambda at: at.params, _read),
        OnnxForm(op("MatMul", X, _W), lambda at: at.params, _read),
    ),
    keras=ArrayNames("Dense", {"weight": "kernel", "bias": "bias"}),
    flax=ArrayNames("Dense", {"weight": "kernel", "bias": "bias"}),
    compiled=kernel("LINEAR"),
)
