"""A network of any layers and any width with the numbers of one sample: a card for every station,
and in it a strip of cells for every quantity.

Where a layer has too many edges to draw, its card says how many weights there are, between which
bounds they lie, and which edge is the strongest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.drawing.diagrams.parts import LegendEntry, Line, explained, say
from clearprop.drawing.diagrams.stations import INPUT, Station, stations
from clearprop.drawing.diagrams.strips import Quantity, strip
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text, moved
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.drawing.pen.text import number, plain, text_width
from clearprop.engine.combinators import Residual
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass
from clearprop.engine.summary import repr_short

# A row of cards goes on below where it would become wider than this.
ROW_WIDTH = 1180.0
PADDING = 14.0
GAP = 46.0
NOTE = 11.5
# A layer with long settings is cut; its card has to stay narrow.
LONGEST_NAME = 34


class Look(NamedTuple):
    """What a card is made of: a station of one sample's pass, and the language."""

    backward: BackwardPass
    station: Station
    sample: int
    language: str


@dataclass(frozen=True)
class View:
    """What one diagram shows of every station.

    name        of its messages
    quantities  the strips of a station
    notes       the lines about its edges, if any
    legend      role, direction and message
    """

    name: str
    quantities: Callable[[Look], list[Quantity]]
    notes: Callable[[Look], Sequence[Line]] | None
    legend: tuple[LegendEntry, ...]
    backwards: bool = False


class _Card(NamedTuple):
    items: tuple[Item, ...]
    width: float
    height: float


def draw_wide(backward: BackwardPass, sample: int, language: str, view: View) -> Scene:
    """The cards in their order, joined by arrows. Raises as `stations` does."""
    found = stations(backward, sample)
    looks = [Look(backward, station, sample, language) for station in found]
    cards = [_card(look, view) for look in looks]
    items = _placed(found, cards, view)
    entries = [
        LegendEntry(entry.role, entry.direction, say(language, f"legend.{entry.content}"))
        for entry in view.legend
    ]
    spoken = [
        ". ".join(
            [
                " ".join(_heading(look)),
                *(_summary(quantity, language) for quantity in view.quantities(look)),
            ]
        )
        + "."
        for look in looks
    ]
    return explained(
        items,
        entries,
        title=say(language, f"{view.name}.title"),
        description=[say(language, f"{view.name}.wide", sample=sample), *spoken],
        language=language,
    )


def _summary(quantity: Quantity, language: str) -> str:
    values = np.asarray(quantity.values, np.float64).reshape(-1)
    name = plain(quantity.name)
    if len(values) == 1:
        return f"{name} = {plain(number(values[0]))}"
    low, high = (plain(number(v)) for v in _range(values))
    return say(language, "wide.spoken", name=name, count=len(values), low=low, high=high)


def _range(values: Array) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)


def _heading(look: Look) -> list[str]:
    station = look.station
    if station.layer is None:
        return [say(look.language, "input")]
    name = repr_short(station.layer)
    if isinstance(station.layer, Residual):
        name = "Residual"
    if station.activation is not None:
        name += f" → {type(station.activation[1]).__name__}"
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    return [station.path, name] if station.path else [name]


def _card(look: Look, view: View) -> _Card:
    station = look.station
    first, *others = _heading(look)
    lines = [Line(first, "muted" if others else "ink"), *(Line(line) for line in others)]
    notes = [] if view.notes is None else list(view.notes(look))
    if station.skipped is not None:
        notes.append(Line(f"= {station.skipped or 'y'} + {station.source}", "muted"))
    items: list[Item] = []
    y = PADDING
    width = 60.0
    for line in lines:
        items.append(Text(PADDING, y + 7, line.content, line.role, 13, "start", bold=True))
        width = max(width, text_width(line.content, 13, bold=True))
        y += 19
    for line in notes:
        items.append(Text(PADDING, y + 7, line.content, line.role, NOTE, "start"))
        width = max(width, text_width(line.content, NOTE))
        y += 17
    for quantity in view.quantities(look):
        drawn = strip(quantity, look.language)
        items += [moved(item, PADDING, y + 8) for item in drawn.items]
        width = max(width, drawn.width)
        y += drawn.height + 16
    width, height = width + 2 * PADDING, y + PADDING - 4
    frame = Rectangle(0, 0, width, height, "grid", "paper", 8, 1.2)
    return _Card((frame, *items), width, height)


