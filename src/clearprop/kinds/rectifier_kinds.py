"""LeakyReLU, PReLU, ELU, SELU and Hardtanh."""

from collections.abc import Mapping
from typing import Any

from clearprop.base.numbers import brief, product_text
from clearprop.engine.initializers import Constant
from clearprop.engine.layers.rectifiers import (
    ELU,
    SELU,
    SELU_ALPHA,
    SELU_SCALE,
    Hardtanh,
    LeakyReLU,
    PReLU,
)
from clearprop.kinds.activation_kinds import A
from clearprop.kinds.counterparts import ArrayNames, OnnxAttribute, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.onnx_terms import (
    OnnxForm,
    ReadLayer,
    Slot,
    X,
    in_float32,
    of_settings,
    op,
    row,
    unary,
)
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples, two_lines
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
    applied,
    of_activation,
)


def _leaky_relu(site: Site) -> Passes:
    """A fixed slope below 0."""
    slope = site.layer.slope
    return _leaky(site, literal(slope), in_equation(slope))


def _prelu(site: Site) -> Passes:
    """A learned slope below 0."""
    z, da, slope = site.x, site.dy, site.params["weight"]
    gradient = site.gradients["weight"]
    terms = f"{da} * np.minimum({z}, 0)"
    if site.layer.features > 1:
        code, over = sum_of_samples(terms, site.shape), "Σₙ"
    else:
        code, over = f"({terms}).sum().reshape(1, 1)", "Σₙⱼ"
    passes = _leaky(site, str(slope), f"{slope:math}")
    return Passes(
        passes.forward,
        (
            Line(
                f"{gradient} = {code}",
                f"{gradient:math} = {over} {da:math} ⊙ min({z:math}, 0)",
            ),
            *passes.backward,
        ),
    )


def _leaky(site: Site, slope: str, slope_in_equation: str) -> Passes:
    z, da = site.x, site.dy
    return two_lines(
        site,
        (
            f"np.where({z} > 0, {z}, {slope} * {z})",
            f"[{z:math} > 0] {z:math} + [{z:math} ≤ 0] {slope_in_equation} {z:math}",
        ),
        (
            f"np.where({z} > 0, {da}, {slope} * {da})",
            f"{da:math} ⊙ ([{z:math} > 0] + [{z:math} ≤ 0] {slope_in_equation})",
        ),
    )


def _elu(site: Site) -> Passes:
    """A power of e below 0."""
    return _exponential(site, site.layer.alpha, 1.0)


def _selu(site: Site) -> Passes:
    """ELU with its own two constants."""
    return _exponential(site, SELU_ALPHA, SELU_SCALE)


def _exponential(site: Site, alpha: float, scale: float) -> Passes:
    """λ z above 0 and λ α (eᶻ − 1) below; the exponent is never positive, so nothing overflows."""
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    below = site.own("below", "n")
    slope = site.own("slope", "a′")
    times = "" if alpha == 1 else f"{literal(alpha)} * "
    alpha_in_equation = "" if alpha == 1 else f"{in_equation(alpha)} "
    forward = [
        Line(f"{below} = np.minimum({z}, 0)", f"{below:math} = min({z:math}, 0)"),
        Line(
            f"{a} = np.where({z} > 0, {z}, {times}np.expm1({below}))",
            f"{a:math} = [{z:math} > 0] {z:math} + "
            f"[{z:math} ≤ 0] {alpha_in_equation}(e^{below:math} − 1)",
        ),
    ]
    backward = [
        Line(
            f"{slope} = np.where({z} > 0, 1, {times}np.exp({below}))",
            f"{slope:math} = [{z:math} > 0] + [{z:math} ≤ 0] {alpha_in_equation}e^{below:math}",
        )
    ]
    if scale == 1:
        backward.append(Line(f"{dz} = {da} * {slope}", f"{dz:math} = {da:math} ⊙ {slope:math}"))
        return Passes(tuple(forward), tuple(backward))
    inner = site.own("elu", "u")
    forward[1] = Line(
        forward[1].code.replace(f"{a} =", f"{inner} =", 1),
        forward[1].equation.replace(f"{a:math} =", f"{inner:math} =", 1),
    )
    factor, in_math = literal(scale), in_equation(scale)
    forward.append(Line(f"{a} = {factor} * {inner}", f"{a:math} = {in_math} {inner:math}"))
    backward.append(
        Line(
            f"{dz} = {factor} * {da} * {slope}",
            f"{dz:math} = {in_math} {da:math} ⊙ {slope:math}",
        )
    )
    return Passes(tuple(forward), tuple(backward))


def _hardtanh(site: Site) -> Passes:
    """Held between two bounds."""
    z, da = site.x, site.dy
    low, high = literal(site.layer.low), literal(site.layer.high)
    low_math, high_math = in_equation(site.layer.low), in_equation(site.layer.high)
    return two_lines(
        site,
        (
            f"np.clip({z}, {low}, {high})",
            f"min(max({z:math}, {low_math}), {high_math})",
        ),
        (
            f"{da} * (({z} > {low}) & ({z} < {high}))",
            f"{da:math} ⊙ [{low_math} < {z:math} < {high_math}]",
        ),
    )


def _prelu_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    slopes = entry.params["weight"].ravel()
    slope = float(slopes[entry.place[-1] if slopes.size > 1 else 0])
    right = brief(entry.x) if entry.x > 0 else product_text(slope, entry.x)
    return (Arithmetic("y", (right,), entry.y),)


