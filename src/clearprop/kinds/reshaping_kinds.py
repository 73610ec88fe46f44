"""Flatten and Pad: the same numbers in another shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.reshaping import CONSTANT, Flatten, Pad
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import kernel
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, number, op
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, InJax, LayerExample, LayerRow, OneEntry
from clearprop.kinds.window_kernels import pad_kernel

# What a border is called in ONNX, in PyTorch's modules, and in NumPy and JAX.
IN_ONNX = {CONSTANT: CONSTANT, "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
IN_TORCH = {
    CONSTANT: "Constant",
    "reflect": "Reflection",
    "replicate": "Replication",
    "circular": "Circular",
}
IN_NUMPY = IN_ONNX


def _flatten(site: Site) -> Passes:
    """Every sample's numbers as one row."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    shape = ", ".join(map(str, site.shape))
    row = int(np.prod(site.shape))
    back = () if dx is None else (_reshaped(dx, dy, shape),)
    return Passes((_reshaped(y, x, str(row)),), back)


def _reshaped(target: Symbol, source: Symbol, shape: str) -> Line:
    return Line(
        f"{target} = {source}.reshape(len({source}), {shape})", f"{target:math} = {source:math}"
    )


def _pad(site: Site) -> Passes:
    """A border of one number, or of the image's own."""
    if site.layer.mode != CONSTANT:
        return _pad_with_own(site)
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    value = literal(site.layer.value)
    number = in_equation(site.layer.value)
    options = "" if value == "0" else f", constant_values={value}"
    return Passes(
        (
            Line(
                f"{y} = np.pad({x}, ({_border(site)}){options})",
                f"{y:math} = {number} ‖ {x:math} ‖ {number}",
            ),
        ),
        (Line(f"{dx} = {dy}[..., {_cuts(site)}]", f"{dx:math} ⊂ {dy:math}"),),
    )


def _border(site: Site) -> str:
    """The border of every axis, that of the samples too."""
    sides = site.layer.sides
    before = ((0, 0),) * (1 + len(site.shape) - len(sides))
    return ", ".join(map(str, (*before, *sides)))


def _cuts(site: Site) -> str:
    """Where the image stands within its border."""
    inner = zip(site.shape[-len(site.layer.sides) :], site.layer.sides, strict=True)
    return ", ".join(f"{low}:{low + size}" for size, (low, _) in inner)


def _pad_with_own(site: Site) -> Passes:
    """The places of an image, in its border, say where every number comes from: the signal goes
    back there."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    sides, places = site.layer.sides, site.own("places", "σ")
    inner = site.shape[-len(sides) :]
    size = int(np.prod(inner))
    border = f"({', '.join(map(str, sides))})" if len(sides) > 1 else f"{sides[0]}"
    mode = IN_NUMPY[site.layer.mode]
    shape = ", ".join(map(str, (*site.shape[: -len(sides)], size)))
    taken = Line(
        f'{places} = np.pad(np.arange({size}).reshape({inner}), {border}, "{mode}")',
        f"{places:math}[t] = the place that t is taken from",
    )
    flat = Line(
        f"{y} = {x}.reshape(len({x}), {shape})[..., {places}]",
        f"{y:math}[t] = {x:math}[{places:math}[t]]",
    )
    if dx is None:
        return Passes((taken, flat), ())
    return Passes(
        (taken, flat),
        (
            Line(
                f"{dx} = np.zeros((len({dy}), {shape}), {dy}.dtype)",
                f"{dx:math} = 0",
            ),
            Line(
                f"np.add.at({dx}, (..., {places}), {dy})",
                f"{dx:math}[s] = Σ_(t: {places:math}[t] = s) {dy:math}[t]",
            ),
            Line(f"{dx} = {dx}.reshape({x}.shape)", f"{dx:math} = {dx:math}"),
        ),
    )


def _same(entry: OneEntry) -> tuple[Arithmetic, ...]:
    return (Arithmetic("y", (brief(entry.y),), entry.y),)


def _pads(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    sides = at.layer.sides
    before = [0] * (1 + at.axes - len(sides))
    lows, highs = zip(*sides, strict=True)
    pads = np.array([*before, *lows, *before, *highs], np.int64)
    return {
        "pads": pads,
        "value": np.asarray(at.layer.value, at.dtype),
        "mode": IN_ONNX[at.layer.mode],
    }


def _pad_of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    pads, value = np.ravel(found["pads"]), number(found.get("value", 0.0))
    modes = {theirs: ours for ours, theirs in IN_ONNX.items()}
    mode = modes.get(found.get("mode", CONSTANT))
    if value is None or mode is None or pads.dtype.kind != "i" or len(pads) % 2:
        return None
    axes = len(pads) // 2
    sides = list(zip(pads[:axes].tolist(), pads[axes:].tolist(), strict=True))
    if "axes" in found:
        # Counted from the end: the others need to know how many axes there are.
        own = np.ravel(found["axes"]).tolist()
        if any(axis >= 0 for axis in own) or len(own) != axes:
            return None
        told = dict(zip(own, sides, strict=True))
        sides = [told.get(axis, (0, 0)) for axis in range(min(own) - 1, 0)]
    first = next((axis for axis, side in enumerate(sides) if any(side)), len(sides) - 1)
    if first == 0:  # more samples
        return None
    padding = [end for side in sides[: first - 1 : -1] for end in side]
    if len(padding) > 6 or min(padding) < 0:
        return None
    return ReadLayer(Pad(tuple(padding), value if mode == CONSTANT else 0.0, mode))


def _pad_in_jax(at: InJax, x: Any) -> Any:
    sides = at.layer.sides
    width = ((0, 0),) * (x.ndim - len(sides)) + sides
    if at.layer.mode == CONSTANT:
        return at.jax.numpy.pad(x, width, constant_values=at.layer.value)
    return at.jax.numpy.pad(x, width, mode=IN_NUMPY[at.layer.mode])


def _pad_in_torch(nn: Any, one: Pad) -> Any:
    kind = getattr(nn, f"{IN_TORCH[one.mode]}Pad{len(one.sides)}d")
    return kind(one.padding, one.value) if one.mode == CONSTANT else kind(one.padding)


def _pad_of_torch(axes: int, mode: str) -> Any:
    def layer(m: Any) -> Pad | None:
        padding = (m.padding,) * 2 * axes if isinstance(m.padding, int) else tuple(m.padding)
        if min(padding) < 0:
            return None
        return Pad(padding, float(getattr(m, "value", 0.0)), mode)

    return layer


def _other_axes(layer: Pad, axes: int, _: bool) -> bool:
    """PyTorch puts a border of an image's own numbers around all axes behind the channels alone."""
    return layer.mode != CONSTANT and axes != len(layer.sides) + 2


