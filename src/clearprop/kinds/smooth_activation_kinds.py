"""GELU, SiLU, Softplus and Mish."""

from typing import Any

from clearprop.engine.layers.smooth_activations import GELU, Mish, SiLU, Softplus
from clearprop.kinds.activation_kinds import A
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site, two_lines
from clearprop.kinds.row import (
    InJax,
    LayerExample,
    LayerRow,
    OnnxAttribute,
    OnnxOperator,
    TorchTwin,
    applied,
    of_activation,
)


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


SMOOTH_ACTIVATIONS = (
    LayerRow(
        kind=GELU,
        examples=(LayerExample(GELU(), (5,)), LayerExample(GELU("tanh"), (5,))),
        equations=of_activation("z Φ(z)", "Φ(z) + z φ(z)"),
        worked=applied,
        passes=_gelu,
        output=A,
        torch=TorchTwin(lambda nn, one: nn.GELU(one.approximate)),
        jax=lambda at, x: at.jax.nn.gelu(x, approximate=at.layer.approximate == "tanh"),
        onnx=OnnxOperator("Gelu", {"approximate": OnnxAttribute("approximate", "none")}),
        compiled=lambda one: Kernel("GELU" if one.approximate == "none" else "GELU_TANH"),
    ),
    LayerRow(
        kind=SiLU,
        examples=(LayerExample(SiLU(), (5,)),),
        equations=of_activation("z σ(z)", "σ + z σ (1 − σ)"),
        worked=applied,
        passes=_silu,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.SiLU()),
        jax=lambda at, x: at.jax.nn.silu(x),
        onnx=OnnxOperator("Swish"),
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
        torch=TorchTwin(lambda nn, one: nn.Softplus(one.beta, one.threshold)),
        jax=_softplus_in_jax,
        onnx=OnnxOperator("Softplus"),
        compiled=kernel("SOFTPLUS", "beta", "threshold"),
    ),
    LayerRow(
        kind=Mish,
        examples=(LayerExample(Mish(), (5,)),),
        equations=of_activation("z τ,  τ = tanh(ln(1 + eᶻ))", "τ + z (1 − τ²) σ(z)"),
        worked=applied,
        passes=_mish,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.Mish()),
        jax=lambda at, x: at.jax.nn.mish(x),
        onnx=OnnxOperator("Mish"),
        compiled=kernel("MISH"),
    ),
)
