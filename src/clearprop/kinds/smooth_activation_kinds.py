"""GELU, SiLU, Softplus and Mish."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.engine.layers.smooth_activations import GELU, Mish, SiLU, Softplus
from clearprop.kinds.activation_kinds import A
from clearprop.kinds.counterparts import OnnxAttribute, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.onnx_terms import (
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    in_float32,
    of_settings,
    op,
    unary,
)
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site, two_lines
from clearprop.kinds.row import InJax, LayerExample, LayerRow, applied, of_activation


def _gelu(site: Site) -> Passes:
    """The product z Φ(z), or its form with tanh."""
    return _tanh_gelu(site) if site.layer.approximate == "tanh" else _exact_gelu(site)


def _exact_gelu(site: Site) -> Passes:
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    share, density = site.own("Phi", "Φ"), site.own("phi", "φ")
    return Passes(
        (
            Line(
                f"{share} = ndtr({z})",
                f"{share:math} = ½ (1 + erf({z:math} / √2))",
            ),
            Line(f"{a} = {z} * {share}", f"{a:math} = {z:math} ⊙ {share:math}"),
        ),
        (
            Line(
                f"{density} = np.exp(-({z}**2) / 2) / (2 * np.pi) ** 0.5",
                f"{density:math} = e^(−{z:math}²/2) / √(2π)",
            ),
            Line(
                f"{dz} = {da} * ({share} + {z} * {density})",
                f"{dz:math} = {da:math} ⊙ ({share:math} + {z:math} ⊙ {density:math})",
            ),
        ),
    )


def _tanh_gelu(site: Site) -> Passes:
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    inner, bent = site.own("u", "u"), site.own("tanh", "τ")
    inner_slope, slope = site.own("du_dz", "u′"), site.own("slope", "a′")
    return Passes(
        (
            Line(
                f"{inner} = (2 / np.pi) ** 0.5 * ({z} + 0.044715 * {z}**3)",
                f"{inner:math} = √(2/π) ({z:math} + 0.044715 {z:math}³)",
            ),
            Line(f"{bent} = np.tanh({inner})", f"{bent:math} = tanh({inner:math})"),
            Line(f"{a} = 0.5 * {z} * (1 + {bent})", f"{a:math} = ½ {z:math} ⊙ (1 + {bent:math})"),
        ),
        (
            Line(
                f"{inner_slope} = (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * {z}**2)",
                f"{inner_slope:math} = √(2/π) (1 + 3 · 0.044715 {z:math}²)",
            ),
            Line(
                f"{slope} = 0.5 * (1 + {bent}) + 0.5 * {z} * (1 - {bent}**2) * {inner_slope}",
                f"{slope:math} = ½ (1 + {bent:math}) + ½ {z:math} ⊙ (1 − {bent:math}²) ⊙ "
                f"{inner_slope:math}",
            ),
            Line(f"{dz} = {da} * {slope}", f"{dz:math} = {da:math} ⊙ {slope:math}"),
        ),
    )


def _silu(site: Site) -> Passes:
    """The product z σ(z)."""
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    share = site.own("gate", "g")
    return Passes(
        (
            Line(f"{share} = sigmoid({z})", f"{share:math} = σ({z:math})"),
            Line(f"{a} = {z} * {share}", f"{a:math} = {z:math} ⊙ {share:math}"),
        ),
        (
            Line(
                f"{dz} = {da} * {share} * (1 + {z} * (1 - {share}))",
                f"{dz:math} = {da:math} ⊙ {share:math} ⊙ (1 + {z:math} ⊙ (1 − {share:math}))",
            ),
        ),
    )


def _softplus(site: Site) -> Passes:
    """The curve ln(1 + eᶻ), scaled, and z itself far out."""
    z, da = site.x, site.dy
    beta, threshold = site.layer.beta, literal(site.layer.threshold)
    scaled, over = (f"{z}", "") if beta == 1 else (f"{literal(beta)} * {z}", f" / {literal(beta)}")
    scaled_math = f"{z:math}" if beta == 1 else f"{in_equation(beta)} {z:math}"
    limit = in_equation(site.layer.threshold)
    power = f"e^{z:math}" if beta == 1 else f"e^({scaled_math})"
    return two_lines(
        site,
        (
            f"np.where({scaled} > {threshold}, {z}, np.logaddexp(0, {scaled}){over})",
            f"[{scaled_math} ≤ {limit}] ln(1 + {power}){over} + [{scaled_math} > {limit}] {z:math}",
        ),
        (
            f"{da} * np.where({scaled} > {threshold}, 1, sigmoid({scaled}))",
            f"{da:math} ⊙ ([{scaled_math} ≤ {limit}] σ({scaled_math}) + [{scaled_math} > {limit}])",
        ),
    )


def _mish(site: Site) -> Passes:
    """The product of z and the tanh of its softplus."""
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    bent = site.own("bent", "τ")
    return Passes(
        (
            Line(
                f"{bent} = np.tanh(np.logaddexp(0, {z}))", f"{bent:math} = tanh(ln(1 + e^{z:math}))"
            ),
            Line(f"{a} = {z} * {bent}", f"{a:math} = {z:math} ⊙ {bent:math}"),
        ),
        (
            Line(
                f"{dz} = {da} * ({bent} + {z} * (1 - {bent}**2) * sigmoid({z}))",
                f"{dz:math} = {da:math} ⊙ ({bent:math} + {z:math} ⊙ (1 − {bent:math}²) ⊙ "
                f"σ({z:math}))",
            ),
        ),
    )


def _softplus_in_jax(at: InJax, x: Any) -> Any:
    u = x * at.layer.beta
    return at.jax.numpy.where(u > at.layer.threshold, x, at.jax.nn.softplus(u) / at.layer.beta)


_GELU = OnnxOperator("Gelu", {"approximate": OnnxAttribute("approximate", "none")}, since=20)
_SWISH = OnnxOperator("Swish", since=24)
_MISH = OnnxOperator("Mish", since=18)


def _logarithm(u: Operand) -> Term:
    """ln(1 + eᵘ), whose power never overflows."""
    power = op("Exp", op("Neg", op("Abs", u)))
    return op("Add", op("Max", u, 0.0), op("Log", op("Add", power, 1.0)))


_U = op("Mul", X, Slot("beta"))


def _softplus_of(u: Term, logarithm: Term) -> Term:
    above = op("Greater", u, Slot("threshold"))
    return op("Where", above, X, op("Div", logarithm, Slot("beta")))


def _gelu_forms() -> Iterator[OnnxForm]:
    """The first of each kind is written; exporters spell the same products otherwise."""
    halved = op("Mul", X, 0.5)
    for part in (op("Div", X, math.sqrt(2)), op("Mul", X, math.sqrt(0.5))):
        twice = op("Add", op("Erf", part), 1.0)
        yield from _gelu_products("none", halved, twice)
    for cube in (op("Mul", X, op("Mul", X, X)), op("Mul", op("Mul", X, X), X), op("Pow", X, 3.0)):
        inner = op("Mul", op("Add", X, op("Mul", cube, 0.044715)), math.sqrt(2 / math.pi))
        yield from _gelu_products("tanh", halved, op("Add", op("Tanh", inner), 1.0))


def _gelu_products(approximate: str, halved: Term, twice: Term) -> Iterator[OnnxForm]:
    for product in (
        op("Mul", halved, twice),
        op("Mul", op("Mul", X, twice), 0.5),
        op("Mul", X, op("Mul", twice, 0.5)),
    ):
        yield OnnxForm(
            product,
            lambda at: {} if at.layer.approximate == approximate else None,
            lambda _, __: ReadLayer(GELU(approximate)),
        )


_GELU_FORMS = tuple(_gelu_forms())


# Above these ln(1 + eᶻ) is rounded to z.
_EXACT = {"float32": 20.0, "float64": 40.0}


def _plain_softplus(at: OnnxPlace) -> dict[str, Any] | None:
    exact = at.layer.beta == 1 and at.layer.threshold >= _EXACT[at.dtype.name]
    return {} if exact else None


def _read_softplus(_: object, dtype: np.dtype[Any]) -> ReadLayer:
    return ReadLayer(Softplus(threshold=_EXACT[dtype.name]))


SMOOTH_ACTIVATIONS = (
    LayerRow(
        kind=GELU,
        examples=(LayerExample(GELU(), (5,)), LayerExample(GELU("tanh"), (5,))),
        equations=of_activation("z Φ(z)", "Φ(z) + z φ(z)"),
        worked=applied,
        passes=_gelu,
        output=A,
        torch=TorchTwin(
            lambda nn, one: nn.GELU(one.approximate), {"GELU": lambda m: GELU(m.approximate)}
        ),
        jax=lambda at, x: at.jax.nn.gelu(x, approximate=at.layer.approximate == "tanh"),
        onnx=_GELU,
        onnx_forms=(in_float32(unary(GELU, _GELU)), *_GELU_FORMS),
        compiled=lambda one: Kernel("GELU" if one.approximate == "none" else "GELU_TANH"),
    ),
    LayerRow(
        kind=SiLU,
        examples=(LayerExample(SiLU(), (5,)),),
        equations=of_activation("z σ(z)", "σ + z σ (1 − σ)"),
        worked=applied,
        passes=_silu,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.SiLU(), {"SiLU": lambda _: SiLU()}),
        jax=lambda at, x: at.jax.nn.silu(x),
        onnx=_SWISH,
        onnx_forms=(unary(SiLU, _SWISH), of_settings(op("Mul", X, op("Sigmoid", X)), SiLU)),
        compiled=kernel("SILU"),
    ),
    LayerRow(
        kind=Softplus,
        examples=(
            LayerExample(Softplus(), (5,)),
            LayerExample(Softplus(beta=2.5, threshold=1.0), (5,)),
        ),
        equations=of_activation("ln(1 + e^(βz)) / β", "σ(βz)"),
        worked=applied,
        passes=_softplus,
        output=A,
        torch=TorchTwin(
            lambda nn, one: nn.Softplus(one.beta, one.threshold),
            {"Softplus": lambda m: Softplus(float(m.beta), float(m.threshold))},
        ),
        jax=_softplus_in_jax,
        onnx=OnnxOperator("Softplus"),
        onnx_forms=(
            in_float32(OnnxForm(op("Softplus", X), _plain_softplus, _read_softplus)),
            of_settings(_softplus_of(_U, _logarithm(_U)), Softplus, "beta", "threshold"),
            of_settings(_softplus_of(_U, op("Softplus", _U)), Softplus, "beta", "threshold"),
            of_settings(
                op("Where", op("Greater", X, Slot("threshold")), X, op("Softplus", X)),
                Softplus,
                "threshold",
            ),
        ),
        compiled=kernel("SOFTPLUS", "beta", "threshold"),
    ),
    LayerRow(
        kind=Mish,
        examples=(LayerExample(Mish(), (5,)),),
        equations=of_activation("z τ,  τ = tanh(ln(1 + eᶻ))", "τ + z (1 − τ²) σ(z)"),
        worked=applied,
        passes=_mish,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.Mish(), {"Mish": lambda _: Mish()}),
        jax=lambda at, x: at.jax.nn.mish(x),
        onnx=_MISH,
        onnx_forms=(
            in_float32(unary(Mish, _MISH)),
            of_settings(op("Mul", X, op("Tanh", _logarithm(X))), Mish),
            of_settings(op("Mul", X, op("Tanh", op("Softplus", X))), Mish),
        ),
        compiled=kernel("MISH"),
    ),
)
