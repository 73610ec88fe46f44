"""A layer's numbers at a glance: a cell for each, coloured by sign and size, with its own scale.

A few numbers are written beside their cells. Of more than BINNED a cell stands for several
neighbours and shows the one farthest from 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.parts import say
from clearprop.drawing.pen.items import Item, Rectangle, Text, moved, saying
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import NEGATIVE, POSITIVE, Role

# Up to so many numbers are written out; more than so many share cells.
WRITTEN, BINNED = 10, 4096
# Above this count cells are small.
LARGE = 1024

ROW = 18.0
SWATCH = 9.0
SMALL = 10.5
CAPTION = 12.5


@dataclass(frozen=True)
class Heatmap:
    """An array of one sample, as it is shown.

    name    in markup: `*z*`, `∂*C*/∂*z*`
    role    the colour of the name
    values  the numbers, of any shape
    place   the address of an entry by its position among them
    """

    name: str
    role: Role
    values: Array
    place: Callable[[int], str]


class DrawnHeatmap(NamedTuple):
    """The items of a strip with its upper left corner at (0, 0), and its size."""

    items: tuple[Item, ...]
    width: float
    height: float


class Scale(NamedTuple):
    """The scale of one strip: the largest size, and which signs there are."""

    limit: float
    negative: bool
    positive: bool


def scale_of(values: Array) -> Scale:
    """The scale that holds every finite value."""
    finite = values[np.isfinite(values)]
    limit = float(np.abs(finite).max()) if len(finite) else 0.0
    return Scale(limit, bool((finite < 0).any()), bool((finite > 0).any()))


def heat(value: float, limit: float) -> Role:
    """The colour of a value: five steps of the limit each way; `ink` for what is not finite, and
    `paper` for 0 itself, which is worth telling from what is merely small."""
    if not math.isfinite(value):
        return "ink"
    if value == 0 or limit == 0:
        return "paper"
    # The division comes first: 5 · 1e308 would overflow.
    step = min(max(math.ceil(abs(value) / limit * len(POSITIVE)), 1), len(POSITIVE))
    return (POSITIVE if value > 0 else NEGATIVE)[step - 1]


def draw_heatmap(heatmap: Heatmap, language: str) -> DrawnHeatmap:
    """The heatmap's name, its cells, and under them what the colours mean."""
    values = np.asarray(heatmap.values, np.float64).reshape(-1)
    heading = heatmap.name
    if len(values) > 1:
        heading += f" ({shape_of(heatmap.values)})"
    top = CAPTION + 10
    cells, width, height = (
        _written(heatmap, values) if len(values) <= WRITTEN else _grid(heatmap, values, language)
    )
    items: list[Item] = [
        Text(0, CAPTION / 2, heading, heatmap.role, size=CAPTION, anchor="start", bold=True),
        *(_lowered(item, top) for item in cells),
    ]
    width = max(width, text_width(heading, CAPTION, bold=True))
    height += top
    if len(values) > WRITTEN:
        legend, legend_width, legend_height = scale_legend(values, language)
        items += [_lowered(item, height + 8) for item in legend]
        width, height = max(width, legend_width), height + 8 + legend_height
    return DrawnHeatmap(tuple(items), width, height)


def shape_of(values: Array) -> str:
    """`128`, or `3 × 4`."""
    return " × ".join(map(str, values.shape)) or "1"


def columns_of(shape: Sequence[int]) -> int:
    """How many cells stand in a row: the last axis of an array of several, otherwise a square's
    side, or a multiple of ten that makes the position easy to tell."""
    count = math.prod(shape)
    if len(shape) > 1 and shape[-1] <= 64:
        return shape[-1]
    side = math.isqrt(count)
    if side * side == count and side <= 64:
        return side
    return next(c for c in range(10, 10 * count, 10) if count <= 2 * c * c)


def _lowered(item: Item, dy: float) -> Item:
    return moved(item, 0, dy)


def _says(heatmap: Heatmap, position: int, value: float) -> str:
    return f"{heatmap.place(position)}\n{plain(heatmap.name)} = {plain(number_markup(value))}"


