"""Boxes in columns and the links between them, each as thick as what it carries.

A link ends on a level line of its own at its box's left side, and its label stands on that line:
labels cannot meet, whatever the numbers. Between many boxes only the largest links are labelled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clearprop.drawing.diagrams.parts import LABEL_SIZE, TextLine
from clearprop.drawing.pen.items import Box, Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.palette import Role

# So many links between two columns carry a label.
MOST_LABELS = 14
THICKEST, HAIRLINE = 16.0, 0.75

LINE = 17.0
BESIDE, ABOVE = 11.0, 8.0
BEND = 74.0
BETWEEN = 18.0


@dataclass(frozen=True)
class SankeyNode:
    """A box. `says` is what it stands for; `dashed` where it stands for several things at once."""

    key: str
    column: int
    lines: tuple[TextLine, ...]
    says: str
    dashed: bool = False
    stroke: Role = "ink"


@dataclass(frozen=True)
class SankeyLink:
    """From one box to a box in the next column.

    value   what it carries: its sign is the link's colour
    part    |value| as a part of the largest, 0 to 1: the link's thickness
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


class SankeyLayout(NamedTuple):
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


def sankey(nodes: Sequence[SankeyNode], links: Sequence[SankeyLink]) -> SankeyLayout:
    """The boxes, column by column from x = 0 and centred at y = 0, and the links between them."""
    labelled = _labelled(nodes, links)
    into = {s.key: [w for w in links if w.end == s.key] for s in nodes}
    out = {s.key: [w for w in links if w.start == s.key] for s in nodes}
    columns = _columns(nodes, into)
    boxes: dict[str, Box] = {}
    begins: dict[int, float] = {}
    x = 0.0
    for index, column in enumerate(columns):
        if index:
            labels = [w.label for s in column for w in into[s.key] if w in labelled]
            level = max((text_width(label, LABEL_SIZE) for label in labels), default=20.0) + 14
            begins[index] = x + BEND
            x += BEND + level
        width = max(_width(node) for node in column)
        heights = [_height(s, into[s.key], out[s.key], labelled) for s in column]
        y = -(sum(heights) + BETWEEN * (len(column) - 1)) / 2
        for node, height in zip(column, heights, strict=True):
            boxes[node.key] = Box(x, y, x + width, y + height)
            y += height + BETWEEN
        x += width
    # The boxes come first: that is the order in which a keyboard reaches them.
    items = [item for column in columns for node in column for item in _box(node, boxes[node.key])]
    order = {node.key: k for column in columns for k, node in enumerate(column)}
    starts = _starts(boxes, out, order)
    for index, column in enumerate(columns):
        for node in column:
            for link, y in zip(into[node.key], _ports(boxes, node, into, labelled), strict=True):
                end = (boxes[node.key].left, y)
                items += _link(link, starts[link], end, begins[index], link in labelled)
    return SankeyLayout(items, boxes)


def _labelled(nodes: Sequence[SankeyNode], links: Sequence[SankeyLink]) -> set[SankeyLink]:
    column = {node.key: node.column for node in nodes}
    found: set[SankeyLink] = set()
    for index in set(column.values()):
        gap = [link for link in links if column[link.end] == index]
        found |= set(sorted(gap, key=lambda link: -link.part)[:MOST_LABELS])
    return found


def _columns(
    nodes: Sequence[SankeyNode], into: Mapping[str, Sequence[SankeyLink]]
) -> list[list[SankeyNode]]:
    """The columns from left to right, a box beside those that lead to it."""
    columns: list[list[SankeyNode]] = []
    place: dict[str, float] = {}
    for index in sorted({node.column for node in nodes}):
        column = [node for node in nodes if node.column == index]
        beside = [_mean([place[link.start] for link in into[node.key]]) for node in column]
        ranked = sorted(zip(beside, range(len(column)), column, strict=True))
        column = [node for _, _, node in ranked]
        middle = (len(column) - 1) / 2
        place |= {node.key: k - middle for k, node in enumerate(column)}
        columns.append(column)
    return columns


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _width(node: SankeyNode) -> float:
    texts = [text_width(line.content, LABEL_SIZE, bold=k == 0) for k, line in enumerate(node.lines)]
    return max(texts) + 2 * BESIDE


def _port_height(link: SankeyLink, labelled: set[SankeyLink]) -> float:
    return link.thickness + (LABEL_SIZE + 9 if link in labelled else 4)


def _height(
    node: SankeyNode,
    into: Sequence[SankeyLink],
    out: Sequence[SankeyLink],
    labelled: set[SankeyLink],
) -> float:
    written = LINE * len(node.lines) + 2 * ABOVE
    ports = sum(_port_height(link, labelled) for link in into) + 6
    starts = sum(link.thickness + 2 for link in out) + 8
    return max(written, ports, starts)


def _ports(
    boxes: Mapping[str, Box],
    node: SankeyNode,
    into: Mapping[str, Sequence[SankeyLink]],
    labelled: set[SankeyLink],
) -> list[float]:
    """The heights of the level lines at a box, from above: each has its label over it."""
    around = boxes[node.key]
    heights = [_port_height(link, labelled) for link in into[node.key]]
    y = (around.top + around.bottom - sum(heights)) / 2
    found = []
    for link, height in zip(into[node.key], heights, strict=True):
        y += height
        found.append(y - link.thickness / 2 - 2)
    return found


def _starts(
    boxes: Mapping[str, Box], out: Mapping[str, Sequence[SankeyLink]], order: Mapping[str, int]
) -> dict[SankeyLink, tuple[float, float]]:
    found: dict[SankeyLink, tuple[float, float]] = {}
    for key, links in out.items():
        around = boxes[key]
        links = sorted(links, key=lambda link: order[link.end])
        y = (around.top + around.bottom - sum(link.thickness + 2 for link in links)) / 2
        for link in links:
            found[link] = (around.right, y + link.thickness / 2 + 1)
            y += link.thickness + 2
    return found


def _link(
    link: SankeyLink,
    start: tuple[float, float],
    end: tuple[float, float],
    ports_begin: float,
    labelled: bool,
) -> list[Item]:
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + ports_begin) / 2
    steps = ((middle, y0, middle, y1, ports_begin, y1), (x1, y1))
    role = sign_role(link.value)
    drawn: list[Item] = [Path(start, steps, role, width=link.thickness, dashed=link.dashed)]
    if labelled:
        y = y1 - link.thickness / 2 - LABEL_SIZE * 0.75
        drawn.append(Text(ports_begin + 2, y, link.label, "ink", size=LABEL_SIZE, anchor="start"))
    return saying(drawn, link.says)


def _box(node: SankeyNode, around: Box) -> list[Item]:
    width, height = around.right - around.left, around.bottom - around.top
    top = (around.top + around.bottom - LINE * len(node.lines)) / 2 + LINE / 2
    role: Role = "muted" if node.dashed else node.stroke
    frame = Rectangle(around.left, around.top, width, height, stroke=role, fill="paper", corner=7)
    texts = [
        Text(
            around.left + BESIDE,
            top + k * LINE,
            line.content,
            line.role,
            size=LABEL_SIZE,
            anchor="start",
            bold=k == 0,
        )
        for k, line in enumerate(node.lines)
    ]
    return saying([frame, *texts], node.says)
