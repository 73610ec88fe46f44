"""How a step's time grows, drawn: both axes in powers, where a power law is a straight line."""

import math
from collections.abc import Sequence
from functools import partial

from clearprop.base import messages
from clearprop.bench.scaling import Growth
from clearprop.drawing.pen.items import Circle, Item, Path, Text
from clearprop.drawing.pen.scene import Scene

PANEL, HEIGHT, GAP, LEFT, TOP, BOTTOM = 200.0, 180.0, 78.0, 64.0, 92.0, 62.0
SIZE = 12.0


def growth_picture(grown: Sequence[Growth], language: str) -> Scene:
    """A panel for each: what was measured as points, the fitted power law as a dashed line."""
    say = partial(messages.within("bench"), language)

    width = LEFT + len(grown) * (PANEL + GAP) - GAP + 24
    height = TOP + HEIGHT + BOTTOM
    items: list[Item] = [Text(width / 2, 24, say("growth_title"), size=15.0, bold=True)]
    for number, one in enumerate(grown):
        items += _panel(one, LEFT + number * (PANEL + GAP), language)
    items.append(Text(16, TOP - 20, say("us_per_step"), "muted", SIZE, anchor="start"))
    shown = ", ".join(f"{one.exponent:.2f}" for one in grown)
    description = say("growth_description", exponents=shown)
    return Scene(width, height, tuple(items), say("growth_title"), description, language)


def _panel(one: Growth, left: float, language: str) -> list[Item]:
    say = partial(messages.within("bench"), language)

    us = [1e6 * seconds for seconds in one.seconds]
    low, high = math.floor(math.log10(min(us))), math.ceil(math.log10(max(us)))
    first, last = math.log(one.sizes[0]), math.log(one.sizes[-1])

    def place(size: float, value: float) -> tuple[float, float]:
        right = (math.log(size) - first) / (last - first)
        up = (math.log10(value) - low) / (high - low)
        return left + PANEL * right, TOP + HEIGHT * (1 - up)

    items: list[Item] = []
    for power in range(low, high + 1):
        _, y = place(one.sizes[0], 10.0**power)
        items.append(Path((left, y), ((left + PANEL, y),), stroke="grid", width=1.0))
        items.append(Text(left - 8, y, f"{10.0**power:g}", "muted", SIZE, anchor="end"))
    bottom = TOP + HEIGHT
    items += [
        Text(place(size, us[0])[0], bottom + 16, f"{size:,}", "muted", SIZE)
        for size in (one.sizes[0], one.sizes[-1])
    ]
    items.append(Text(left + PANEL / 2, bottom + 38, say(f"growth.{one.what}"), size=SIZE))
    # The least squares of the logarithms go through their means.
    middle = math.exp(sum(map(math.log, us)) / len(us))
    centre = math.exp(sum(map(math.log, one.sizes)) / len(us))
    ends = [
        place(size, middle * (size / centre) ** one.exponent)
        for size in (one.sizes[0], one.sizes[-1])
    ]
    items.append(Path(ends[0], (ends[1],), stroke="muted", width=1.5, dashed=True))
    for size, value in zip(one.sizes, us, strict=True):
        x, y = place(size, value)
        items.append(Circle(x, y, 3.5, stroke="forward", fill="forward"))
    law = say("power_law", exponent=f"{one.exponent:.2f}")
    items.append(Text(left + PANEL / 2, TOP - 34, law, "forward", size=13.0, bold=True))
    return items