def _written(heatmap: Heatmap, values: Array) -> DrawnHeatmap:
    limit = scale_of(values).limit
    items: list[Item] = []
    width = 0.0
    for position, value in enumerate(values):
        y = ROW / 2 + ROW * position
        index = heatmap.place(position).rpartition("[")[2].rstrip("]")
        label = f"[{index}]" if len(values) > 1 else ""
        left = max(text_width(f"[{len(values)}]", SMALL), text_width(label, SMALL))
        left = left + 6 if label else 0.0
        content = number_markup(value)
        items += saying(
            [
                *([Text(0, y, label, "muted", size=SMALL, anchor="start")] if label else []),
                Rectangle(
                    left,
                    y - 6,
                    12,
                    12,
                    stroke="grid",
                    fill=heat(value, limit),
                    corner=2,
                    stroke_width=1,
                ),
                Text(left + 20, y, content, "ink", size=12.0, anchor="start"),
            ],
            _says(heatmap, position, value),
        )
        width = max(width, left + 20 + text_width(content, 12.0))
    return DrawnHeatmap(tuple(items), width, ROW * len(values))


def _grid(heatmap: Heatmap, values: Array, language: str) -> DrawnHeatmap:
    limit = scale_of(values).limit
    block = math.ceil(len(values) / BINNED)
    starts = range(0, len(values), block)
    shape = heatmap.values.shape if block == 1 else (len(starts),)
    columns = columns_of(shape)
    pitch = 10.0 if len(starts) <= LARGE else 6.0
    rows = math.ceil(len(starts) / columns)
    every = max(1, math.ceil(14 / pitch), math.ceil(rows / 12))
    ticks = range(0, rows, every)
    gutter = max(text_width(str(row * columns * block), SMALL - 1.5) for row in ticks) + 6
    items: list[Item] = [
        Text(
            gutter - 6,
            pitch / 2 + row * pitch,
            str(row * columns * block),
            "muted",
            size=SMALL - 1.5,
            anchor="end",
        )
        for row in ticks
    ]
    for cell, start in enumerate(starts):
        part = values[start : start + block]
        position = start + _farthest(part)
        value = float(values[position])
        role = heat(value, limit)
        says = _says(heatmap, position, value)
        if block > 1:
            says += "\n" + say(language, "strip.of_block", first=start, last=start + len(part) - 1)
        x, y = gutter + cell % columns * pitch, cell // columns * pitch
        edge: Role | None = "grid" if role == "paper" else None
        items.append(
            Rectangle(
                x + 0.5,
                y + 0.5,
                pitch - 1,
                pitch - 1,
                stroke=edge,
                fill=role,
                corner=1,
                stroke_width=0.8,
                says=says,
            )
        )
    return DrawnHeatmap(tuple(items), gutter + columns * pitch, rows * pitch)


def _farthest(values: Array) -> int:
    """The position of the value that is farthest from 0; one that is not finite is farther."""
    sizes = np.where(np.isfinite(values), np.abs(values), np.inf)
    return int(np.argmax(sizes))


def scale_legend(values: Array, language: str) -> DrawnHeatmap:
    """The steps of the scale with the numbers at its ends and at 0, and what stands outside it."""
    limit, negative, positive = scale_of(values)
    items: list[Item] = []
    width = height = 0.0
    if limit:
        below = number_markup(-limit) if negative else ""
        above = number_markup(limit) if positive else ""
        half = max(
            len(POSITIVE) * SWATCH,
            max(text_width(end, SMALL) for end in (below, above)) + 10,
        )
        zero = half if negative else 4.0
        swatch = half / len(POSITIVE)
        for step in range(len(POSITIVE)):
            if negative:
                left = zero - (step + 1) * swatch
                items.append(_swatch(left, swatch, NEGATIVE[step]))
            if positive:
                left = zero + step * swatch
                items.append(_swatch(left, swatch, POSITIVE[step]))
        y = 17.0
        items.append(Text(zero, y, "0", "muted", size=SMALL))
        if negative:
            items.append(Text(zero - half, y, below, "muted", size=SMALL, anchor="start"))
        if positive:
            items.append(Text(zero + half, y, above, "muted", size=SMALL, anchor="end"))
        width, height = zero + (half if positive else 4), 25.0
    lines: list[tuple[Role, str]] = []
    if zeros := int(np.count_nonzero(values == 0)):
        lines.append(("paper", say(language, "strip.zeros", count=zeros)))
    if strange := int(np.count_nonzero(~np.isfinite(values))):
        lines.append(("ink", say(language, "strip.not_finite", count=strange)))
    for role, words in lines:
        items.append(
            Rectangle(0.5, height + 1, 9, 9, stroke="muted", fill=role, corner=1, stroke_width=0.8)
        )
        items.append(Text(15, height + 5.5, words, "muted", size=SMALL, anchor="start"))
        width = max(width, 15 + text_width(words, SMALL))
        height += 16
    return DrawnHeatmap(tuple(items), width, height)


def _swatch(left: float, width: float, role: Role) -> Rectangle:
    return Rectangle(left, 0, width, 8, stroke=None, fill=role, corner=0, stroke_width=0)
