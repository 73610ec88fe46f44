"""The parts that every diagram is made of: neurons, edges that end in ports, legends, formulas.

A neuron's edges do not meet in one point. Each has a port of its own, a level line at the neuron's
left side, and its label stands on that line. Labels therefore cannot collide, whatever the numbers.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.pen.items import Circle, Item, Path, Text, bounds
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene, framed

NODE_SIZE = 13.0
LABEL_SIZE = 12.0
FORMULA_SIZE = 14.0

LINE_HEIGHT = 20.0
# The distance of two ports, and of a label's middle from the line that it stands on.
PORT_HEIGHT = 21.0
LABEL_LIFT = 9.5
# Room that a label has on its line, for itself and an arrow head.
LABEL_ROOM = 18.0

_say = messages.within("drawing")


class TextLine(NamedTuple):
    """A line of text in a role's colour."""

    content: str
    role: Role = "ink"


class NeuronColumn(NamedTuple):
    """A column of neurons, or of inputs: its middle, the neurons' radius and heights, and where
    the level lines of its ports begin."""

    x: float
    radius: float
    heights: tuple[float, ...]
    ports_begin: float


class LegendEntry(NamedTuple):
    """A sample of a line (an arrow to the right, to the left, or none) and what it means."""

    role: Role
    direction: int
    content: str


def symbol(letter: str, index: object = "", layer: object = "") -> str:
    """A variable's name in markup: an italic letter, a subscript, its layer as superscript."""
    below = f"_[{index}]" if index != "" else ""
    above = f"^[({layer})]" if layer != "" else ""
    return f"*{letter}*{below}{above}"


def weight_symbol(row: int, unit: int, layer: int) -> str:
    """The weight from input `row` to `unit`, both from 0, of the Linear layer number `layer`, from
    1: w₁₄⁽¹⁾, as it is written in formulas, where everything counts from 1."""
    comma = "," if max(row, unit) > 8 else ""
    return symbol("w", f"{row + 1}{comma}{unit + 1}", layer)


def derivative(of: str, by: str) -> str:
    """`∂of/∂by`, both in markup."""
    return f"∂{of}/∂{by}"


def equation(name: str, value: float) -> str:
    """`name = value`."""
    return f"{name} = {number_markup(value)}"


def value_lines(name: str, value: float, role: Role) -> list[TextLine]:
    """A name and its value, one above the other."""
    return [TextLine(name, role), TextLine(number_markup(value), role)]


def summed(terms: Sequence[str], most: int = 5) -> str:
    """The terms joined by plus signs; of many only the first and the last."""
    if len(terms) > most:
        return f"{terms[0]} + ⋯ + {terms[-1]}"
    return " + ".join(terms)


def say(language: str, key: str, **values: object) -> str:
    """A sentence of the drawings' message table. Raises ConfigurationError for a language that
    there is no table of."""
    if language not in messages.LANGUAGES:
        known = ", ".join(messages.LANGUAGES)
        raise ConfigurationError("language_unknown", name=language, known=known)
    return _say(language, key, **values)


def node_radius(contents: Sequence[Sequence[TextLine]], ports: int = 1) -> float:
    """The radius at which every neuron holds its lines, and its ports meet its left side."""
    reach = 0.0
    for lines in contents:
        for line, height in zip(lines, _heights(len(lines)), strict=True):
            width = text_width(line.content, NODE_SIZE)
            reach = max(reach, math.hypot(width / 2, abs(height) + NODE_SIZE / 2))
    return math.ceil(max(reach + 5, (ports - 1) * PORT_HEIGHT / 2 + 14))


def node(x: float, y: float, radius: float, lines: Sequence[TextLine], stroke: Role) -> list[Item]:
    """A circle with its lines of text."""
    texts = [
        Text(x, y + height, line.content, line.role, size=NODE_SIZE)
        for line, height in zip(lines, _heights(len(lines)), strict=True)
    ]
    return [Circle(x, y, radius, stroke), *texts]


def column_heights(count: int, pitch: float) -> tuple[float, ...]:
    """Where the neurons of a column are, from above and centred at 0."""
    return tuple((k - (count - 1) / 2) * pitch for k in range(count))


def port_heights(y: float, count: int) -> list[float]:
    """Where the ports of a neuron at height y are, from above."""
    return [y + (k - (count - 1) / 2) * PORT_HEIGHT for k in range(count)]


def chord(radius: float, height: float) -> float:
    """How far a circle's side is from its vertical middle line, `height` off its centre."""
    return math.sqrt(radius**2 - height**2)


def edge(
    start: tuple[float, float],
    bend: float,
    end: tuple[float, float],
    role: Role = "muted",
    *,
    backwards: bool = False,
    arrow: bool = True,
) -> Path:
    """From `start` in a curve to the x `bend`, at the height of `end`, and level on to `end`.

    `backwards` turns it round: the arrow is at `start` then.
    """
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + bend) / 2
    if backwards:
        curve = (middle, y1, middle, y0, x0, y0)
        return Path((x1, y1), ((bend, y1), curve), role, arrow=arrow)
    curve = (middle, y0, middle, y1, bend, y1)
    return Path((x0, y0), (curve, (x1, y1)), role, arrow=arrow)


def label_above(x: float, y: float, line: TextLine) -> Text:
    """A label standing on the level line at y, beginning at x."""
    return Text(x, y - LABEL_LIFT, line.content, line.role, size=LABEL_SIZE, anchor="start")


def label_width(lines: Sequence[TextLine]) -> float:
    """The length of a level line that holds any of these labels and an arrow head."""
    return max((text_width(line.content, LABEL_SIZE) for line in lines), default=0) + LABEL_ROOM


def below(items: Sequence[Item], lines: Sequence[TextLine], gap: float = 26.0) -> list[Item]:
    """Lines of formulas under everything that is there, from the left."""
    around = bounds(items)
    return [
        Text(
            around.left,
            around.bottom + gap + k * 26,
            line.content,
            line.role,
            size=FORMULA_SIZE,
            anchor="start",
        )
        for k, line in enumerate(lines)
    ]


def legend(items: Sequence[Item], entries: Sequence[LegendEntry]) -> list[Item]:
    """The legend under everything that is there: a sample line and its meaning per row."""
    around = bounds(items)
    drawn: list[Item] = []
    for k, entry in enumerate(entries):
        y = around.bottom + 28 + k * 22
        left, right = around.left, around.left + 34
        start, end = (right, left) if entry.direction < 0 else (left, right)
        drawn.append(Path((start, y), ((end, y),), entry.role, width=2, arrow=entry.direction != 0))
        drawn.append(
            Text(right + 10, y, entry.content, entry.role, size=LABEL_SIZE, anchor="start")
        )
    return drawn


def explained(
    items: Sequence[Item],
    entries: Sequence[LegendEntry],
    *,
    title: str,
    description: Sequence[TextLine | str],
    language: str,
    notes: Sequence[str] = (),
) -> Scene:
    """The scene of the items, the legend under them, and everything that is said of them; `notes`
    stand in the picture as well, as what it leaves out."""
    said = [
        plain(part.content) + "." if isinstance(part, TextLine) else part for part in description
    ]
    shown = [*items, *legend(items, entries)]
    if notes:
        shown += below(shown, [TextLine(note, "muted") for note in notes])
    return framed(
        shown,
        title=title,
        description=" ".join([*said, *notes, say(language, "rounded")]),
        language=language,
    )


def _heights(count: int) -> list[float]:
    return [(k - (count - 1) / 2) * LINE_HEIGHT for k in range(count)]
