"""SoftClip, PiecewiseLinear and FeatureScale: what a table's numbers go through first."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from clearprop.base.numbers import brief, product_text
from clearprop.engine.layers.table_inputs import FeatureScale, PiecewiseLinear, SoftClip
from clearprop.kinds.activation_kinds import A
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.onnx_terms import (
    OnnxForm,
    OnnxPlace,
    ReadLayer,
    Slot,
    X,
    number,
    of_settings,
    op,
    row,
)
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples, two_lines
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
    applied,
    of_activation,
)


def _soft_clip(site: Site) -> Passes:
    """Divided by a root that is 1 near 0 and grows with z."""
    z, da = site.x, site.dy
    limit, limit_math = literal(site.layer.limit), in_equation(site.layer.limit)
    inner, inner_math = f"1 + ({z} / {limit}) ** 2", f"1 + ({z:math}/{limit_math})²"
    return two_lines(
        site,
        (f"{z} / np.sqrt({inner})", f"{z:math} / √({inner_math})"),
        (f"{da} * ({inner}) ** -1.5", f"{da:math} ⊙ ({inner_math})^(−3/2)"),
    )


def _bins(layer: PiecewiseLinear) -> list[tuple[int, float, float]]:
    """(feature, lower edge, upper edge) of every bin, in the order of the output."""
    return [
        (feature, low, high)
        for feature, ours in enumerate(layer.edges)
        for low, high in pairwise(ours)
    ]


def _piecewise(site: Site) -> Passes:
    """One share for every bin, and the signal through the bins that x lies in."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    bins, features = _bins(site.layer), site.layer.features
    if not bins:
        return Passes(
            (Line(f"{y} = {x}", f"{y:math} = {x:math}"),),
            (Line(f"{dx} = {dy}", f"{dx:math} = {dy:math}"),),
        )
    height, height_math = _times(site.layer.height)
    low, high = site.own("low", "e"), site.own("high", "e′")
    source, share = site.own("source", "j"), site.own("share", "h")
    inside, through = site.own("inside", "m"), site.own("through", "g")
    edges = (
        Line(f"{source} = {[one[0] for one in bins]}", f"{source:math}: the feature of every bin"),
        Line(
            f"{low} = np.array([{', '.join(literal(one[1]) for one in bins)}], {x}.dtype)",
            f"{low:math}: where every bin begins",
        ),
        Line(
            f"{high} = np.array([{', '.join(literal(one[2]) for one in bins)}], {x}.dtype)",
            f"{high:math}: where it ends",
        ),
    )
    return Passes(
        (
            *edges,
            Line(
                f"{share} = {height}np.clip(({x}[..., {source}] - {low}) / ({high} - {low}), 0, 1)",
                f"{share:math} = {height_math}min(max(({x:math} − {low:math}) / "
                f"({high:math} − {low:math}), 0), 1)",
            ),
            Line(
                f"{y} = np.concatenate([{x}, {share}], axis=-1)",
                f"{y:math} = [{x:math}, {share:math}]",
            ),
        ),
        (
            *edges,
            Line(
                f"{inside} = ({x}[..., {source}] >= {low}) & ({x}[..., {source}] < {high})",
                f"{inside:math} = [{low:math} ≤ {x:math} < {high:math}]",
            ),
            Line(
                f"{through} = {height}{dy}[..., {features}:] * {inside} / ({high} - {low})",
                f"{through:math} = {height_math}{inside:math} ⊙ ∂L/∂{share:math} / "
                f"({high:math} − {low:math})",
            ),
            Line(
                f"{dx} = {dy}[..., :{features}] + "
                f"{through} @ (np.array({source})[:, None] == np.arange({features}))",
                f"{dx:math} = {dy:math} of x itself + the sum of {through:math} over its bins",
            ),
        ),
    )


def _piecewise_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    *lead, place = entry.place
    features = entry.layer.features
    if place < features:
        return (Arithmetic("y", (brief(entry.x),), entry.y),)
    feature, low, high = _bins(entry.layer)[place - features]
    x = float(entry.input[(*lead, feature)])
    share = f"({brief(x)} − {_minus(low)}) / ({brief(high)} − {_minus(low)})"
    if not low < x < high:
        share += f" → {brief(entry.y / entry.layer.height)}"
    if entry.layer.height != 1:
        share = f"{brief(entry.layer.height)} · ({share})"
    return (Arithmetic("h", (share,), entry.y),)


