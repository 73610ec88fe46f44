"""A matrix as cells, rows below each other, coloured by sign and size; one cell may be marked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.heatmap import CAPTION, DrawnHeatmap, heat, scale_of
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import Role

# Cells of at most so many rows and columns are large enough for a number.
NUMBERED = 8
SMALL = 9.5


@dataclass(frozen=True)
class MatrixPanel:
    """A matrix as it is shown.

    name           in markup, above it
    role           the colour of the name
    values         (rows, columns)
    rows, columns  what the two axes are called
    place          the address of an entry
    marked         the entry that is looked at; None for none
    """

    name: str
    role: Role
    values: Array
    rows: str
    columns: str
    place: Callable[[int, int], str]
    marked: tuple[int, int] | None = None


def draw_matrix(panel: MatrixPanel) -> DrawnHeatmap:
    """The name, the cells with their row and column numbers, and what the axes are called."""
    values = np.asarray(panel.values, np.float64)
    height, width = values.shape
    numbered = max(height, width) <= NUMBERED
    pitch = 56.0 if numbered else max(6.0, min(22.0, 420 / max(height, width)))
    rise = 24.0 if numbered else pitch
    left = text_width(str(max(height - 1, 0)), SMALL) + 22
    top = CAPTION + 30
    limit = scale_of(values.reshape(-1)).limit
    items: list[Item] = [
        Text(left, CAPTION / 2, panel.name, panel.role, size=CAPTION, anchor="start", bold=True),
        Text(left, CAPTION + 8, f"{panel.columns} →", "muted", size=SMALL, anchor="start"),
        Text(0, top + SMALL / 2, f"{panel.rows} ↓", "muted", size=SMALL, anchor="start"),
    ]
    below = top + 12
    items += [
        Text(left + (column + 0.5) * pitch, top + 4, str(column), "muted", size=SMALL)
        for column in _ticks(width, pitch)
    ]
    for row in _ticks(height, rise):
        y = below + (row + 0.5) * rise
        items.append(Text(left - 5, y, str(row), "muted", size=SMALL, anchor="end"))
    for row in range(height):
        for column in range(width):
            value = float(values[row, column])
            x, y = left + column * pitch, below + row * rise
            says = (
                f"{panel.place(row, column)}\n{plain(panel.name)} = {plain(number_markup(value))}"
            )
            fill = heat(value, limit)
            edge: Role | None = "grid" if fill == "paper" else None
            items.append(
                Rectangle(
                    x + 0.5,
                    y + 0.5,
                    pitch - 1,
                    rise - 1,
                    stroke=edge,
                    fill=fill,
                    corner=1,
                    stroke_width=0.8,
                    says=says,
                )
            )
            if numbered:
                dark = limit > 0 and abs(value) > 0.5 * limit
                items.append(
                    Text(
                        x + pitch / 2,
                        y + rise / 2,
                        number_markup(value),
                        "paper" if dark else "ink",
                        size=SMALL,
                    )
                )
    if panel.marked is not None:
        row, column = panel.marked
        x, y = left + column * pitch, below + row * rise
        corners = ((x + pitch, y), (x + pitch, y + rise), (x, y + rise), (x, y))
        items.append(Path((x, y), corners, "ink", width=2.4))
    wide = left + max(width * pitch, text_width(panel.name, CAPTION, bold=True))
    return DrawnHeatmap(tuple(items), wide, below + height * rise)


def _ticks(count: int, pitch: float) -> range:
    """Every row or column that has room for its number."""
    return range(0, count, max(1, int(np.ceil(16 / pitch))))
