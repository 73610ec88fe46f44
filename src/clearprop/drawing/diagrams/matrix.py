"""A matrix as cells, rows below each other, coloured by sign and size; some cells may be marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.heatmap import CAPTION, DrawnHeatmap, heat, scale_of
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text, moved
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import Role

# Cells of at most so many rows and columns are large enough for a number.
NUMBERED = 8
SMALL = 9.5
# How wide a cell with a number is at least, and how much room its number has beside it.
CELL, BESIDE, RISE = 46.0, 10.0, 24.0
# How far above the cells their columns' numbers stand.
HEAD = 10.0
# The longer side of a matrix without numbers, and how large its cells are at most and at least.
SIDE, LARGEST, LEAST = 420.0, 22.0, 6.0


@dataclass(frozen=True)
class MatrixPanel:
    """A matrix as it is shown.

    name           in markup, above it
    role           the colour of the name
    values         (rows, columns)
    rows, columns  what the two axes are called
    place          the address of an entry
    marked         the entry that is looked at; None for none
    ranked         entries with their rank in the corner, the first rank 1; None for one that is
                   outside
    window         top, left, height and width of an outline around several cells
    first          the numbers of the first row and column, of a part of a matrix
    every          how many rows, and columns, of the array one of the matrix stands for
    limit          the size that has the darkest colour; the largest of its own unless told
    side           the longer side, where the matrix has no numbers
    numbered       how many rows and columns may have numbers
    """

    name: str
    role: Role
    values: Array
    rows: str
    columns: str
    place: Callable[[int, int], str]
    marked: tuple[int, int] | None = None
    ranked: tuple[tuple[int, int] | None, ...] = ()
    window: tuple[int, int, int, int] | None = None
    first: tuple[int, int] = (0, 0)
    every: int = 1
    limit: float | None = None
    side: float = SIDE
    numbered: int = NUMBERED


class _Cells(NamedTuple):
    """Where the cells are: the corner of the first, and the size of each."""

    left: float
    below: float
    pitch: float
    rise: float

    def corner(self, row: int, column: int) -> tuple[float, float]:
        return self.left + column * self.pitch, self.below + row * self.rise


def axis_word(language: str, axis: str) -> str:
    """An axis as people call it; one of a layer of somebody's own keeps its name."""
    return messages.table(language, "drawing").get(f"axis.{axis}", axis)


def draw_matrix(panel: MatrixPanel, language: str) -> DrawnHeatmap:
    """The name, the cells with their row and column numbers, and what the axes are called."""
    values = np.asarray(panel.values, np.float64)
    height, width = values.shape
    numbered = max(height, width) <= panel.numbered
    pitch = rise = max(LEAST, min(LARGEST, panel.side / max(height, width)))
    if numbered:
        widest = max((text_width(number_markup(float(v)), SMALL) for v in values.flat), default=0)
        room = text_width("9", SMALL) + 4 if panel.ranked else 0.0
        pitch, rise = max(CELL, widest + BESIDE + 2 * room), RISE
    last_row = max(
        (_tick(panel.first[0] + row * panel.every) for row in range(height)), key=len, default=""
    )
    rows_named = f"{axis_word(language, panel.rows)} ↓" if panel.rows else ""
    columns_named = f"{axis_word(language, panel.columns)} →"
    left = max(text_width(last_row, SMALL) + 22, text_width(rows_named, SMALL) + 8)
    cells = _Cells(left, CAPTION + 34 + HEAD, pitch, rise)
    limit = scale_of(values.reshape(-1)).limit if panel.limit is None else panel.limit
    items: list[Item] = [
        Text(left, CAPTION / 2, panel.name, panel.role, size=CAPTION, anchor="start", bold=True),
        Text(left, CAPTION + 8, columns_named, "muted", size=SMALL, anchor="start"),
        *_numbers_of_axes(panel, cells),
    ]
    if rows_named:
        y = cells.below - HEAD
        items.append(Text(0, y, rows_named, "muted", size=SMALL, anchor="start"))
    for row in range(height):
        for column in range(width):
            value = float(values[row, column])
            items += _cell(panel, cells, (row, column), value, limit, numbered=numbered)
    for rank, place in enumerate(panel.ranked, 1):
        items += () if place is None else _ranked(cells, place, rank, numbered=numbered)
    if panel.window is not None:
        items.append(_outline(cells, panel.window[:2], "ink", 2.4, panel.window[2:]))
    if panel.marked is not None:
        items.append(_outline(cells, panel.marked, "ink", 2.4))
    wide = left + max(width * pitch, text_width(panel.name, CAPTION, bold=True))
    return DrawnHeatmap(tuple(items), wide, cells.below + height * rise)


