"""LearnedPositions, SinusoidalPositions and RotaryPositions: where in a sequence it is."""

from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.positions import (
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
    turn_tables,
)
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.position_in_onnx import LEARNED_FORMS, ROTARY_FORMS, SINUSOIDAL_FORMS
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)

# The base of attention that turns its q and k.
BASE = 10000.0


def _learned(site: Site) -> Passes:
    """A row of the table for each position, added."""
    table, gradient = site.params["weight"], site.gradients["weight"]
    length = site.shape[0]
    whole = length == site.layer.length
    rows, rows_math = (str(table), f"{table:math}")
    if not whole:
        rows, rows_math = f"{table}[:{length}]", f"{table:math}[t < {length}]"
    added = f"{site.dy}.sum(axis=0)"
    if not whole:
        added = f"np.pad({added}, ((0, {site.layer.length - length}), (0, 0)))"
    backward = [Line(f"{gradient} = {added}", f"{gradient:math} = Σₙ {site.dy:math}")]
    if site.dx is not None:
        backward.append(Line(f"{site.dx} = {site.dy}", f"{site.dx:math} = {site.dy:math}"))
    return Passes(
        (Line(f"{site.y} = {site.x} + {rows}", f"{site.y:math} = {site.x:math} + {rows_math}"),),
        tuple(backward),
    )


def _learned_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    position = float(entry.params["weight"][entry.place])
    return (Arithmetic("y", (brief(entry.x), brief(position)), entry.y),)


def _sinusoidal(site: Site) -> Passes:
    """Sines and cosines of the positions, added."""
    length, features = site.shape
    angles, table = site.own("angles", "α"), site.own("positions", "S")
    return Passes(
        (
            _angles(angles, length, features, site.layer.base),
            Line(
                f"{table} = np.stack([np.sin({angles}), np.cos({angles})], axis=-1)",
                f"{table:math}: sin {angles:math} and cos {angles:math} in turn",
            ),
            Line(
                f"{table} = {table}.reshape({length}, -1)[:, :{features}].astype({site.x}.dtype)",
                f"{table:math} ({length}, {features})",
            ),
            Line(f"{site.y} = {site.x} + {table}", f"{site.y:math} = {site.x:math} + {table:math}"),
        ),
        (Line(f"{site.dx} = {site.dy}", f"{site.dx:math} = {site.dy:math}"),),
    )


def _sinusoidal_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    position, feature = entry.place
    table = entry.layer.table(position + 1)
    return (Arithmetic("y", (brief(entry.x), brief(float(table[position, feature]))), entry.y),)


def _rotary(site: Site) -> Passes:
    """Every pair of features, turned by an angle that grows with the position."""
    one, (length, features) = site.layer, site.shape
    size = features // one.heads
    heads = site.own("heads", "H")
    cut = f".reshape(-1, {length}, {one.heads}, {size}).swapaxes(1, 2)"
    merged = f".swapaxes(1, 2).reshape(-1, {length}, {features})"

    def lines(taken: Symbol, made: Symbol, back: bool) -> tuple[Line, ...]:
        own = heads.d if back else heads
        return (
            Line(f"{own} = {taken}{cut}", f"{own:math}: {taken:math} cut into heads"),
            *([] if back else angle_lines(site, own, length, size, one.base)),
            *turn_lines(site, own, size, back=back, interleaved=one.interleaved),
            Line(f"{made} = {own}{merged}", f"{made:math}: the heads side by side"),
        )

    backward = () if site.dx is None else lines(site.dy, site.dx, True)
    return Passes(lines(site.x, site.y, False), backward)


def _rotary_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    one, (position, feature) = entry.layer, entry.place
    size = one.features // one.heads
    partner, rates, signs = turn_tables(size, one.base, interleaved=one.interleaved)
    own = feature % size
    other = feature - own + int(partner[own])
    angle = position * float(rates[own])
    x = np.array([entry.input[position, feature], entry.input[position, other]], np.float64)
    return (
        Arithmetic("y", (), entry.y, (x, np.array([np.cos(angle), np.sin(angle) * signs[own]]))),
    )


def _angles(angles: Symbol, length: int, size: int, base: float) -> Line:
    return Line(
        f"{angles} = np.arange({length})[:, None] * {literal(base)} ** "
        f"(-np.arange(0, {size}, 2) / {size})",
        f"{angles:math} = t · {in_equation(base)}^(−2i/{size})",
    )


def angle_lines(site: Site, dtype: Symbol, length: int, size: int, base: float) -> list[Line]:
    """The lines that make the cosines and sines of the positions' angles (T, d/2)."""
    angles = site.own("angles", "α")
    cosines, sines = _turns(site)
    return [
        _angles(angles, length, size, base),
        Line(
            f"{cosines} = np.cos({angles}).astype({dtype}.dtype)",
            f"{cosines:math} = cos {angles:math}",
        ),
        Line(
            f"{sines} = np.sin({angles}).astype({dtype}.dtype)", f"{sines:math} = sin {angles:math}"
        ),
    ]


