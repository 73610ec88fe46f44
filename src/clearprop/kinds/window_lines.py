"""What the rows of convolution and pooling share: a window on an image as lines of a program, as
attributes of ONNX's operators, and in JAX.

In a program the numbers under the window are taken by their index, `patches = x[..., rows, cols]`,
and what goes back to them is added by the same index, `np.add.at(dx, (..., rows, cols), dpatches)`:
a number that lies under several places collects from all of them.
"""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.numbers import brief
from clearprop.engine.layers.windows import Window
from clearprop.kinds.onnx_terms import Held
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Site
from clearprop.kinds.row import OneEntry

# The letters of places and of the window's entries, by how many axes an image has.
PLACES = {1: "p", 2: "pq"}
ENTRIES = {1: "i", 2: "ij"}
MOST_WRITTEN = 9


class WindowNames(NamedTuple):
    """What is called how: the image in its border, an index for every axis, what lies under the
    window."""

    bordered: Symbol
    indices: tuple[Symbol, ...]
    patches: Symbol


def names_in(site: Site, axes: int, *called: tuple[str, str]) -> WindowNames:
    """The names of one layer's window, in the code and in equations: of its border, its index of
    rows and of columns, and its patches."""
    indices = tuple(site.own(*one) for one in called[1:3])[-axes:]
    bordered = site.own(*called[0]) if any(map(any, site.layer.window.padding)) else site.x
    return WindowNames(bordered, indices, site.own(*called[3]))


def taking_lines(site: Site, names: WindowNames, fill: str = "") -> list[Line]:
    """The lines from x to what lies under the window at every place: (N, C, *places, *kernel)."""
    window, x = site.layer.window, site.x
    size = site.shape[1:]
    lines = []
    if names.bordered is not x:
        border = ", ".join(map(str, ((0, 0), (0, 0), *window.padding)))
        options = f", constant_values={fill}" if fill else ""
        number = "−∞" if fill else "0"
        lines.append(
            Line(
                f"{names.bordered} = np.pad({x}, ({border}){options})",
                f"{names.bordered:math} = {number} ‖ {x:math} ‖ {number}",
            )
        )
    places, axes = window.places(size), len(size)
    for axis, index in enumerate(names.indices):
        spread = ", None" * (2 * axes - 1 - axis)
        along = _spaced(window.stride[axis], f"np.arange({places[axis]})[:{spread}]")
        entry = ", None" * (axes - 1 - axis)
        spread = f"[:{entry}]" if entry else ""
        inside = _spaced(window.dilation[axis], f"np.arange({window.kernel[axis]}){spread}")
        place, number = PLACES[axes][axis], ENTRIES[axes][axis]
        stride = "" if window.stride[axis] == 1 else f"{window.stride[axis]} "
        dilation = "" if window.dilation[axis] == 1 else f"{window.dilation[axis]} "
        lines.append(
            Line(
                f"{index} = {along} + {inside}",
                f"{index:math} = {stride}{place} + {dilation}{number}",
            )
        )
    at = ", ".join(map(str, names.indices))
    at_math = ", ".join(f"{index:math}" for index in names.indices)
    lines.append(
        Line(
            f"{names.patches} = {names.bordered}[..., {at}]",
            f"{names.patches:math} = {names.bordered:math}[n, c, {at_math}]",
        )
    )
    return lines


def returning_lines(site: Site, names: WindowNames, shares: str, shares_math: str) -> list[Line]:
    """The lines from ∂L/∂(what lies under the window) to ∂L/∂x."""
    if site.dx is None:
        return []
    window, dx = site.layer.window, site.dx
    channels, *size = site.shape
    target = names.bordered.d if names.bordered is not site.x else dx
    shape = ", ".join(map(str, (channels, *window.bordered(tuple(size)))))
    at = ", ".join(map(str, names.indices))
    at_math = ", ".join(f"{index:math}" for index in names.indices)
    lines = [
        Line(
            f"{target} = np.zeros((len({site.dy}), {shape}), {site.dy}.dtype)", f"{target:math} = 0"
        ),
        Line(
            f"np.add.at({target}, (..., {at}), {shares})",
            f"{target:math}[n, c, {at_math}] = Σ {shares_math}",
        ),
    ]
    if target is not dx:
        cuts = ", ".join(
            f"{low}:{low + side}" for side, (low, _) in zip(size, window.padding, strict=True)
        )
        lines.append(Line(f"{dx} = {target}[..., {cuts}]", f"{dx:math} ⊂ {target:math}"))
    return lines


