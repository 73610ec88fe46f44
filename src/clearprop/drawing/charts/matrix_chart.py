"""A confusion matrix: what each row's truth was, against what was said of it."""

import math
from collections.abc import Sequence

from clearprop.base.arrays import Array
from clearprop.base.numbers import percent
from clearprop.drawing.charts.chart import EDGE, LINE, SIZE, WIDTH, heading, shortened
from clearprop.drawing.pen.items import Item, Rectangle, Text, saying
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.palette import NEGATIVE, POSITIVE, Role
from clearprop.drawing.pen.scene import Scene

NAMES = 0.28
# More cells than this in a row have no room for numbers.
WRITTEN = 10


def matrix_chart(
    counts: Array,
    names: Sequence[str],
    *,
    title: str,
    rows: str,
    columns: str,
    description: str,
    language: str,
) -> Scene:
    """The picture of counts (C, C), a row for each truth: strong where a large share of the row
    is, green on the diagonal and purple beside it.

    rows, columns  what the two are called
    """
    count = len(names)
    left_names = [shortened(name, NAMES * WIDTH, SIZE) for name in names]
    left = EDGE + max(text_width(name, SIZE) for name in left_names) + 8
    cell = (WIDTH - EDGE - left) / count
    high = max(min(cell, 44.0), 7.0)
    items, top = heading(title)
    items.append(Text(EDGE, top + LINE / 2, rows, "muted", SIZE, "start"))
    items.append(Text(WIDTH - EDGE, top + LINE / 2, columns, "muted", SIZE, "end"))
    top += LINE
    below = [shortened(name, cell - 2, SIZE) for name in names] if cell >= 24 else [""] * count
    for j, name in enumerate(below):
        items.append(Text(left + cell * (j + 0.5), top + LINE / 2, name, "ink", SIZE))
    top += LINE + 2 if any(below) else 2
    # Of many classes not every row has room for its name.
    every = math.ceil((LINE - 3) / high)
    for i, row in enumerate(counts):
        y = top + high * i
        if i % every == 0:
            items.append(Text(EDGE, y + high / 2, left_names[i], "ink", SIZE, "start"))
        total = row.sum()
        for j, value in enumerate(row):
            share = float(value / total) if total else 0.0
            items += saying(
                _cell(left + cell * j, y, cell, high, share, int(value), i == j, count),
                f"{rows} {names[i]}\n{columns} {names[j]}\n{int(value)} ({percent(share)})",
            )
    height = top + high * count + EDGE
    return Scene(WIDTH, math.ceil(height), tuple(items), title, description, language)


def _cell(
    x: float, y: float, wide: float, high: float, share: float, value: int, right: bool, count: int
) -> list[Item]:
    strengths = POSITIVE if right else NEGATIVE
    step = min(int(share * len(strengths)), len(strengths) - 1)
    fill: Role = strengths[step] if value else "paper"
    items: list[Item] = [Rectangle(x, y, wide, high, "grid", fill, stroke_width=1)]
    if count <= WRITTEN and high >= 15:
        # Letters of paper on strong colours, of ink on faint ones.
        role: Role = "paper" if value and step >= 3 else "ink"
        items.append(Text(x + wide / 2, y + high / 2, f"{value}", role, SIZE))
    return items
