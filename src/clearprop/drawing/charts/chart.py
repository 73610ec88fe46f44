"""A chart: marks between two axes, with a heading, a legend, and a strip that shows where rows are.

It is as wide as half a page of text, so that two stand beside one another, and one fits a phone.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from clearprop.drawing.charts.chart_axes import ChartAxis
from clearprop.drawing.charts.chart_marks import (
    Band,
    Cloud,
    Columns,
    Curve,
    Guide,
    Mark,
    Numbers,
    Whiskers,
)
from clearprop.drawing.pen.items import Circle, Dots, Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.markup import literal, text_width
from clearprop.drawing.pen.scene import Scene

WIDTH = 344.0
# The height of the field that the marks stand in, and of the strip below it.
FIELD, STRIP = 190.0, 30.0
SIZE, HEADING = 11.5, 13.0
LINE = 17.0
# How much wider bold letters are, as `text_width` has it.
BOLD = 1.12
EDGE = 6.0
# Names below an axis are turned where they do not fit beside one another, and cut here.
LONGEST_NAME = 96.0


class _Field:
    """The rectangle between the axes, and where a value stands in it."""

    def __init__(self, x: ChartAxis, y: ChartAxis, left: float, top: float) -> None:
        self.x, self.y, self.left, self.top = x, y, left, top
        self.width = WIDTH - EDGE - left
        self.bottom = top + FIELD

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        return self.left + self.width * self.x.at(x)

    def up(self, y: float) -> float:
        return self.bottom - FIELD * self.y.at(y)


def chart(
    x: ChartAxis,
    y: ChartAxis,
    marks: Sequence[Mark],
    *,
    title: str,
    description: str,
    language: str,
    strip: Columns | None = None,
) -> Scene:
    """The picture of marks between two axes.

    title  stands above it, no markup
    strip  bars below the field, to a scale of their own: how many rows there are at each place
    """
    left = EDGE + max((text_width(one.written, SIZE) for one in y.ticks), default=0.0) + 8
    items, top = heading(title)
    legend, rows = _legend(marks, top)
    top += LINE * rows
    for line in lines_of(y.label, WIDTH - 2 * EDGE, SIZE) if y.label else []:
        items.append(Text(EDGE, top + LINE / 2, line, "muted", SIZE, "start"))
        top += LINE
    field = _Field(x, y, left, top + 6)
    items += legend
    items += _grid(field)
    for mark in sorted(marks, key=lambda one: isinstance(one, Band | Columns), reverse=True):
        items += _drawn(mark, field)
    items.append(
        Path((left, field.bottom), ((left + field.width, field.bottom),), "muted", width=1)
    )
    base = field.bottom
    if strip is not None:
        base += STRIP + 4
        items += _strip(strip, field, base)
    below, height = _names_below(field, base)
    items += below
    label, height = axis_name(x.label, height)
    items += label
    return Scene(WIDTH, math.ceil(height + EDGE), tuple(items), title, description, language)


def heading(title: str) -> tuple[list[Item], float]:
    """The title of a picture, which is no markup, in as many lines as it needs; and where what
    stands below it begins."""
    lines = lines_of(title, WIDTH - 2 * EDGE, HEADING)
    items: list[Item] = [
        Text(EDGE, EDGE + LINE * (k + 0.5), line, size=HEADING, anchor="start", bold=True)
        for k, line in enumerate(lines)
    ]
    return items, EDGE + LINE * len(lines) + 4


def axis_name(label: str, top: float) -> tuple[list[Item], float]:
    """What the lower axis is called, which is no markup, and where it ends."""
    lines = lines_of(label, WIDTH - 2 * EDGE, SIZE) if label else []
    items: list[Item] = [
        Text(WIDTH / 2, top + LINE * (k + 0.5), line, "muted", SIZE) for k, line in enumerate(lines)
    ]
    return items, top + LINE * len(lines)


def lines_of(words: str, width: float, size: float) -> list[str]:
    """Words that are no markup, in as many lines of at most this width as they need; a word that is
    longer than a line is cut."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(words):
        if line.strip() and text_width(literal(line + piece.rstrip()), size, bold=True) > width:
            lines.append(line.strip())
            line = piece.lstrip()
        else:
            line += piece
    return [shortened(one, width / BOLD, size) for one in (*lines, line.strip())]


def shortened(words: str, width: float, size: float) -> str:
    """Words that are no markup, cut behind as many characters as the width has room for."""
    if text_width(literal(words), size) <= width:
        return literal(words)
    while words and text_width(literal(words) + "…", size) > width:
        words = words[:-1]
    return literal(words.rstrip()) + "…"


def _pieces(words: str) -> Iterable[str]:
    """Where a line may break: behind a space, and between Chinese characters."""
    piece = ""
    for before, character in pairwise(" " + words):
        wide = ord(character) >= 0x2E80 and character not in "、，。：；）」"
        if piece and (before == " " or wide):
            yield piece
            piece = ""
        piece += character
    yield piece


def _legend(marks: Sequence[Mark], top: float) -> tuple[list[Item], int]:
    """Samples of the named marks with their names, and how many lines they take."""
    items: list[Item] = []
    x, row = EDGE, 0
    for mark in marks:
        if not mark.name:
            continue
        name = shortened(mark.name, WIDTH - 2 * EDGE - 24, SIZE)
        wide = 24 + text_width(name, SIZE) + 12
        if x > EDGE and x + wide - 12 > WIDTH - EDGE:
            x, row = EDGE, row + 1
        y = top + LINE * (row + 0.5)
        items += _sample(mark, x, y)
        items.append(Text(x + 24, y, name, "ink", SIZE, "start"))
        x += wide
    return items, row + 1 if items else 0


