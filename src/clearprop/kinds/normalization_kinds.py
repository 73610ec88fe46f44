"""BatchNorm, LayerNorm and RMSNorm: less a mean, over a deviation, then scaled and shifted."""

from typing import Any

import numpy as np

from clearprop.base.numbers import bracketed, brief, product_text
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.kinds.counterparts import ArrayNames, OnnxAttribute, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.normalization_in_onnx import BATCH_NORM_FORMS, LAYER_NORM_FORMS, RMS_NORM_FORMS
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import (
    Passes,
    Site,
    Statistics,
    UsedLines,
    sum_of_samples,
)
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    InUse,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)

H = Symbol("h", "h")
SCALE_AND_SHIFT = {
    "weight": ParameterSymbols("γ", Symbol("gamma", "γ")),
    "bias": ParameterSymbols("β", Symbol("beta", "β")),
}
NORMAL = "y = γ x̂ + β,  x̂ = (x − μ) r,  r = 1/√(v + ε)"
NORMAL_BACK = "∂C/∂x = r · (g − mean of g − x̂ · mean of g·x̂),  g = γ · ∂C/∂y"
SCALE_BACK = "∂L/∂γ = Σ x̂ · ∂C/∂y,  ∂L/∂β = Σ ∂C/∂y"


def batch_norm_lines(site: Site) -> Passes:
    """Over the samples. Training takes the batch's own statistics, and remembers them."""
    passes = centred_lines(site, axis=0)
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


def batch_norm_in_use(site: Site) -> UsedLines:
    """Over what training has remembered, where it remembers anything."""
    if not site.layer.running_statistics:
        return UsedLines(centred_lines(site, axis=0).forward)
    mean, variance = site.own("running_mean", "μ̄"), site.own("running_var", "v̄")
    x, epsilon = site.x, site.layer.epsilon
    r, _ = _normal(site)
    lines = (
        Line(
            f"{r} = 1 / np.sqrt({variance} + {literal(epsilon)})",
            f"{r:math} = 1 / √({variance:math} + {in_equation(epsilon)})",
        ),
        *_normalized(site, f"({x} - {mean}) * {r}", f"({x:math} − {mean:math}) ⊙ {r:math}"),
    )
    return UsedLines(lines, {"running_mean": mean, "running_var": variance})


def _layer_norm(site: Site) -> Passes:
    """Over the features of every sample."""
    return centred_lines(site, axis=-1)


def _rms_norm(site: Site) -> Passes:
    """Over the root mean square of every sample's features."""
    x, epsilon = site.x, site.layer.epsilon
    r, x_hat = _normal(site)
    eps, eps_math = f"np.finfo({x}.dtype).eps", "ε"
    if epsilon is not None:
        eps, eps_math = literal(epsilon), in_equation(epsilon)
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


def centred_lines(site: Site, axis: int) -> Passes:
    """Less the mean along an axis, over the deviation; scaled and shifted where the site says."""
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
            f"{r} = 1 / np.sqrt({variance} + {literal(epsilon)})",
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


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """The normalized entry, and what scale and shift make of it."""
    normal, inverse = _normal_entry(entry)
    mean = entry.x - normal / inverse
    written = f"({brief(entry.x)} − {bracketed(mean)}) × {brief(inverse)}"
    return _scaled(entry, written, normal)


def _rms_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    normal, inverse = _normal_entry(entry)
    return _scaled(entry, product_text(entry.x, inverse), normal)


def _normal_entry(entry: OneEntry) -> tuple[float, float]:
    """The entry's x̂ and r."""
    rows = entry.cache.x_hat
    inverse = np.broadcast_to(entry.cache.inverse, rows.shape)
    # BatchNorm keeps x̂ of all samples as one matrix of rows.
    samples = (-1, *entry.output.shape)
    place = (entry.sample, *entry.place)
    return float(rows.reshape(samples)[place]), float(inverse.reshape(samples)[place])


def _scaled(entry: OneEntry, written: str, normal: float) -> tuple[Arithmetic, ...]:
    feature = entry.place[-1]
    scale = float(entry.params["weight"][0, feature]) if "weight" in entry.params else 1.0
    right = [product_text(scale, normal)]
    if "bias" in entry.params:
        right.append(brief(float(entry.params["bias"][0, feature])))
    return Arithmetic("x̂", (written,), normal), Arithmetic("y", tuple(right), entry.y)


def _layer_norm_in_jax(at: InJax, x: Any) -> Any:
    return _rms_norm_in_jax(at, x - x.mean(-1, keepdims=True))


def _rms_norm_in_jax(at: InJax, x: Any) -> Any:
    return _affine(at, x, (x * x).mean(-1, keepdims=True))


def _batch_norm_in_jax(at: InJax, x: Any) -> Any:
    if at.layer.running_statistics and not at.training:
        # Of a new network: a mean of 0 and a variance of 1.
        return _affine(at, x, 1.0)
    axes = tuple(range(x.ndim - 1))
    x = x - x.mean(axes, keepdims=True)
    return _affine(at, x, (x * x).mean(axes, keepdims=True))


def _affine(at: InJax, x: Any, square: Any) -> Any:
    epsilon = at.layer.epsilon
    if epsilon is None:
        epsilon = at.jax.numpy.finfo(x.dtype).eps
    x = x / at.jax.numpy.sqrt(square + epsilon)
    return x * at.params.get("weight", 1.0) + at.params.get("bias", 0.0)


def _rms_norm_compiled(one: Any) -> Kernel:
    # Below 0: the machine epsilon of the dtype.
    return Kernel("RMS_NORM", (-1.0 if one.epsilon is None else one.epsilon,))


