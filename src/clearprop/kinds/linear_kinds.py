"""Linear: weighted sums."""

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.linear import Linear
from clearprop.kinds.kernels import kernel
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    LayerExample,
    LayerRow,
    OneEntry,
    OnnxOperator,
    ParameterSymbols,
    TorchTwin,
)


def _passes(site: Site) -> Passes:
    """The weighted sums z = x W + b."""
    x, y, dy, weight = site.x, site.y, site.dy, site.params["weight"]
    code, equation = f"{y} = {x} @ {weight}", f"{y:math} = {x:math} · {weight:math}"
    backward = [
        Line(
            f"{site.gradients['weight']} = {x}.T @ {dy}",
            f"{site.gradients['weight']:math} = {x:math}ᵀ · {dy:math}",
        )
    ]
    if "bias" in site.params:
        code += f" + {site.params['bias']}"
        equation += f" + {site.params['bias']:math}"
        gradient = site.gradients["bias"]
        backward.append(
            Line(
                f"{gradient} = {sum_of_samples(str(dy), site.shape)}",
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
        transposed=frozenset({"weight"}),
    ),
    jax=lambda at, x: x @ at.params["weight"] + at.params.get("bias", 0.0),
    onnx=OnnxOperator("Gemm"),
    compiled=kernel("LINEAR"),
)