def turn_lines(
    site: Site, array: Symbol, size: int, *, back: bool = False, interleaved: bool = False
) -> list[Line]:
    """The lines that turn every pair of an array (…, T, d) by its angle, the other way round with
    `back`."""
    cosines, sines = _turns(site)
    first, second = site.own("left", "a"), site.own("right", "b")
    if back:
        first, second = first.d, second.d
    half = size // 2
    cut = ("::2", "1::2") if interleaved else (f":{half}", f"{half}:")
    minus, plus = ("+", "-") if back else ("-", "+")
    turned = (
        f"{first} * {cosines} {minus} {second} * {sines}",
        f"{second} * {cosines} {plus} {first} * {sines}",
    )
    minus, plus = minus.replace("-", "−"), plus.replace("-", "−")
    joined = f"np.concatenate([{first}, {second}], axis=-1)"
    if interleaved:
        joined = f"np.stack([{first}, {second}], axis=-1).reshape({array}.shape)"
    return [
        Line(
            f"{first}, {second} = {array}[..., {cut[0]}], {array}[..., {cut[1]}]",
            f"({first:math}, {second:math}): the pairs of {array:math}",
        ),
        Line(
            f"{first}, {second} = {', '.join(turned)}",
            f"({first:math} {cosines:math} {minus} {second:math} {sines:math}, "
            f"{second:math} {cosines:math} {plus} {first:math} {sines:math})",
        ),
        Line(f"{array} = {joined}", f"{array:math} ← ({first:math}, {second:math})"),
    ]


def _turns(site: Site) -> tuple[Symbol, Symbol]:
    return site.own("cos", "c"), site.own("sin", "s")


def turned(x: Any, array: Any, base: float = BASE, *, interleaved: bool = False) -> Any:
    """Every pair of x (…, T, d) turned by its position's angle, of PyTorch or JAX: `array` makes
    an array of NumPy's theirs."""
    partner, rates, signs = turn_tables(x.shape[-1], base, interleaved=interleaved)
    angles = np.arange(x.shape[-2])[:, None] * rates
    return x * array(np.cos(angles)) + x[..., partner] * array(np.sin(angles) * signs)


def _by_heads(one: RotaryPositions, x: Any, array: Any) -> Any:
    """The same of every head of x (…, T, features)."""
    heads = x.reshape(*x.shape[:-1], one.heads, -1).swapaxes(-2, -3)
    return (
        turned(heads, array, one.base, interleaved=one.interleaved)
        .swapaxes(-2, -3)
        .reshape(x.shape)
    )


def _in_jax(at: InJax, x: Any) -> Any:
    return _by_heads(at.layer, x, lambda one: at.jax.numpy.asarray(one, x.dtype))


def _parameter(nn: Any, rows: int, columns: int) -> Any:
    """A table of PyTorch's, drawn as its Linear draws one."""
    return nn.Linear(columns, rows, bias=False).weight.detach()


POSITIONS = (
    LayerRow(
        kind=LearnedPositions,
        examples=(
            LayerExample(LearnedPositions(2, 3), (3, 2)),
            LayerExample(LearnedPositions(2, 5), (3, 2)),
        ),
        equations=Equations(("y = x + P[t]",), ("∂C/∂x = ∂C/∂y", "∂L/∂P[t] = Σₙ ∂C/∂y[t]")),
        worked=_learned_worked,
        passes=_learned,
        output=Symbol("h", "h"),
        parameters={"weight": ParameterSymbols("P", Symbol("P", "P"))},
        torch=TorchTwin(
            lambda nn, one: own_module(
                nn,
                one,
                lambda self, x: x + self.weight[: x.shape[-2]],
                weight=_parameter(nn, one.length, one.features),
            ),
            tables=frozenset({"weight"}),
        ),
        jax=lambda at, x: x + at.params["weight"][: x.shape[-2]],
        onnx=None,
        onnx_forms=LEARNED_FORMS,
        compiled=lambda _: NoKernel("sequence"),
        told_features=True,
    ),
    LayerRow(
        kind=SinusoidalPositions,
        examples=(
            LayerExample(SinusoidalPositions(4), (3, 4)),
            LayerExample(SinusoidalPositions(3, base=50.0), (2, 3)),
        ),
        equations=Equations(
            ("y = x + S,  S[t, 2i] = sin(t b^(−2i/D)),  S[t, 2i+1] = cos(t b^(−2i/D))",),
            ("∂C/∂x = ∂C/∂y",),
        ),
        worked=_sinusoidal_worked,
        passes=_sinusoidal,
        output=Symbol("h", "h"),
        torch=TorchTwin(
            lambda nn, one: own_module(
                nn, one, lambda _, x: x + x.new_tensor(one.table(x.shape[-2]).copy())
            )
        ),
        jax=lambda at, x: x + at.jax.numpy.asarray(at.layer.table(x.shape[-2]), x.dtype),
        onnx=None,
        onnx_forms=SINUSOIDAL_FORMS,
        compiled=lambda _: NoKernel("sequence"),
        told_features=True,
    ),
    LayerRow(
        kind=RotaryPositions,
        examples=(
            LayerExample(RotaryPositions(4), (3, 4)),
            LayerExample(RotaryPositions(4, 2, base=20.0), (3, 4)),
            LayerExample(RotaryPositions(4, interleaved=True), (2, 4)),
        ),
        equations=Equations(
            ("(a′, b′) = (a cos α − b sin α, a sin α + b cos α),  α = t b^(−2i/d)",),
            ("∂C/∂(a, b) = ∂C/∂(a′, b′) turned back by α",),
        ),
        worked=_rotary_worked,
        passes=_rotary,
        output=Symbol("turned", "τ"),
        torch=TorchTwin(
            lambda nn, one: own_module(nn, one, lambda _, x: _by_heads(one, x, x.new_tensor))
        ),
        jax=_in_jax,
        onnx=OnnxOperator("RotaryEmbedding", since=23),
        onnx_forms=ROTARY_FORMS,
        compiled=lambda _: NoKernel("sequence"),
        told_features=True,
    ),
)