def _flatten_of_torch(m: Any) -> Flatten | None:
    return Flatten() if (m.start_dim, m.end_dim) == (1, -1) else None


# What Pad takes beside x: as it is written, and as others write it.
_PAD_INPUTS: tuple[tuple[tuple[Slot | None, ...], Any], ...] = (
    ((Slot("pads"), Slot("value")), _pads),
    ((Slot("pads"),), lambda _: None),
    ((Slot("pads"), Slot("value"), Slot("axes")), lambda _: None),
    ((Slot("pads"), None, Slot("axes")), lambda _: None),
)

RESHAPINGS = (
    LayerRow(
        kind=Flatten,
        examples=(LayerExample(Flatten(), (2, 2, 3)), LayerExample(Flatten(), (3,))),
        equations=Equations(("y = x, in one row",), ("∂C/∂x = ∂C/∂y, in the shape of x",)),
        worked=_same,
        passes=_flatten,
        output=Symbol("flat", "φ"),
        torch=TorchTwin(lambda nn, _: nn.Flatten(), {"Flatten": _flatten_of_torch}),
        jax=lambda _, x: x.reshape(len(x), -1),
        onnx=OnnxOperator("Flatten"),
        onnx_forms=(
            OnnxForm(
                op("Flatten", X),
                lambda at: None if at.stacked else {},
                lambda *_: ReadLayer(Flatten()),
            ),
            OnnxForm(
                op("Reshape", X, Slot("shape")),
                lambda _: None,
                lambda found, _: (
                    ReadLayer(Flatten())
                    if found["shape"].shape == (2,) and found["shape"][1] == -1
                    else None
                ),
            ),
        ),
        compiled=kernel("TURN"),
    ),
    LayerRow(
        kind=Pad,
        examples=(
            LayerExample(Pad((1, 0, 0, 2)), (2, 2, 3)),
            LayerExample(Pad((2, 1), value=-0.5), (2, 3)),
            LayerExample(Pad((2, 1), mode="reflect"), (2, 4)),
            LayerExample(Pad((1, 2, 0, 3), mode="replicate"), (1, 2, 3)),
            LayerExample(Pad((3, 0, 1, 2), mode="circular"), (1, 2, 3)),
        ),
        equations=Equations(
            ("y = x in a border of v", "y[t] = x[σ(t)] in a border of x's own numbers"),
            ("∂C/∂x = ∂C/∂y without the border", "∂C/∂x[s] = Σ over t with σ(t) = s of ∂C/∂y[t]"),
        ),
        worked=_same,
        passes=_pad,
        output=Symbol("wide", "ω"),
        torch=TorchTwin(
            _pad_in_torch,
            {
                f"{kind}Pad{axes}d": _pad_of_torch(axes, mode)
                for mode, kind in (*IN_TORCH.items(), (CONSTANT, "Zero"))
                for axes in (1, 2, 3)
            },
            differs=_other_axes,
        ),
        jax=_pad_in_jax,
        onnx=OnnxOperator("Pad"),
        onnx_forms=tuple(
            OnnxForm(op("Pad", X, *slots, mode=Held("mode", CONSTANT)), values, _pad_of_onnx)
            for slots, values in _PAD_INPUTS
        ),
        compiled=pad_kernel,
    ),
)
