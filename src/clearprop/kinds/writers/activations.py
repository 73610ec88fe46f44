"""Functions of every entry by itself, with their derivatives at z."""

from clearprop.engine.layers.rectifiers import SELU_ALPHA, SELU_SCALE
from clearprop.kinds.program_lines import Line, in_equation, number
from clearprop.kinds.writers.site import Passes, Site, sum_of_samples


def _two_lines(site: Site, value: tuple[str, str], slope: tuple[str, str]) -> Passes:
    """The lines `a = value` and `dz = slope`, given the code and equation of each right side."""
    return Passes(
        (Line(f"{site.y} = {value[0]}", f"{site.y:math} = {value[1]}"),),
        (Line(f"{site.dx} = {slope[0]}", f"{site.dx:math} = {slope[1]}"),),
    )


def relu(site: Site) -> Passes:
    """The larger of 0 and z."""
    z, da = site.x, site.dy
    return _two_lines(
        site,
        (f"np.maximum({z}, 0)", f"max({z:math}, 0)"),
        (f"{da} * ({z} > 0)", f"{da:math} ⊙ [{z:math} > 0]"),
    )


def tanh(site: Site) -> Passes:
    """The hyperbolic tangent."""
    z, a, da = site.x, site.y, site.dy
    return _two_lines(
        site,
        (f"np.tanh({z})", f"tanh({z:math})"),
        (f"{da} * (1 - {a}**2)", f"{da:math} ⊙ (1 − {a:math}²)"),
    )


def sigmoid(site: Site) -> Passes:
    """The logistic function."""
    z, a, da = site.x, site.y, site.dy
    return _two_lines(
        site,
        (f"sigmoid({z})", f"σ({z:math})"),
        (f"{da} * {a} * (1 - {a})", f"{da:math} ⊙ {a:math} ⊙ (1 − {a:math})"),
    )


def identity(site: Site) -> Passes:
    """The input itself; only a network of nothing else has this line."""
    return _two_lines(site, (f"{site.x}", f"{site.x:math}"), (f"{site.dy}", f"{site.dy:math}"))


def leaky_relu(site: Site) -> Passes:
    """A fixed slope below 0."""
    slope = site.layer.slope
    return _leaky(site, number(slope), in_equation(slope))


def prelu(site: Site) -> Passes:
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
    return _two_lines(
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


def elu(site: Site) -> Passes:
    """A power of e below 0."""
    return _exponential(site, site.layer.alpha, 1.0)


def selu(site: Site) -> Passes:
    """ELU with its own two constants."""
    return _exponential(site, SELU_ALPHA, SELU_SCALE)


def _exponential(site: Site, alpha: float, scale: float) -> Passes:
    """λ z above 0 and λ α (eᶻ − 1) below; the exponent is never positive, so nothing overflows."""
    z, a, dz, da = site.x, site.y, site.dx, site.dy
    below = site.own("below", "n")
    slope = site.own("slope", "a′")
    times = "" if alpha == 1 else f"{number(alpha)} * "
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
    factor, in_math = number(scale), in_equation(scale)
    forward.append(Line(f"{a} = {factor} * {inner}", f"{a:math} = {in_math} {inner:math}"))
    backward.append(
        Line(
            f"{dz} = {factor} * {da} * {slope}",
            f"{dz:math} = {in_math} {da:math} ⊙ {slope:math}",
        )
    )
    return Passes(tuple(forward), tuple(backward))


def hardtanh(site: Site) -> Passes:
    """Held between two bounds."""
    z, da = site.x, site.dy
    low, high = number(site.layer.low), number(site.layer.high)
    low_math, high_math = in_equation(site.layer.low), in_equation(site.layer.high)
    return _two_lines(
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


def gelu(site: Site) -> Passes:
    """The product z Φ(z), or its form with tanh."""
    return _gelu_with_tanh(site) if site.layer.approximate == "tanh" else _gelu(site)


def _gelu(site: Site) -> Passes:
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


def _gelu_with_tanh(site: Site) -> Passes:
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


def silu(site: Site) -> Passes:
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


def softplus(site: Site) -> Passes:
    """The curve ln(1 + eᶻ), scaled, and z itself far out."""
    z, da = site.x, site.dy
    beta, threshold = site.layer.beta, number(site.layer.threshold)
    scaled, over = (f"{z}", "") if beta == 1 else (f"{number(beta)} * {z}", f" / {number(beta)}")
    scaled_math = f"{z:math}" if beta == 1 else f"{in_equation(beta)} {z:math}"
    limit = in_equation(site.layer.threshold)
    power = f"e^{z:math}" if beta == 1 else f"e^({scaled_math})"
    return _two_lines(
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
