"""Signed numbers as bars from a common 0, each with its name and its number."""

from collections.abc import Sequence
from typing import NamedTuple

from clearprop.drawing.diagrams.parts import LABEL_SIZE
from clearprop.drawing.diagrams.sankey import parts_of, sign_role
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.markup import text_width

# The longest bar, and the height of a row.
LONGEST = 220.0
ROW = 24.0
THICK = 12.0


class Bar(NamedTuple):
    """A row: its name, the number that is its length, and what is written beside it."""

    name: str
    value: float
    written: str
    says: str


def bars(rows: Sequence[Bar], heading: str) -> list[Item]:
    """The rows under their heading, from (0, 0) down: names, what is written, bars."""
    names = max(text_width(row.name, LABEL_SIZE) for row in rows) + 18
    written = max(text_width(row.written, LABEL_SIZE) for row in rows) + 18
    zero = names + written + (LONGEST if any(row.value < 0 for row in rows) else 0.0)
    items: list[Item] = [Text(0, 8, heading, "ink", size=13, anchor="start", bold=True)]
    top = 26.0
    bottom = top + ROW * len(rows)
    for k, (row, part) in enumerate(zip(rows, parts_of([r.value for r in rows]), strict=True)):
        y = top + ROW * (k + 0.5)
        length = LONGEST * part
        left = zero - length if row.value < 0 else zero
        items += saying(
            [
                Text(0, y, row.name, "ink", size=LABEL_SIZE, anchor="start"),
                Rectangle(
                    left,
                    y - THICK / 2,
                    length,
                    THICK,
                    stroke=None,
                    fill=sign_role(row.value),
                    corner=1,
                    stroke_width=0,
                ),
                Text(names, y, row.written, "ink", size=LABEL_SIZE, anchor="start"),
            ],
            row.says,
        )
    items.append(Path((zero, top), ((zero, bottom),), "muted", width=1))
    return items
