"""From a sample to its cost: x through the network to y, and y beside its target t."""

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.parts import (
    NODE_SIZE,
    LegendEntry,
    TextLine,
    explained,
    label_above,
    label_width,
    say,
)
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import number_markup, text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene

HEIGHT = 64.0
# How far the target stands below the network.
DROP = 92.0


def sample_cost(x: Array, y: Array, target: Array, cost: float, *, language: str = "en") -> Scene:
    """One sample's numbers x, y and target, each of one axis, and its cost.

    Raises ConfigurationError for a language that there is no table of.
    """
    shown = {
        name: f"*{name}* = ({', '.join(map(number_markup, values))})"
        for name, values in (("x", x), ("y", y), ("t", target))
    }
    ahead, behind = (label_width([TextLine(shown[name])]) for name in ("x", "y"))
    network = say(language, "sample_cost.network")
    box = max(text_width(network, NODE_SIZE), text_width("*θ*", NODE_SIZE)) + 36
    cost_lines = ("*C*", number_markup(cost))
    end = ahead + box + behind
    cost_box = max(text_width(line, NODE_SIZE) for line in cost_lines) + 36
    items: list[Item] = [
        Path((0, 0), ((ahead, 0),), "forward", arrow=True),
        label_above(4, 0, TextLine(shown["x"], "forward")),
        *_box(ahead, 0, box, (network, "*θ*"), "ink"),
        Path((ahead + box, 0), ((end, 0),), "forward", arrow=True),
        label_above(ahead + box + 4, 0, TextLine(shown["y"], "forward")),
        *_box(end, 0, cost_box, cost_lines, "ink"),
        Path(
            (ahead + box, DROP),
            ((end + cost_box / 2, DROP), (end + cost_box / 2, HEIGHT / 2)),
            "muted",
            arrow=True,
        ),
        label_above(ahead + box + 4, DROP, TextLine(shown["t"])),
    ]
    return explained(
        items,
        [
            LegendEntry("forward", 1, say(language, "legend.forward")),
            LegendEntry("muted", 1, say(language, "legend.target")),
        ],
        title=say(language, "sample_cost.title"),
        description=[
            say(language, "sample_cost.description"),
            *(TextLine(line) for line in shown.values()),
            TextLine(f"*C* = {number_markup(cost)}"),
        ],
        language=language,
    )


def _box(x: float, y: float, width: float, lines: tuple[str, str], role: Role) -> list[Item]:
    middle = x + width / 2
    return [
        Rectangle(x, y - HEIGHT / 2, width, HEIGHT, stroke=role, corner=8),
        Text(middle, y - 10, lines[0], role, size=NODE_SIZE),
        Text(middle, y + 10, lines[1], role, size=NODE_SIZE),
    ]