def _placed(found: Sequence[Station], cards: Sequence[_Card], view: View) -> list[Item]:
    rows: list[list[int]] = [[]]
    width = 0.0
    for index, card in enumerate(cards):
        if rows[-1] and width + GAP + card.width > ROW_WIDTH:
            rows.append([])
            width = 0.0
        width += (GAP if rows[-1] else 0.0) + card.width
        rows[-1].append(index)
    by_output = {station.output: index for index, station in enumerate(found)}
    role: Role = "backward" if view.backwards else "forward"
    items: list[Item] = []
    top = 0.0
    for number_of_row, row in enumerate(rows):
        arcs = [
            (by_output[skipped], index)
            for index in row
            if (skipped := found[index].skipped) is not None and by_output[skipped] in row
        ]
        top += 20.0 * len(arcs) + (18 if arcs else 0)
        lefts: dict[int, float] = {}
        x = 0.0
        for index in row:
            lefts[index] = x
            items += [moved(item, x, top) for item in cards[index].items]
            x += cards[index].width
            joined = index + 1 < len(cards)
            if joined:
                # At the end of a row the arrow says that it goes on below.
                start, end = (x + 6, top + 26), (x + GAP - 6, top + 26)
                if view.backwards:
                    start, end = end, start
                items.append(Path(start, (end,), role, width=2, arrow=True))
            x += GAP
        for level, (source, target) in enumerate(arcs):
            items += _arc(cards, lefts, source, target, top, 20.0 * (level + 1), view)
        tallest = max(cards[index].height for index in row)
        top += tallest + (34 if number_of_row + 1 < len(rows) else 0)
    return items


def _arc(
    cards: Sequence[_Card],
    lefts: dict[int, float],
    source: int,
    target: int,
    top: float,
    lift: float,
    view: View,
) -> list[Item]:
    """The way past a Residual's branch, above the cards."""
    begin = lefts[source] + cards[source].width - 16
    end = lefts[target] + 16
    height = top - lift
    points = [(begin, top), (begin, height), (end, height), (end, top)]
    if view.backwards:
        points.reverse()
    role: Role = "backward" if view.backwards else "forward"
    path = Path(points[0], tuple(points[1:]), role, width=1.6, arrow=True)
    return [path]


def place_of(path: str, shape: Sequence[int]) -> Callable[[int], str]:
    """The address of an entry of one sample by its position: `layers[0][3]`."""

    def place(position: int) -> str:
        index = np.unravel_index(position, tuple(shape)) if shape else ()
        return f"{path}[{','.join(str(int(i)) for i in index)}]"

    return place


def values_of(backward: BackwardPass, path: str) -> Array:
    """The numbers at a station's path, (N, ...)."""
    return backward.forward.input if path == INPUT else backward.forward[path].output


def signals_of(backward: BackwardPass, path: str) -> Array | None:
    """∂C/∂ of the numbers at a station's path, (N, ...); None for an input of integers."""
    if path == INPUT:
        return backward.input_gradient
    return backward[path].output_gradient


def weight_note(language: str, weight: Array) -> Line:
    """How many weights there are and between which bounds."""
    low, high = _range(weight)
    key = "wide.weights" if weight.size > 1 else "wide.weight"
    return Line(say(language, key, count=f"{weight.size:,}", low=number(low), high=number(high)))


def parameters_note(look: Look) -> Sequence[Line]:
    """A Linear layer's weights; of any other layer every parameter array with its bounds."""
    station, language = look.station, look.language
    if station.layer is None or station.skipped is not None:
        return []
    forward = look.backward.forward
    tree = forward.network.named(forward.params)
    own = {path: array for path, array in tree.items() if _is_inside(path, station)}
    if isinstance(station.layer, Linear):
        (weight,) = (array for path, array in own.items() if path.endswith("weight"))
        return [weight_note(language, weight)]
    lines = []
    for path, array in own.items():
        name = path.rpartition(".")[2]
        low, high = _range(array)
        lines.append(
            Line(
                say(
                    language,
                    "wide.parameter",
                    name=name,
                    shape=shape_text(array.shape),
                    low=number(low),
                    high=number(high),
                )
            )
        )
    return lines


def _is_inside(path: str, station: Station) -> bool:
    return not station.path or path.startswith(f"{station.path}.")
