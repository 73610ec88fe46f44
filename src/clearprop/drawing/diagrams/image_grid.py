"""Images, kernels or channels beside one another: every number a square, coloured by sign and
size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.heatmap import heat, scale_of
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene

SIZE, BETWEEN, EDGE = 11.5, 14.0, 6.0


class ImagePanel(NamedTuple):
    """One image: what it is called, and its numbers (height, width).

    outlined  (top, left, height, width) of a window on it; None for none
    """

    name: str
    values: Array
    outlined: tuple[int, int, int, int] | None = None


def image_grid(
    panels: Sequence[ImagePanel],
    *,
    title: str,
    description: str,
    language: str,
    columns: int = 8,
    side: float = 76.0,
    together: bool = False,
) -> Scene:
    """The picture of images in rows of `columns`.

    side      the longer side of an image, in pixels
    together  whether one scale of colours is that of all; otherwise each has its own
    """
    shared = max((scale_of(one.values.reshape(-1)).limit for one in panels), default=0.0)
    items: list[Item] = []
    left, top, widest = EDGE, EDGE, 0.0
    for start in range(0, len(panels), columns):
        row = panels[start : start + columns]
        lowest, left = top, EDGE
        for panel in row:
            limit = shared if together else scale_of(panel.values.reshape(-1)).limit
            drawn, width, height = _panel(panel, left, top, side, limit)
            items += drawn
            left += width + BETWEEN
            lowest = max(lowest, top + height)
        widest, top = max(widest, left - BETWEEN), lowest + BETWEEN
    return Scene(
        math.ceil(widest + EDGE),
        math.ceil(top - BETWEEN + EDGE),
        tuple(items),
        title,
        description,
        language,
    )


def _panel(
    panel: ImagePanel, left: float, top: float, side: float, limit: float
) -> tuple[list[Item], float, float]:
    """The items of one image, and its width and height."""
    values = np.atleast_2d(np.asarray(panel.values, np.float64))
    height, width = values.shape
    pitch = side / max(height, width)
    items: list[Item] = []
    if panel.name:
        items.append(Text(left, top + SIZE / 2, panel.name, "muted", SIZE, "start"))
        top += SIZE + 6
    for row in range(height):
        for column in range(width):
            value = float(values[row, column])
            fill: Role = heat(value, limit)
            edge: Role | None = "grid" if fill == "paper" else None
            place = (left + column * pitch, top + row * pitch)
            says = f"{panel.name} [{row},{column}]\n{plain(number_markup(value))}"
            items.append(Rectangle(*place, pitch, pitch, edge, fill, stroke_width=0.5, says=says))
    items.append(_frame(left, top, width * pitch, height * pitch, "muted", 1.0))
    if panel.outlined is not None:
        upper, first, high, wide = panel.outlined
        place = (left + first * pitch, top + upper * pitch)
        items.append(_frame(*place, wide * pitch, high * pitch, "accent", 2.5))
    named = SIZE + 6 if panel.name else 0.0
    return items, max(width * pitch, text_width(panel.name, SIZE)), height * pitch + named


def _frame(x: float, y: float, width: float, height: float, role: Role, line: float) -> Path:
    corners = ((x + width, y), (x + width, y + height), (x, y + height))
    return Path((x, y), corners, role, width=line, closed=True)