def _numbers_of_axes(panel: MatrixPanel, cells: _Cells) -> list[Item]:
    height, width = panel.values.shape
    row0, column0 = panel.first
    widest = text_width(_tick(column0 + max(width - 1, 0) * panel.every), SMALL) + 6
    items: list[Item] = [
        Text(
            cells.left + (column + 0.5) * cells.pitch,
            cells.below - HEAD,
            _tick(column0 + column * panel.every),
            "muted",
            size=SMALL,
        )
        for column in _ticks(width, cells.pitch, max(16, widest))
    ]
    for row in _ticks(height, cells.rise, 16):
        y = cells.below + (row + 0.5) * cells.rise
        items.append(
            Text(
                cells.left - 5,
                y,
                _tick(row0 + row * panel.every),
                "muted",
                size=SMALL,
                anchor="end",
            )
        )
    return items


def _cell(
    panel: MatrixPanel,
    cells: _Cells,
    place: tuple[int, int],
    value: float,
    limit: float,
    *,
    numbered: bool,
) -> list[Item]:
    x, y = cells.corner(*place)
    written = number_markup(value)
    says = f"{panel.place(*place)}\n{plain(panel.name)} = {plain(written)}"
    fill = heat(value, limit)
    edge: Role | None = "grid" if fill == "paper" else None
    found: list[Item] = [
        Rectangle(
            x + 0.5,
            y + 0.5,
            cells.pitch - 1,
            cells.rise - 1,
            stroke=edge,
            fill=fill,
            corner=1,
            stroke_width=0.8,
            says=says,
        )
    ]
    if numbered:
        dark = (limit > 0 and abs(value) > 0.5 * limit) or not np.isfinite(value)
        middle = (x + cells.pitch / 2, y + cells.rise / 2)
        found.append(Text(*middle, written, "paper" if dark else "ink", size=SMALL))
    return found


def _ranked(cells: _Cells, place: tuple[int, int], rank: int, *, numbered: bool) -> list[Item]:
    """The outline of one of the largest entries, with its rank in the corner where cells have
    room."""
    found: list[Item] = [_outline(cells, place, "backward", 2.0)]
    if numbered:
        x, y = cells.corner(*place)
        size = SMALL - 1.5
        # On ground of its own, so that it can be read on any colour.
        around = text_width(str(rank), size, bold=True)
        found.append(Rectangle(x + 1, y + 1, around + 4, 11, stroke=None, fill="paper", corner=1))
        found.append(Text(x + 3, y + 6.5, str(rank), "backward", size, "start", bold=True))
    return found


def _outline(
    cells: _Cells,
    place: tuple[int, int],
    role: Role,
    width: float,
    size: tuple[int, int] = (1, 1),
) -> Path:
    """Around so many rows and columns of cells."""
    x, y = cells.corner(*place)
    right, bottom = x + size[1] * cells.pitch, y + size[0] * cells.rise
    return Path((x, y), ((right, y), (right, bottom), (x, bottom), (x, y)), role, width=width)


def in_rows(
    panels: Sequence[DrawnHeatmap], *, width: float, between: float, aligned: bool = False
) -> list[Item]:
    """Drawn matrices beside one another, in as many rows as a picture of this width takes; where
    they are `aligned` they also stand in columns."""
    items: list[Item] = []
    left = top = lowest = 0.0
    column = max((one.width for one in panels), default=0.0) if aligned else 0.0
    for drawn in panels:
        if left and left + drawn.width > width:
            left, top = 0.0, lowest + between
        items += [moved(item, left, top) for item in drawn.items]
        left += max(drawn.width, column) + between
        lowest = max(lowest, top + drawn.height)
    return items


def _tick(number: int) -> str:
    return str(number).replace("-", "−")


def _ticks(count: int, pitch: float, room: float) -> range:
    """Every row or column that has room for its number."""
    return range(0, count, max(1, int(np.ceil(room / pitch))))
