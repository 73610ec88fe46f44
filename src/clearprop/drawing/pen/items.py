"""What a picture is made of: shapes and texts at places, in pixels, y downwards.

A colour is a role of the palette, never a value: the same picture is drawn on light and dark paper.

Every item may carry `says`: what it stands for, a name in the first line and its numbers in the
lines behind. Items that follow each other and say the same are one thing to point at.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.palette import Role

# A piece of a path: (x, y) is a straight line there, (x1, y1, x2, y2, x, y) a cubic curve.
Segment: TypeAlias = tuple[float, ...]
Anchor: TypeAlias = Literal["start", "middle", "end"]

# How far text reaches above and below its middle, indices and descenders included.
TEXT_REACH = 0.62
# From the middle of a capital letter to the baseline.
BASELINE = 0.36

ARROW_LENGTH = 9.0
ARROW_WIDTH = 8.0


@dataclass(frozen=True)
class Circle:
    """A circle, stroked with one role and filled with another."""

    x: float
    y: float
    radius: float
    stroke: Role = "ink"
    fill: Role = "paper"
    width: float = 1.5
    says: str = ""


@dataclass(frozen=True)
class Rectangle:
    """A rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    stroke: Role | None = "ink"
    fill: Role = "paper"
    corner: float = 0.0
    stroke_width: float = 1.5
    says: str = ""


@dataclass(frozen=True)
class Path:
    """A line from `start` through `segments`, with an arrow head at its end where wanted."""

    start: tuple[float, float]
    segments: tuple[Segment, ...]
    stroke: Role = "ink"
    fill: Role | None = None
    width: float = 1.5
    arrow: bool = False
    dashed: bool = False
    closed: bool = False
    says: str = ""

    @property
    def head(self) -> tuple[tuple[float, float], ...]:
        """The three corners of the arrow head, the tip first."""
        tip, (dx, dy) = self.segments[-1][-2:], self._direction()
        back = (tip[0] - ARROW_LENGTH * dx, tip[1] - ARROW_LENGTH * dy)
        half = ARROW_WIDTH / 2
        return (
            (tip[0], tip[1]),
            (back[0] - half * dy, back[1] + half * dx),
            (back[0] + half * dy, back[1] - half * dx),
        )

    @property
    def stroked_segments(self) -> tuple[Segment, ...]:
        """The segments as stroked: the last ends inside the arrow head, not at its tip."""
        if not self.arrow:
            return self.segments
        *before, last = self.segments
        dx, dy = self._direction()
        inside = (last[-2] - ARROW_LENGTH * dx / 2, last[-1] - ARROW_LENGTH * dy / 2)
        return (*before, (*last[:-2], *inside))

    def _direction(self) -> tuple[float, float]:
        points = [
            self.start,
            *((s[i], s[i + 1]) for s in self.segments for i in range(0, len(s), 2)),
        ]
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        return (x1 - x0) / length, (y1 - y0) / length


@dataclass(frozen=True)
class Text:
    """A line of text in the markup of `pen.markup`. `y` is the middle of a capital letter."""

    x: float
    y: float
    content: str
    role: Role = "ink"
    size: float = 13.0
    anchor: Anchor = "middle"
    bold: bool = False
    italic: bool = False
    halo: bool = False
    says: str = ""


@dataclass(frozen=True)
class Dots:
    """Many points of one size and colour: a cloud of them is one shape, and small in a file."""

    points: tuple[tuple[float, float], ...]
    radius: float = 2.0
    role: Role = "ink"
    says: str = ""


Item: TypeAlias = Circle | Rectangle | Path | Text | Dots


class Box(NamedTuple):
    """A rectangle by its sides."""

    left: float
    top: float
    right: float
    bottom: float


def box(item: Item) -> Box:
    """The rectangle that an item lies in; of a text about, of a curve with its control points."""
    if isinstance(item, Text):
        width = text_width(item.content, item.size, bold=item.bold)
        left = item.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor] * width
        reach = TEXT_REACH * item.size
        return Box(left, item.y - reach, left + width, item.y + reach)
    if isinstance(item, Circle):
        reach = item.radius + item.width / 2
        return Box(item.x - reach, item.y - reach, item.x + reach, item.y + reach)
    if isinstance(item, Rectangle):
        return Box(item.x, item.y, item.x + item.width, item.y + item.height)
    if isinstance(item, Dots):
        xs, ys = zip(*item.points, strict=True)
        reach = item.radius
        return Box(min(xs) - reach, min(ys) - reach, max(xs) + reach, max(ys) + reach)
    heads = item.head if item.arrow else ()
    points = [
        item.start[0],
        *(v for segment in item.segments for v in segment[::2]),
        *(p[0] for p in heads),
    ]
    heights = [
        item.start[1],
        *(v for segment in item.segments for v in segment[1::2]),
        *(p[1] for p in heads),
    ]
    return Box(min(points), min(heights), max(points), max(heights))


def bounds(items: Iterable[Item]) -> Box:
    """The rectangle around all of them."""
    lefts, tops, rights, bottoms = zip(*map(box, items), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def moved(item: Item, dx: float, dy: float) -> Item:
    """The item at another place."""
    if isinstance(item, Path):
        segments = tuple(
            tuple(value + (dy if i % 2 else dx) for i, value in enumerate(segment))
            for segment in item.segments
        )
        return replace(item, start=(item.start[0] + dx, item.start[1] + dy), segments=segments)
    if isinstance(item, Dots):
        return replace(item, points=tuple((x + dx, y + dy) for x, y in item.points))
    return replace(item, x=item.x + dx, y=item.y + dy)


def saying(items: Iterable[Item], says: str) -> list[Item]:
    """The items as one thing to point at."""
    return [replace(item, says=says) for item in items]