_LEAKY_RELU = OnnxOperator("LeakyRelu", {"slope": OnnxAttribute("alpha", 0.01)})
_ELU = OnnxOperator("Elu", {"alpha": OnnxAttribute("alpha", 1.0)})
# z above 0, z below, and eᶻ − 1 below.
_ABOVE, _BELOW = op("Max", X, 0.0), op("Min", X, 0.0)
_POWER = op("Sub", op("Exp", _BELOW), 1.0)


def _prelu_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    slopes = row(found["weight"])
    if slopes is None:
        return None
    return ReadLayer(PReLU(slopes.shape[-1]), {"weight": slopes})


RECTIFIERS = (
    LayerRow(
        kind=LeakyReLU,
        examples=(LayerExample(LeakyReLU(), (5,)), LayerExample(LeakyReLU(0.3), (2, 3))),
        equations=of_activation("z where z > 0, else s·z", "1 where z > 0, else s"),
        worked=applied,
        passes=_leaky_relu,
        output=A,
        torch=TorchTwin(
            lambda nn, one: nn.LeakyReLU(one.slope),
            {"LeakyReLU": lambda m: LeakyReLU(m.negative_slope)},
        ),
        jax=lambda at, x: at.jax.numpy.where(x > 0, x, at.layer.slope * x),
        onnx=_LEAKY_RELU,
        onnx_forms=(
            in_float32(unary(LeakyReLU, _LEAKY_RELU)),
            of_settings(op("Add", _ABOVE, op("Mul", Slot("slope"), _BELOW)), LeakyReLU, "slope"),
        ),
        compiled=kernel("LEAKY_RELU", "slope"),
    ),
    LayerRow(
        kind=PReLU,
        examples=(
            LayerExample(PReLU(), (5,)),
            LayerExample(PReLU(4), (4,)),
            LayerExample(PReLU(3, initializer=Constant(0.1)), (2, 3)),
        ),
        equations=Equations(
            ("y = x where x > 0, else s·x",),
            ("∂C/∂x = ∂C/∂y · (1 where x > 0, else s)", "∂L/∂s = Σ min(0, x) · ∂C/∂y"),
        ),
        worked=_prelu_worked,
        passes=_prelu,
        output=A,
        parameters={"weight": ParameterSymbols("s", Symbol("alpha", "α"))},
        # torch takes the second axis for the features, ours is the last.
        torch=TorchTwin(
            lambda nn, one: nn.PReLU(one.features),
            {"PReLU": lambda m: PReLU(m.num_parameters)},
            differs=lambda _, axes, __: axes > 2,
        ),
        jax=lambda at, x: at.jax.numpy.where(x > 0, x, at.params["weight"] * x),
        onnx=OnnxOperator("PRelu"),
        onnx_forms=(
            in_float32(OnnxForm(op("PRelu", X, Slot("weight")), lambda at: at.params, _prelu_read)),
            OnnxForm(
                op("Add", _ABOVE, op("Mul", Slot("weight"), _BELOW)),
                lambda at: at.params,
                _prelu_read,
            ),
        ),
        keras=ArrayNames("PReLU", {"weight": "alpha"}),
        compiled=lambda one: Kernel("PRELU", (float(one.features == 1),)),
    ),
    LayerRow(
        kind=ELU,
        examples=(LayerExample(ELU(), (5,)), LayerExample(ELU(0.7), (5,))),
        equations=of_activation("z where z > 0, else α (eᶻ − 1)", "1 where z > 0, else α eᶻ"),
        worked=applied,
        passes=_elu,
        output=A,
        torch=TorchTwin(lambda nn, one: nn.ELU(one.alpha), {"ELU": lambda m: ELU(m.alpha)}),
        jax=lambda at, x: at.jax.nn.elu(x, at.layer.alpha),
        onnx=_ELU,
        onnx_forms=(
            in_float32(unary(ELU, _ELU)),
            of_settings(op("Add", _ABOVE, op("Mul", Slot("alpha"), _POWER)), ELU, "alpha"),
        ),
        compiled=kernel("ELU", "alpha"),
    ),
    LayerRow(
        kind=SELU,
        examples=(LayerExample(SELU(), (5,)),),
        equations=of_activation("λz where z > 0, else λα (eᶻ − 1)", "λ where z > 0, else λα eᶻ"),
        worked=applied,
        passes=_selu,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.SELU(), {"SELU": lambda _: SELU()}),
        jax=lambda at, x: at.jax.nn.selu(x),
        onnx=OnnxOperator("Selu"),
        onnx_forms=(
            # Its two numbers are float32.
            in_float32(of_settings(op("Selu", X), SELU)),
            of_settings(
                op("Mul", SELU_SCALE, op("Add", _ABOVE, op("Mul", SELU_ALPHA, _POWER))), SELU
            ),
        ),
        compiled=kernel("SELU"),
    ),
    LayerRow(
        kind=Hardtanh,
        examples=(LayerExample(Hardtanh(), (5,)), LayerExample(Hardtanh(-0.5, 2.0), (5,))),
        equations=of_activation("z, held between low and high", "1 between them, else 0"),
        worked=applied,
        passes=_hardtanh,
        output=A,
        torch=TorchTwin(
            lambda nn, one: nn.Hardtanh(one.low, one.high),
            dict.fromkeys(("Hardtanh", "ReLU6"), lambda m: Hardtanh(m.min_val, m.max_val)),
        ),
        jax=lambda at, x: at.jax.numpy.where(
            x <= at.layer.low,
            at.layer.low,
            at.jax.numpy.where(x >= at.layer.high, at.layer.high, x),
        ),
        onnx=OnnxOperator("Clip"),
        onnx_forms=(
            of_settings(op("Clip", X, Slot("low"), Slot("high")), Hardtanh, "low", "high"),
        ),
        compiled=kernel("HARDTANH", "low", "high"),
    ),
)