def batch_norm_kernel(one: Any) -> Kernel:
    """Also that of channels: all places of all samples are rows."""
    # Below 0: the same share for every batch so far.
    return Kernel("BATCH_NORM", (one.epsilon, -1.0 if one.momentum is None else one.momentum))


def _batch_norm_of_torch(module: Any) -> BatchNorm | None:
    if module.affine and module.bias is None:
        return None
    settings = (module.eps, module.momentum, module.affine, module.track_running_stats)
    return BatchNorm(module.num_features, *settings)


def _layer_norm_of_torch(module: Any) -> LayerNorm | None:
    if len(module.normalized_shape) > 1:
        return None
    affine = module.elementwise_affine
    bias = affine and module.bias is not None
    return LayerNorm(module.normalized_shape[0], module.eps, affine, bias or not affine)


def _rms_norm_of_torch(module: Any) -> RMSNorm | None:
    if len(module.normalized_shape) > 1:
        return None
    return RMSNorm(module.normalized_shape[0], module.eps, module.elementwise_affine)


NORMALIZATIONS = (
    LayerRow(
        kind=BatchNorm,
        examples=(
            LayerExample(BatchNorm(3), (3,)),
            LayerExample(BatchNorm(3), (3,), training=False),
            LayerExample(BatchNorm(3, epsilon=1e-3, momentum=None, affine=False), (3,)),
            LayerExample(BatchNorm(3, momentum=0.3, running_statistics=False), (3,)),
        ),
        equations=Equations((NORMAL,), (NORMAL_BACK, SCALE_BACK)),
        worked=_worked,
        passes=batch_norm_lines,
        output=H,
        parameters=SCALE_AND_SHIFT,
        torch=TorchTwin(
            lambda nn, one: nn.BatchNorm1d(
                one.features, one.epsilon, one.momentum, one.affine, one.running_statistics
            ),
            {"BatchNorm1d": _batch_norm_of_torch},
            renamed={"num_batches": "num_batches_tracked"},
            # torch takes the second axis for the features, ours is the last.
            differs=lambda _, axes, __: axes > 2,
        ),
        jax=_batch_norm_in_jax,
        onnx=OnnxOperator("BatchNormalization", {"epsilon": OnnxAttribute("epsilon", 1e-5)}),
        onnx_forms=BATCH_NORM_FORMS,
        keras=ArrayNames(
            "BatchNormalization",
            {"weight": "gamma", "bias": "beta"},
            {"running_mean": "moving_mean", "running_var": "moving_variance"},
        ),
        flax=ArrayNames(
            "BatchNorm",
            {"weight": "scale", "bias": "bias"},
            {"running_mean": "mean", "running_var": "var"},
        ),
        compiled=batch_norm_kernel,
        in_use=InUse(
            Equations((NORMAL,), ("∂C/∂x = r · γ · ∂C/∂y", SCALE_BACK)),
            lambda cache: cache.constant,
            batch_norm_in_use,
        ),
        told_features=True,
    ),
    LayerRow(
        kind=LayerNorm,
        examples=(
            LayerExample(LayerNorm(4), (4,)),
            LayerExample(LayerNorm(4, epsilon=1e-2, bias=False), (4,)),
            LayerExample(LayerNorm(3, affine=False), (3,)),
            LayerExample(LayerNorm(3), (2, 3)),
        ),
        equations=Equations((NORMAL,), (NORMAL_BACK, SCALE_BACK)),
        worked=_worked,
        passes=_layer_norm,
        output=H,
        parameters=SCALE_AND_SHIFT,
        torch=TorchTwin(
            lambda nn, one: nn.LayerNorm(one.features, one.epsilon, one.affine, one.bias),
            {"LayerNorm": _layer_norm_of_torch},
        ),
        jax=_layer_norm_in_jax,
        onnx=OnnxOperator("LayerNormalization", {"epsilon": OnnxAttribute("epsilon", 1e-5)}),
        onnx_forms=LAYER_NORM_FORMS,
        keras=ArrayNames("LayerNormalization", {"weight": "gamma", "bias": "beta"}),
        flax=ArrayNames("LayerNorm", {"weight": "scale", "bias": "bias"}),
        compiled=kernel("LAYER_NORM", "epsilon"),
        told_features=True,
    ),
    LayerRow(
        kind=RMSNorm,
        examples=(
            LayerExample(RMSNorm(4), (4,)),
            LayerExample(RMSNorm(4, epsilon=1e-2, affine=False), (4,)),
            LayerExample(RMSNorm(3), (2, 3)),
        ),
        equations=Equations(
            ("y = γ x̂,  x̂ = x r,  r = 1/√(mean of x² + ε)",),
            ("∂C/∂x = r · (g − x̂ · mean of g·x̂),  g = γ · ∂C/∂y", "∂L/∂γ = Σ x̂ · ∂C/∂y"),
        ),
        worked=_rms_worked,
        passes=_rms_norm,
        output=H,
        parameters=SCALE_AND_SHIFT,
        torch=TorchTwin(
            lambda nn, one: nn.RMSNorm(one.features, one.epsilon, one.affine),
            {"RMSNorm": _rms_norm_of_torch},
        ),
        jax=_rms_norm_in_jax,
        onnx=OnnxOperator("RMSNormalization", {"epsilon": OnnxAttribute("epsilon", 1e-5)}),
        onnx_forms=RMS_NORM_FORMS,
        keras=ArrayNames("RMSNormalization", {"weight": "scale"}),
        flax=ArrayNames("RMSNorm", {"weight": "scale"}),
        compiled=_rms_norm_compiled,
        told_features=True,
    ),
)