def _sample(mark: Mark, x: float, y: float) -> list[Item]:
    if isinstance(mark, Band | Columns):
        return [Rectangle(x, y - 5, 18, 10, None, mark.role, stroke_width=0)]
    if isinstance(mark, Cloud | Whiskers):
        return [Circle(x + 9, y, 3.5, mark.role, mark.role, 1)]
    dashed = isinstance(mark, Guide) or mark.dashed
    return [Path((x, y), ((x + 18, y),), mark.role, width=2, dashed=dashed)]


def _grid(field: _Field) -> list[Item]:
    items: list[Item] = []
    right = field.left + field.width
    for tick in field.y.ticks:
        height = field.up(tick.value)
        items.append(Path((field.left, height), ((right, height),), "grid", width=1))
        items.append(Text(field.left - 6, height, literal(tick.written), "ink", SIZE, "end"))
    return items


def _names_below(field: _Field, base: float) -> tuple[list[Item], float]:
    """What stands at the ticks of the lower axis: in one line; where names are too wide for that,
    in as many lines as keep them apart. And where that ends."""
    ticks = field.x.ticks
    items: list[Item] = [
        Path((at, base), ((at, base + 4),), "muted", width=1)
        for at in (field.across(tick.value) for tick in ticks)
    ]
    ends: list[float] = []
    for tick in ticks:
        words = shortened(tick.written, LONGEST_NAME, SIZE)
        wide = text_width(words, SIZE)
        middle = field.across(tick.value)
        middle = min(max(middle, EDGE + wide / 2), WIDTH - EDGE - wide / 2)
        row = next((k for k, end in enumerate(ends) if middle - wide / 2 > end + 6), len(ends))
        ends[row : row + 1] = [middle + wide / 2]
        items.append(Text(middle, base + 6 + LINE * (row + 0.5), words, "ink", SIZE))
    return items, base + 8 + LINE * len(ends)


def _drawn(mark: Mark, field: _Field) -> list[Item]:
    if isinstance(mark, Curve):
        return saying(_line(mark.x, mark.y, field, mark), mark.says)
    if isinstance(mark, Band):
        return _band(mark, field)
    if isinstance(mark, Cloud):
        points = tuple(field.place(a, b) for a, b in _finite(mark.x, mark.y))
        return [Dots(points, mark.radius, mark.role)] if points else []
    if isinstance(mark, Columns):
        return _columns(mark, field, field.up(0.0), field.up)
    if isinstance(mark, Whiskers):
        return _whiskers(mark, field)
    ends = field.place(*mark.start), field.place(*mark.end)
    return [Path(ends[0], (ends[1],), mark.role, width=1.3, dashed=True)]


def _line(x: Numbers, y: Numbers, field: _Field, mark: Curve) -> list[Item]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x, y, strict=True):
        if math.isfinite(b):
            pieces[-1].append(field.place(a, b))
        elif pieces[-1]:
            pieces.append([])
    return [
        Path(piece[0], tuple(piece[1:]), mark.role, width=mark.width, dashed=mark.dashed)
        if len(piece) > 1
        else Circle(*piece[0], 2.5, mark.role, mark.role, 1)
        for piece in pieces
        if piece
    ]


def _band(mark: Band, field: _Field) -> list[Item]:
    upper = [field.place(a, b) for a, b in _finite(mark.x, mark.high)]
    lower = [field.place(a, b) for a, b in _finite(mark.x, mark.low)]
    if len(upper) < 2:
        return []
    around = (*upper[1:], *reversed(lower))
    return [Path(upper[0], around, mark.role, fill=mark.role, width=0, closed=True)]


def _columns(mark: Columns, field: _Field, zero: float, up: Callable[[float], float]) -> list[Item]:
    items: list[Item] = []
    for k, ((a, b), height) in enumerate(zip(pairwise(mark.edges), mark.heights, strict=True)):
        if not math.isfinite(height) or height == 0:
            continue
        left, right = field.across(a), field.across(b)
        gap = min(1.5, (right - left) / 8)
        end = up(height)
        bar = Rectangle(
            left + gap / 2,
            min(zero, end),
            max(right - left - gap, 0.5),
            max(abs(end - zero), 0.5),
            None,
            mark.role,
            stroke_width=0,
            says=mark.says[k] if mark.says else "",
        )
        items.append(bar)
    return items


def _whiskers(mark: Whiskers, field: _Field) -> list[Item]:
    items: list[Item] = []
    for k, (x, y, low, high) in enumerate(zip(mark.x, mark.y, mark.low, mark.high, strict=True)):
        if not math.isfinite(y):
            continue
        at = field.across(x)
        one: list[Item] = [Circle(at, field.up(y), 3.5, mark.role, mark.role, 1)]
        if math.isfinite(low) and math.isfinite(high) and low < high:
            one.insert(0, Path((at, field.up(low)), ((at, field.up(high)),), mark.role, width=1.6))
        items += saying(one, mark.says[k] if mark.says else "")
    return items


def _strip(strip: Columns, field: _Field, base: float) -> list[Item]:
    most = max((height for height in strip.heights), default=0) or 1
    right = field.left + field.width
    bars = _columns(strip, field, base, lambda height: base - STRIP * height / most)
    return [*bars, Path((field.left, base), ((right, base),), "muted", width=1)]


def _finite(x: Numbers, y: Numbers) -> list[tuple[float, float]]:
    pairs = zip(x, y, strict=True)
    return [(float(a), float(b)) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
