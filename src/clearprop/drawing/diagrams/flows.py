"""Boxes in columns and the ways between them, each as thick as what it carries.

A way ends on a level line of its own at its box's left side, and its label stands on that line:
labels cannot meet, whatever the numbers. Between many boxes only the largest ways are labelled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clearprop.drawing.diagrams.parts import LABEL_SIZE, Line
from clearprop.drawing.pen.items import Box, Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.text import text_width

# So many ways between two columns carry a label.
MOST_LABELS = 14
THICKEST, HAIRLINE = 16.0, 0.75

LINE = 17.0
BESIDE, ABOVE = 11.0, 8.0
BEND = 74.0
BETWEEN = 18.0


@dataclass(frozen=True)
class Stop:
    """A box. `says` is what it stands for; `dashed` where it stands for several things at once."""

    key: str
    column: int
    lines: tuple[Line, ...]
    says: str
    dashed: bool = False
    stroke: Role = "ink"


@dataclass(frozen=True)
class Way:
    """From one box to a box in the next column.

    value   what it carries: its sign is the way's colour
    part    |value| as a part of the largest, 0 to 1: the way's thickness
    """

    start: str
    end: str
    value: float
    part: float
    label: str
    says: str
    dashed: bool = False

    @property
    def thickness(self) -> float:
        """In pixels; never so thin that it cannot be seen."""
        return max(THICKEST * self.part, HAIRLINE)


class Drawn(NamedTuple):
    """The items, and where every box is."""

    items: list[Item]
    boxes: Mapping[str, Box]


def parts_of(values: Sequence[float]) -> list[float]:
    """Every |value| as a part of the largest; 0 for one that is not finite, or where all are 0."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return [abs(v) / largest if largest and math.isfinite(v) else 0.0 for v in values]


def sign_role(value: float) -> Role:
    """The colour of a signed number; 0, and what is no number, has no sign."""
    if not math.isfinite(value) or value == 0:
        return "muted"
    return "positive5" if value > 0 else "negative5"


def flows(stops: Sequence[Stop], ways: Sequence[Way]) -> Drawn:
    """The boxes, column by column from x = 0 and centred at y = 0, and the ways between them."""
    labelled = _labelled(stops, ways)
    into = {s.key: [w for w in ways if w.end == s.key] for s in stops}
    out = {s.key: [w for w in ways if w.start == s.key] for s in stops}
    columns = _columns(stops, into)
    boxes: dict[str, Box] = {}
    begins: dict[int, float] = {}
    x = 0.0
    for index, column in enumerate(columns):
        if index:
            labels = [w.label for s in column for w in into[s.key] if w in labelled]
            level = max((text_width(label, LABEL_SIZE) for label in labels), default=20.0) + 14
            begins[index] = x + BEND
            x += BEND + level
        width = max(_width(stop) for stop in column)
        heights = [_height(s, into[s.key], out[s.key], labelled) for s in column]
        y = -(sum(heights) + BETWEEN * (len(column) - 1)) / 2
        for stop, height in zip(column, heights, strict=True):
            boxes[stop.key] = Box(x, y, x + width, y + height)
            y += height + BETWEEN
        x += width
    # The boxes come first: that is the order in which a keyboard reaches them.
    items = [item for column in columns for stop in column for item in _box(stop, boxes[stop.key])]
    order = {stop.key: k for column in columns for k, stop in enumerate(column)}
    starts = _starts(boxes, out, order)
    for index, column in enumerate(columns):
        for stop in column:
            for way, y in zip(into[stop.key], _ports(boxes, stop, into, labelled), strict=True):
                end = (boxes[stop.key].left, y)
                items += _way(way, starts[way], end, begins[index], way in labelled)
    return Drawn(items, boxes)


def _labelled(stops: Sequence[Stop], ways: Sequence[Way]) -> set[Way]:
    column = {stop.key: stop.column for stop in stops}
    found: set[Way] = set()
    for index in set(column.values()):
        gap = [way for way in ways if column[way.end] == index]
        found |= set(sorted(gap, key=lambda way: -way.part)[:MOST_LABELS])
    return found