def _spaced(step: int, code: str) -> str:
    return code if step == 1 else f"{step} * {code}"


def under(entry: OneEntry, fill: float = 0.0) -> Array:
    """What lies under the window at one entry's place: its channel's numbers, row by row, with
    `fill` where it lies on the border."""
    window = entry.layer.window
    channel, *place = entry.place
    bordered = window.with_border(entry.input[channel][..., None], fill)[..., 0]
    cuts = tuple(
        slice(s * p, s * p + d * (k - 1) + 1, d)
        for p, s, d, k in zip(place, window.stride, window.dilation, window.kernel, strict=True)
    )
    numbers: Array = bordered[cuts].ravel().astype(np.float64)
    return numbers


def written(numbers: Array, between: str) -> str:
    """Numbers in one line, those beyond the first few as …"""
    shown = [brief(float(number)) for number in numbers[:MOST_WRITTEN]]
    return between.join([*shown, *("…",) * (numbers.size > MOST_WRITTEN)])


WINDOW_ATTRIBUTES: dict[str, Any] = {
    "kernel_shape": Held("kernel", ()),
    "strides": Held("strides", ()),
    "pads": Held("pads", ()),
    "auto_pad": Held("auto_pad", "NOTSET"),
}
DILATED_ATTRIBUTES: dict[str, Any] = {**WINDOW_ATTRIBUTES, "dilations": Held("dilations", ())}


def window_in_onnx(window: Window, *, dilated: bool = True) -> dict[str, Any]:
    """The attributes of a window, under the names of `WINDOW_ATTRIBUTES`."""
    lows, highs = zip(*window.padding, strict=True)
    found: dict[str, Any] = {
        "kernel": list(window.kernel),
        "strides": list(window.stride),
        "pads": [*lows, *highs],
    }
    return found | ({"dilations": list(window.dilation)} if dilated else {})


def window_of_onnx(found: Mapping[str, Any], axes: int, kernel: Shape) -> Window | None:
    """The window of such attributes; None where they are not those of `axes` axes, or the border
    depends on the size of the images."""
    stride = tuple(found.get("strides") or (1,) * axes)
    dilation = tuple(found.get("dilations") or (1,) * axes)
    pads = tuple(found.get("pads") or (0,) * (2 * axes))
    told = tuple(found.get("kernel") or kernel)
    if told != kernel or {len(stride), len(dilation), len(pads) // 2} != {axes}:
        return None
    padding = tuple(zip(pads[:axes], pads[axes:], strict=True))
    how = found.get("auto_pad", "NOTSET")
    if how in ("SAME_UPPER", "SAME_LOWER"):
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        if set(stride) != {1}:
            return None
        near = [t // 2 if how == "SAME_UPPER" else t - t // 2 for t in total]
        padding = tuple((low, t - low) for low, t in zip(near, total, strict=True))
    elif how not in ("NOTSET", "VALID"):
        return None
    return Window(kernel, stride, dilation, padding)


def even_padding(window: Window) -> Shape | None:
    """How many numbers stand at both ends of every axis; None where it is not the same at both."""
    if any(low != high for low, high in window.padding):
        return None
    return tuple(low for low, _ in window.padding)


def parts_in_jax(jax: Any, window: Window, x: Any, fill: float) -> list[Any]:
    """What every entry of the window lies on, one array (N, C, *places) for each."""
    x = jax.numpy.pad(x, ((0, 0), (0, 0), *window.padding), constant_values=fill)
    size = tuple(x.shape[2:])
    places = window._replace(padding=((0, 0),) * len(size)).places(size)
    parts = []
    for index in itertools.product(*map(range, window.kernel)):
        sides = zip(index, window.dilation, window.stride, places, strict=True)
        cuts = (slice(d * i, d * i + s * (count - 1) + 1, s) for i, d, s, count in sides)
        parts.append(x[(..., *cuts)])
    return parts
