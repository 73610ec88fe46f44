"""Named numbers with their spread, one below the other: bars from 0, or points with whiskers."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from clearprop.base.numbers import number_or_dash
from clearprop.drawing.charts.chart import EDGE, LINE, SIZE, WIDTH, axis_name, heading, shortened
from clearprop.drawing.charts.chart_axes import ChartAxis
from clearprop.drawing.pen.items import Circle, Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.markup import literal, text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene

ROW = 22.0
THICK = 11.0
# What the names may take of the width.
NAMES = 0.36


class IntervalRow(NamedTuple):
    """A row: its name, its number, and from where to where that is spread (NaN where it is not)."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    role: Role = "series1"


def interval_chart(
    axis: ChartAxis,
    rows: Sequence[IntervalRow],
    *,
    title: str,
    description: str,
    language: str,
    bars: bool = False,
) -> Scene:
    """The picture of the rows under their title, which is no markup. `bars` draws them from 0."""
    room = NAMES * WIDTH
    names = [shortened(row.name, room, SIZE) for row in rows]
    written = [number_or_dash(row.value, 3) for row in rows]
    left = EDGE + max((text_width(name, SIZE) for name in names), default=0.0) + 8
    # The numbers stand in a column of their own, where no bar can cover them.
    right = WIDTH - EDGE - max((text_width(one, SIZE) for one in written), default=0.0) - 8
    wide = right - left
    items, top = heading(title)
    bottom = top + ROW * len(rows)
    end = left
    for tick in axis.ticks:
        x = left + wide * axis.at(tick.value)
        items.append(Path((x, top), ((x, bottom),), "grid", width=1))
        # A number that would stand in the one before it is left out.
        half = text_width(tick.written, SIZE) / 2
        if x - half >= end:
            items.append(Text(x, bottom + LINE / 2 + 2, literal(tick.written), "ink", SIZE))
            end = x + half + 6
    for k, (row, name, told) in enumerate(zip(rows, names, written, strict=True)):
        y = top + ROW * (k + 0.5)
        one: list[Item] = [Text(EDGE, y, name, "ink", SIZE, "start")]
        one += _drawn(row, y, lambda value: left + wide * axis.at(value), bars=bars)
        one.append(Text(WIDTH - EDGE, y, told, "ink", SIZE, "end"))
        items += saying(one, f"{row.name}\n{_told(row)}")
    label, height = axis_name(axis.label, bottom + LINE + 4)
    items += label
    return Scene(WIDTH, math.ceil(height + EDGE), tuple(items), title, description, language)


def _drawn(row: IntervalRow, y: float, at: Callable[[float], float], *, bars: bool) -> list[Item]:
    if not math.isfinite(row.value):
        return []
    x, zero = at(row.value), at(0.0)
    items: list[Item] = []
    if bars:
        left, wide = min(x, zero), max(abs(x - zero), 0.5)
        items.append(
            Rectangle(left, y - THICK / 2, wide, THICK, None, row.role, corner=1, stroke_width=0)
        )
    spread = math.isfinite(row.low) and math.isfinite(row.high) and row.low < row.high
    if spread:
        role: Role = "ink" if bars else row.role
        items.append(Path((at(row.low), y), ((at(row.high), y),), role, width=1.6))
    if not bars:
        items.append(Circle(x, y, 4, row.role, row.role, 1))
    return items


def _told(row: IntervalRow) -> str:
    if math.isfinite(row.low) and math.isfinite(row.high):
        ends = f"{number_or_dash(row.low, 3)} … {number_or_dash(row.high, 3)}"
        return f"{number_or_dash(row.value, 3)} ({ends})"
    return number_or_dash(row.value, 3)