def _columns(stops: Sequence[Stop], into: Mapping[str, Sequence[Way]]) -> list[list[Stop]]:
    """The columns from left to right, a box beside those that lead to it."""
    columns: list[list[Stop]] = []
    place: dict[str, float] = {}
    for index in sorted({stop.column for stop in stops}):
        column = [stop for stop in stops if stop.column == index]
        beside = [_mean([place[way.start] for way in into[stop.key]]) for stop in column]
        ranked = sorted(zip(beside, range(len(column)), column, strict=True))
        column = [stop for _, _, stop in ranked]
        middle = (len(column) - 1) / 2
        place |= {stop.key: k - middle for k, stop in enumerate(column)}
        columns.append(column)
    return columns


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _width(stop: Stop) -> float:
    texts = [text_width(line.content, LABEL_SIZE, bold=k == 0) for k, line in enumerate(stop.lines)]
    return max(texts) + 2 * BESIDE


def _port_height(way: Way, labelled: set[Way]) -> float:
    return way.thickness + (LABEL_SIZE + 9 if way in labelled else 4)


def _height(stop: Stop, into: Sequence[Way], out: Sequence[Way], labelled: set[Way]) -> float:
    written = LINE * len(stop.lines) + 2 * ABOVE
    ports = sum(_port_height(way, labelled) for way in into) + 6
    starts = sum(way.thickness + 2 for way in out) + 8
    return max(written, ports, starts)


def _ports(
    boxes: Mapping[str, Box], stop: Stop, into: Mapping[str, Sequence[Way]], labelled: set[Way]
) -> list[float]:
    """The heights of the level lines at a box, from above: each has its label over it."""
    around = boxes[stop.key]
    heights = [_port_height(way, labelled) for way in into[stop.key]]
    y = (around.top + around.bottom - sum(heights)) / 2
    found = []
    for way, height in zip(into[stop.key], heights, strict=True):
        y += height
        found.append(y - way.thickness / 2 - 2)
    return found


def _starts(
    boxes: Mapping[str, Box], out: Mapping[str, Sequence[Way]], order: Mapping[str, int]
) -> dict[Way, tuple[float, float]]:
    found: dict[Way, tuple[float, float]] = {}
    for key, ways in out.items():
        around = boxes[key]
        ways = sorted(ways, key=lambda way: order[way.end])
        y = (around.top + around.bottom - sum(way.thickness + 2 for way in ways)) / 2
        for way in ways:
            found[way] = (around.right, y + way.thickness / 2 + 1)
            y += way.thickness + 2
    return found


def _way(
    way: Way,
    start: tuple[float, float],
    end: tuple[float, float],
    ports_begin: float,
    labelled: bool,
) -> list[Item]:
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + ports_begin) / 2
    steps = ((middle, y0, middle, y1, ports_begin, y1), (x1, y1))
    role = sign_role(way.value)
    drawn: list[Item] = [Path(start, steps, role, width=way.thickness, dashed=way.dashed)]
    if labelled:
        y = y1 - way.thickness / 2 - LABEL_SIZE * 0.75
        drawn.append(Text(ports_begin + 2, y, way.label, "ink", LABEL_SIZE, "start"))
    return saying(drawn, way.says)


def _box(stop: Stop, around: Box) -> list[Item]:
    width, height = around.right - around.left, around.bottom - around.top
    top = (around.top + around.bottom - LINE * len(stop.lines)) / 2 + LINE / 2
    role: Role = "muted" if stop.dashed else stop.stroke
    frame = Rectangle(around.left, around.top, width, height, role, "paper", 7)
    texts = [
        Text(
            around.left + BESIDE,
            top + k * LINE,
            line.content,
            line.role,
            LABEL_SIZE,
            "start",
            bold=k == 0,
        )
        for k, line in enumerate(stop.lines)
    ]
    return saying([frame, *texts], stop.says)
