"""What the rows of convolution and pooling share: a window on an image as lines of a program, and
what lies under it as arithmetic.

In a program the numbers under the window are taken by their index, `patches = x[..., rows, cols]`,
and what goes back to them is added by the same index, `np.add.at(dx, (..., rows, cols), dpatches)`:
a number that lies under several places collects from all of them.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.layers.windows import Window
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Site
from clearprop.kinds.row import OneEntry

# The letters of places and of the window's entries, by how many axes an image has.
PLACES = {1: "p", 2: "pq"}
ENTRIES = {1: "i", 2: "ij"}
MOST_WRITTEN = 9


class WindowNames(NamedTuple):
    """What is called how: the image in its border, an index for every axis, what lies under the
    window; and the window on the images that the program is written for."""

    bordered: Symbol
    indices: tuple[Symbol, ...]
    patches: Symbol
    window: Window


def names_in(site: Site, axes: int, *called: tuple[str, str]) -> WindowNames:
    """The names of one layer's window, in the code and in equations: of its border, its index of
    rows and of columns, and its patches."""
    indices = tuple(site.own(*one) for one in called[1:3])[-axes:]
    window = site.layer.window_on(site.shape[1:])
    bordered = site.own(*called[0]) if any(map(any, window.padding)) else site.x
    return WindowNames(bordered, indices, site.own(*called[3]), window)


def taking_lines(site: Site, names: WindowNames, fill: str = "") -> list[Line]:
    """The lines from x to what lies under the window at every place: (N, C, *places, *kernel)."""
    window, x = names.window, site.x
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
        if window.ranges:
            lines += _ranged_lines(window, size[axis], axis, index)
            continue
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
    window, dx = names.window, site.dx
    channels, *size = site.shape
    target = names.bordered.d if names.bordered is not site.x else dx
    whole = tuple(size) if window.ranges else window.bordered(tuple(size))
    shape = ", ".join(map(str, (channels, *whole)))
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


def _ranged_lines(window: Window, side: int, axis: int, index: Symbol) -> list[Line]:
    """The index of one axis where windows have several lengths: a shorter one takes its last number
    again."""
    axes, count = len(window.ranges), len(window.ranges[axis])
    place, number = PLACES[axes][axis], ENTRIES[axes][axis]
    spread = f"[:{', None' * (2 * axes - 1 - axis)}]"
    inside = ", None" * (axes - 1 - axis)
    entries = f"np.arange({window.kernel[axis]})" + (f"[:{inside}]" if inside else "")
    return [
        Line(
            f"{index} = np.arange({count}){spread} * {side} // {count} + {entries}",
            f"{index:math} = ⌊{side} {place} / {count}⌋ + {number}",
        ),
        Line(
            f"{index} = np.minimum({index}, "
            f"(np.arange(1, {count + 1}){spread} * {side} - 1) // {count})",
            f"{index:math} ← min({index:math}, ⌈{side} ({place} + 1) / {count}⌉ − 1)",
        ),
    ]


def ranged_shares(window: Window, side: int, axis: int, share: Symbol, like: Symbol) -> list[Line]:
    """The shares of the numbers of every window in its mean along one axis, 0 of what a shorter one
    takes again; of the dtype of `like`."""
    axes, count = len(window.ranges), len(window.ranges[axis])
    place, number = PLACES[axes][axis], ENTRIES[axes][axis]
    lines = [
        Line(
            f"{share} = (np.arange(1, {count + 1}) * {side} - 1) // {count} + 1"
            f" - np.arange({count}) * {side} // {count}",
            f"k_{place} = ⌈{side} ({place} + 1) / {count}⌉ − ⌊{side} {place} / {count}⌋",
        ),
        Line(
            f"{share} = (np.arange({window.kernel[axis]}) < {share}[:, None])"
            f" / {share}[:, None].astype({like}.dtype)",
            f"{share:math} = [{number} < k_{place}] / k_{place}",
        ),
    ]
    if axes == 2:
        spread = ("[:, None, :, None]", "[:, None]")[axis]
        lines.append(Line(f"{share} = {share}{spread}", f"{share:math}: at every place"))
    return lines


def _spaced(step: int, code: str) -> str:
    return code if step == 1 else f"{step} * {code}"


def under(entry: OneEntry, fill: float = 0.0) -> Array:
    """What lies under the window at one entry's place: its channel's numbers, row by row, with
    `fill` where it lies on the border."""
    channel, *place = entry.place
    image = entry.input[channel]
    window = entry.layer.window_on(image.shape)
    numbers = [
        fill if at is None else float(image[at]) for at in window.numbers(tuple(place), image.shape)
    ]
    return np.array(numbers)


def written(numbers: Array, between: str) -> str:
    """Numbers in one line, those beyond the first few as …"""
    shown = [brief(float(number)) for number in numbers[:MOST_WRITTEN]]
    return between.join([*shown, *("…",) * (numbers.size > MOST_WRITTEN)])
