"""Time unrolled: one unit of a layer that goes through time, a card for every time with all of its
numbers, and between the cards what the state carries on and what comes back."""

from typing import NamedTuple

import numpy as np

from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.drawing.diagrams.parts import LABEL_SIZE, LegendEntry, derivative, explained
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text, saying
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import InnerAddress, inner_address
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.readable import say

# So many times are drawn; of more, those before the last ones are left out.
MOST_TIMES = 8
# The features of x that a card names.
MOST_FEATURES = 3
CARD, LINE, GAP, PAD = 262.0, 18.0, 58.0, 10.0


class _Unrolled(NamedTuple):
    """What is drawn: the layer's path, the unit, the sample, and the time that is marked."""

    path: str
    unit: int
    sample: int
    marked: int | None


def draw_unrolled(step: Step, address: str | None, *, sample: int, language: str) -> Scene:
    """The cards of one unit for one sample, first time first.

    address  a number inside an RNN, a GRU or an LSTM, as `layers[0].time[3].forget[5]`; without it
             the unit with the largest |∂C/∂h| of the first such layer

    Raises ConfigurationError where there is no such layer, and as `inner_address`.
    """
    chosen = _chosen(step, address, sample)
    record = step.forward[chosen.path]
    layer = record.layer
    assert isinstance(layer, Recurrent)
    inside, gradients = step.forward.inside(chosen.path), step.backward.inside(chosen.path)
    rows = LAYER_ROWS[type(layer)].inside
    times = len(record.input[sample])
    first = max(0, times - MOST_TIMES)
    if chosen.marked is not None:
        first = min(first, max(0, chosen.marked - 1))
    shown = range(first, min(times, first + MOST_TIMES))
    items: list[Item] = []
    height = PAD * 2 + LINE * (1 + min(layer.inputs, MOST_FEATURES) + len(inside))
    for number, time in enumerate(shown):
        x = number * (CARD + GAP)
        lines = [f"*t* = {time}"]
        for feature in range(min(layer.inputs, MOST_FEATURES)):
            value = float(record.input[sample, time, feature])
            lines.append(f"*x*_[{feature}] = {number_markup(value)}")
        numbers = []
        for name, one in inside.items():
            symbol = f"*{rows[name].symbol}*"
            value = float(one.values[sample, time, chosen.unit])
            gradient = float(gradients[name][sample, time, chosen.unit])
            numbers.append((symbol, value, gradient))
        items += _card(x, height, lines, numbers, marked=time == chosen.marked, time=time)
        if number + 1 < len(shown):
            items += _between(x + CARD, height, reverse=layer.reverse)
    entries = [
        LegendEntry("forward", 1, say(language, "unrolled.forward")),
        LegendEntry("backward", -1, say(language, "unrolled.backward")),
    ]
    told = {"unit": chosen.unit, "path": chosen.path or "—", "sample": sample}
    described = [say(language, "unrolled.says", **told)]
    left_out = times - len(shown)
    notes = [say(language, "unrolled.left_out", count=left_out)] if left_out else []
    title = say(language, "unrolled.title", **told)
    return explained(
        items, entries, title=title, description=described, language=language, notes=notes
    )


def _chosen(step: Step, address: str | None, sample: int) -> _Unrolled:
    if address is not None:
        place = inner_address(step, address)
        if isinstance(step.forward[place.path].layer, Recurrent):
            return _of_place(place, sample)
    for path, node in step.forward.network.graph.nodes.items():
        if isinstance(node.layer, Recurrent):
            sizes = np.abs(step.backward.inside(path)["hidden"][sample]).max(axis=0)
            return _Unrolled(path, int(np.argmax(sizes)), sample, None)
    raise ConfigurationError("diagram_no_time")


def _of_place(place: InnerAddress, sample: int) -> _Unrolled:
    return _Unrolled(place.path, place.index[0], sample, place.within[0][1])


def _card(
    x: float,
    height: float,
    lines: list[str],
    numbers: list[tuple[str, float, float]],
    *,
    marked: bool,
    time: int,
) -> list[Item]:
    """One time: what comes in, and every number of the unit with its gradient."""
    stroke: Role = "ink" if marked else "muted"
    items: list[Item] = [
        Rectangle(x, 0, CARD, height, stroke=stroke, corner=6, stroke_width=2.5 if marked else 1.2)
    ]
    y = PAD + LINE / 2
    for place, line in enumerate(lines):
        role: Role = "ink" if place == 0 else "forward"
        items.append(Text(x + PAD, y, line, role, size=LABEL_SIZE, anchor="start", bold=place == 0))
        y += LINE
    for symbol, value, gradient in numbers:
        made = Text(
            x + PAD, y, f"{symbol} = {number_markup(value)}", "forward", LABEL_SIZE, "start"
        )
        back = Text(
            x + CARD - PAD,
            y,
            f"{derivative('*C*', symbol)} {number_markup(gradient)}",
            "backward",
            LABEL_SIZE,
            "end",
        )
        bare = symbol.replace("*", "")
        items += saying(
            [made, back],
            f"{bare}, t = {time}\n{bare} = {brief(value)}\n∂C/∂{bare} = {brief(gradient)}",
        )
        y += LINE
    return items


def _between(x: float, height: float, *, reverse: bool) -> list[Item]:
    """What the state carries on, and what comes back, between two cards."""
    over, under = height / 2 - 10, height / 2 + 10
    near, far = x + 5, x + GAP - 5
    one, other = (far, near) if reverse else (near, far)
    return [
        Path((one, over), ((other, over),), "forward", arrow=True),
        Path((other, under), ((one, under),), "backward", arrow=True),
        Text(x + GAP / 2, over - 12, "*h*", "forward", size=LABEL_SIZE),
        Text(x + GAP / 2, under + 13, derivative("*C*", "*h*"), "backward", size=LABEL_SIZE),
    ]