def _times(factor: float) -> tuple[str, str]:
    """A factor in front of a product, in a program and in an equation; nothing for 1."""
    return ("", "") if factor == 1 else (f"{literal(factor)} * ", f"{in_equation(factor)} ")


def _minus(value: float) -> str:
    text = brief(value)
    return f"({text})" if value < 0 else text


def _piecewise_in_jax(at: InJax, x: Any) -> Any:
    jnp = at.jax.numpy
    bins = _bins(at.layer)
    if not bins:
        return x
    source = [one[0] for one in bins]
    low, high = (jnp.array([one[side] for one in bins], x.dtype) for side in (1, 2))
    share = (x[..., jnp.array(source)] - low) / (high - low)
    held = jnp.where(share < 0, 0, jnp.where(share >= 1, 1, share))
    return jnp.concatenate([x, at.layer.height * held], axis=-1)


def _scale(site: Site) -> Passes:
    """A factor for every feature."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    weight, gradient = site.params["weight"], site.gradients["weight"]
    times, times_math = _times(site.layer.rate)
    return Passes(
        (
            Line(
                f"{y} = {x} * ({times}{weight})", f"{y:math} = {x:math} ⊙ {times_math}{weight:math}"
            ),
        ),
        (
            Line(
                f"{gradient} = {times}{sum_of_samples(f'{dy} * {x}', site.shape)}",
                f"{gradient:math} = {times_math}Σₙ {dy:math} ⊙ {x:math}",
            ),
            Line(
                f"{dx} = {dy} * ({times}{weight})",
                f"{dx:math} = {dy:math} ⊙ {times_math}{weight:math}",
            ),
        ),
    )


def _scale_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    weight = float(entry.params["weight"].ravel()[entry.place[-1]])
    factors = (weight, entry.x) if entry.layer.rate == 1 else (entry.layer.rate, weight, entry.x)
    return (Arithmetic("y", (product_text(*factors),), entry.y),)


def _piecewise_in_torch(nn: Any, layer: PiecewiseLinear) -> Any:
    bins, pad = _bins(layer), nn.functional.pad

    def compute(_: Any, x: Any) -> Any:
        if not bins:
            return x
        low, high = (x.new_tensor([one[side] for one in bins]) for side in (1, 2))
        share = (x[..., [one[0] for one in bins]] - low) / (high - low)
        # torch.clamp passes the signal at both of its bounds.
        held = share.where(share >= 0, share.new_zeros(()))
        held = held.where(share < 1, share.new_ones(()))
        return pad(x, (0, len(bins))) + pad(layer.height * held, (layer.features, 0))

    return compute


def _piecewise_compiled(one: PiecewiseLinear) -> Kernel:
    bins = [
        (float(feature), low, high)
        for feature, edges in enumerate(one.edges)
        for low, high in pairwise(edges)
    ]
    numbers = (number for each in bins for number in each)
    return Kernel("PIECEWISE_LINEAR", (float(len(bins)), one.height, *numbers))


_SHARE = op("Div", X, Slot("limit"))
_LOW = Slot("low")
# All features, which says how many there are: those at the end may have no bins.
_EVERY = op("Gather", X, Slot("every"), axis=-1)
_INSIDE = op(
    "Clip",
    op(
        "Div",
        op("Sub", op("Gather", X, Slot("source"), axis=-1), _LOW),
        op("Sub", Slot("high"), _LOW),
    ),
    0.0,
    1.0,
)
_PIECEWISE = op("Concat", _EVERY, _INSIDE, axis=-1)
_PIECEWISE_OF_HEIGHT = op("Concat", _EVERY, op("Mul", _INSIDE, Slot("height")), axis=-1)


def _bins_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    every = {"every": np.arange(at.layer.features)}
    bins = _bins(at.layer)
    if not bins:
        return every
    source, low, high = zip(*bins, strict=True)
    edges = {"low": np.array(low, at.dtype), "high": np.array(high, at.dtype)}
    height = {} if at.layer.height == 1 else {"height": at.layer.height}
    return every | {"source": np.array(source)} | edges | height


def _bins_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    every = found["every"]
    if not np.array_equal(every, np.arange(every.size)):
        return None
    edges: list[list[float]] = [[] for _ in every]
    bins = [np.ravel(found.get(name, ())).tolist() for name in ("source", "low", "high")]
    if max(bins[0], default=0) >= len(edges):
        return None
    for feature, start, stop in zip(*bins, strict=True):
        ours = edges[feature]
        if ours and ours[-1] != start:
            return None
        ours += [stop] if ours else [start, stop]
    height = number(found.get("height", 1.0))
    if height is None or not 0 < height < np.inf:
        return None
    return ReadLayer(PiecewiseLinear(tuple(map(tuple, edges)), height))


def _scale_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    weight = row(found["weight"])
    if weight is None or found["weight"].ndim == 0:
        return None
    return ReadLayer(FeatureScale(weight.shape[-1]), {"weight": weight})


TABLE_INPUTS = (
    LayerRow(
        kind=SoftClip,
        examples=(LayerExample(SoftClip(), (5,)), LayerExample(SoftClip(0.7), (2, 3))),
        equations=of_activation("z / √(1 + (z/c)²)", "(1 + (z/c)²)^(−3/2)"),
        worked=applied,
        passes=_soft_clip,
        output=A,
        torch=TorchTwin(
            lambda nn, one: own_module(nn, one, lambda _, z: z / (1 + (z / one.limit) ** 2) ** 0.5)
        ),
        jax=lambda at, x: x / at.jax.numpy.sqrt(1 + (x / at.layer.limit) ** 2),
        onnx=None,
        onnx_forms=(
            of_settings(
                op("Div", X, op("Sqrt", op("Add", op("Mul", _SHARE, _SHARE), 1.0))),
                SoftClip,
                "limit",
            ),
        ),
        compiled=kernel("SOFT_CLIP", "limit"),
    ),
    LayerRow(
        kind=PiecewiseLinear,
        examples=(
            LayerExample(PiecewiseLinear(((-1.0, 0.0, 2.0), (), (-0.5, 0.5))), (3,)),
            LayerExample(PiecewiseLinear(((-2.0, -0.3, 0.4, 1.5),), height=0.5), (2, 1)),
            LayerExample(PiecewiseLinear(((), ())), (2,)),
        ),
        equations=Equations(
            ("y = [x, h]", "hₖ = t min(max((x − eₖ) / (eₖ₊₁ − eₖ), 0), 1)"),
            ("∂C/∂x = its own ∂C/∂y + Σ over its bins [e ≤ x < e′] t / (e′ − e) · ∂C/∂h",),
        ),
        worked=_piecewise_worked,
        passes=_piecewise,
        output=Symbol("y", "y"),
        torch=TorchTwin(lambda nn, one: own_module(nn, one, _piecewise_in_torch(nn, one))),
        jax=_piecewise_in_jax,
        onnx=None,
        onnx_forms=(
            OnnxForm(_PIECEWISE, _bins_in_onnx, _bins_of_onnx),
            OnnxForm(_PIECEWISE_OF_HEIGHT, _bins_in_onnx, _bins_of_onnx),
            OnnxForm(_EVERY, _bins_in_onnx, _bins_of_onnx),
        ),
        compiled=_piecewise_compiled,
    ),
    LayerRow(
        kind=FeatureScale,
        examples=(
            LayerExample(FeatureScale(4), (4,)),
            LayerExample(FeatureScale(3, rate=6.0), (2, 3)),
        ),
        equations=Equations(("y = r w ⊙ x",), ("∂C/∂x = r w ⊙ ∂C/∂y", "∂L/∂w = r Σ x ⊙ ∂C/∂y")),
        worked=_scale_worked,
        passes=_scale,
        output=Symbol("y", "y"),
        parameters={"weight": ParameterSymbols("w", Symbol("s", "s"))},
        torch=TorchTwin(
            lambda nn, one: own_module(
                nn,
                one,
                lambda self, x: x * (one.rate * self.weight),
                weight=nn.Linear(one.features, 1, bias=False).weight.detach()[0],
            )
        ),
        jax=lambda at, x: x * (at.layer.rate * at.params["weight"]),
        onnx=None,
        onnx_forms=(
            OnnxForm(
                op("Mul", X, Slot("weight")),
                lambda at: {"weight": at.dtype.type(at.layer.rate) * at.params["weight"]},
                _scale_of_onnx,
            ),
        ),
        compiled=kernel("FEATURE_SCALE", "rate"),
        told_features=True,
    ),
)
