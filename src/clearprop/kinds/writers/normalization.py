"""BatchNorm, LayerNorm and RMSNorm: less a mean, over a deviation, then scaled and shifted."""

from clearprop.kinds.program_lines import Line, Symbol, in_equation, number
from clearprop.kinds.writers.site import Passes, Site, Statistics, sum_of_samples


def batch_norm(site: Site) -> Passes:
    """Over the samples. Training takes the batch's own statistics, and remembers them."""
    passes = _centred(site, axis=0)
    if not site.layer.running_statistics:
        return passes
    mean, variance = site.own("mu", "μ"), site.own("v", "v")
    statistics = Statistics(
        mean,
        variance,
        site.own("running_mean", "μ̄"),
        site.own("running_var", "v̄"),
        site.path,
        site.layer.momentum,
    )
    return Passes(passes.forward, passes.backward, statistics=(statistics,))


def layer_norm(site: Site) -> Passes:
    """Over the features of every sample."""
    return _centred(site, axis=-1)


def rms_norm(site: Site) -> Passes:
    """Over the root mean square of every sample's features."""
    x, epsilon = site.x, site.layer.epsilon
    r, x_hat = _normal(site)
    eps, eps_math = f"np.finfo({x}.dtype).eps", "ε"
    if epsilon is not None:
        eps, eps_math = number(epsilon), in_equation(epsilon)
    square = site.own("square", "u")
    forward = [
        Line(
            f"{square} = ({x}**2).mean(axis=-1, keepdims=True)",
            f"{square:math} = (1/D) Σⱼ {x:math}²",
        ),
        Line(
            f"{r} = 1 / np.sqrt({square} + {eps})", f"{r:math} = 1 / √({square:math} + {eps_math})"
        ),
        *_normalized(site, f"{x} * {r}", f"{x:math} ⊙ {r:math}"),
    ]
    g, through_scale = _through_scale(site)
    along = site.own("along", "ρ")
    backward = [
        *through_scale,
        Line(
            f"{along} = ({g} * {x_hat}).mean(axis=-1, keepdims=True)",
            f"{along:math} = (1/D) Σⱼ {g:math} ⊙ {x_hat:math}",
        ),
        Line(
            f"{site.dx} = {r} * ({g} - {x_hat} * {along})",
            f"{site.dx:math} = {r:math} ⊙ ({g:math} − {x_hat:math} ⊙ {along:math})",
        ),
    ]
    return Passes(tuple(forward), tuple(backward))


def _centred(site: Site, axis: int) -> Passes:
    x, mean_of = site.x, "(1/N) Σₙ" if axis == 0 else "(1/D) Σⱼ"
    mean, centred, variance = site.own("mu", "μ"), site.own("c", "c"), site.own("v", "v")
    r, x_hat = _normal(site)
    epsilon = site.layer.epsilon
    forward = [
        Line(
            f"{mean} = {x}.mean(axis={axis}, keepdims=True)",
            f"{mean:math} = {mean_of} {x:math}",
        ),
        Line(f"{centred} = {x} - {mean}", f"{centred:math} = {x:math} − {mean:math}"),
        Line(
            f"{variance} = ({centred}**2).mean(axis={axis}, keepdims=True)",
            f"{variance:math} = {mean_of} {centred:math}²",
        ),
        Line(
            f"{r} = 1 / np.sqrt({variance} + {number(epsilon)})",
            f"{r:math} = 1 / √({variance:math} + {in_equation(epsilon)})",
        ),
        *_normalized(site, f"{centred} * {r}", f"{centred:math} ⊙ {r:math}"),
    ]
    g, through_scale = _through_scale(site)
    shift, along = site.own("shift", "κ"), site.own("along", "ρ")
    backward = [
        *through_scale,
        Line(
            f"{shift} = {g}.mean(axis={axis}, keepdims=True)",
            f"{shift:math} = {mean_of} {g:math}",
        ),
        Line(
            f"{along} = ({g} * {x_hat}).mean(axis={axis}, keepdims=True)",
            f"{along:math} = {mean_of} {g:math} ⊙ {x_hat:math}",
        ),
        Line(
            f"{site.dx} = {r} * ({g} - {shift} - {x_hat} * {along})",
            f"{site.dx:math} = {r:math} ⊙ ({g:math} − {shift:math} − {x_hat:math} ⊙ {along:math})",
        ),
    ]
    return Passes(tuple(forward), tuple(backward))


def _normal(site: Site) -> tuple[Symbol, Symbol]:
    """The symbols r and x̂; x̂ is the output itself where nothing scales it."""
    x_hat = site.own("xhat", "x̂") if "weight" in site.params else site.y
    return site.own("r", "r"), x_hat


def _normalized(site: Site, code: str, equation: str) -> list[Line]:
    """x̂, and the output made of it."""
    _, x_hat = _normal(site)
    lines = [Line(f"{x_hat} = {code}", f"{x_hat:math} = {equation}")]
    if "weight" in site.params:
        gamma = site.params["weight"]
        code, equation = f"{gamma} * {x_hat}", f"{gamma:math} ⊙ {x_hat:math}"
        if "bias" in site.params:
            code += f" + {site.params['bias']}"
            equation += f" + {site.params['bias']:math}"
        lines.append(Line(f"{site.y} = {code}", f"{site.y:math} = {equation}"))
    return lines


def _through_scale(site: Site) -> tuple[Symbol, list[Line]]:
    """∂L/∂x̂ and the lines that make it, with the gradients of γ and β."""
    dy = site.dy
    if "weight" not in site.params:
        return dy, []
    _, x_hat = _normal(site)
    gamma, dgamma = site.params["weight"], site.gradients["weight"]
    lines = [
        Line(
            f"{dgamma} = {sum_of_samples(f'{dy} * {x_hat}', site.shape)}",
            f"{dgamma:math} = Σₙ {dy:math} ⊙ {x_hat:math}",
        )
    ]
    if "bias" in site.params:
        dbeta = site.gradients["bias"]
        lines.append(
            Line(
                f"{dbeta} = {sum_of_samples(str(dy), site.shape)}",
                f"{dbeta:math} = Σₙ {dy:math}",
            )
        )
    g = x_hat.d
    lines.append(Line(f"{g} = {dy} * {gamma}", f"{g:math} = {dy:math} ⊙ {gamma:math}"))
    return g, lines
