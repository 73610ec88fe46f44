"""A network of any layers and any width with the numbers of one sample: a card for every station,
and in it a strip of cells for every array.

Where a layer has too many edges to draw, its card says how many weights there are, between which
bounds they lie, and which edge is the strongest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.drawing.diagrams.card_layout import Card, place_cards
from clearprop.drawing.diagrams.heatmap import Heatmap, draw_heatmap
from clearprop.drawing.diagrams.parts import LegendEntry, TextLine, explained, say
from clearprop.drawing.diagrams.stations import Station, stations
from clearprop.drawing.pen.items import Item, Rectangle, Text, moved
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.graph import Node
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass
from clearprop.engine.summary import repr_short

PADDING = 14.0
NOTE = 11.5
# A layer with long settings is cut; its card has to stay narrow.
LONGEST_NAME = 34


class CardContext(NamedTuple):
    """What a card is made of: a station of one sample's pass, and the language."""

    backward: BackwardPass
    station: Station
    sample: int
    language: str


@dataclass(frozen=True)
class CardView:
    """What one diagram shows of every station.

    name        of its messages
    heatmaps    the arrays of a station
    notes       the lines about its edges, if any
    legend      role, direction and message
    """

    name: str
    heatmaps: Callable[[CardContext], list[Heatmap]]
    notes: Callable[[CardContext], Sequence[TextLine]] | None
    legend: tuple[LegendEntry, ...]
    backwards: bool = False


def draw_cards(backward: BackwardPass, sample: int, language: str, view: CardView) -> Scene:
    """The cards in their order, joined by arrows. Raises as `stations` does."""
    found = stations(backward, sample)
    contexts = [CardContext(backward, station, sample, language) for station in found]
    cards = [_card(context, view) for context in contexts]
    items = place_cards(found, cards, backwards=view.backwards)
    entries = [
        LegendEntry(entry.role, entry.direction, say(language, f"legend.{entry.content}"))
        for entry in view.legend
    ]
    spoken = [
        ". ".join(
            [
                " ".join(_heading(context)),
                *(_summary(heatmap, language) for heatmap in view.heatmaps(context)),
            ]
        )
        + "."
        for context in contexts
    ]
    return explained(
        items,
        entries,
        title=say(language, f"{view.name}.title"),
        description=[say(language, f"{view.name}.wide", sample=sample), *spoken],
        language=language,
    )


def _summary(heatmap: Heatmap, language: str) -> str:
    values = np.asarray(heatmap.values, np.float64).reshape(-1)
    name = plain(heatmap.name)
    if len(values) == 1:
        return f"{name} = {plain(number_markup(values[0]))}"
    low, high = (plain(number_markup(v)) for v in _range(values))
    return say(language, "wide.spoken", name=name, count=len(values), low=low, high=high)


def _range(values: Array) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)


def _heading(context: CardContext) -> list[str]:
    station = context.station
    if station.step is None:
        return [say(context.language, "input")]
    if isinstance(station.step, Node):
        name = repr_short(station.step.layer)
    else:
        graph = context.backward.forward.network.graph
        name = type(graph.combinator_of(station.step.path).layer).__name__
    if station.activation is not None:
        name += f" → {type(station.activation.layer).__name__}"
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    return [station.path, name] if station.path else [name]


def _card(context: CardContext, view: CardView) -> Card:
    station = context.station
    first, *others = _heading(context)
    lines = [TextLine(first, "muted" if others else "ink"), *(TextLine(line) for line in others)]
    notes = [] if view.notes is None else list(view.notes(context))
    if station.made_of:
        notes.append(TextLine(station.made_of, "muted"))
    items: list[Item] = []
    y = PADDING
    width = 60.0
    for line in lines:
        items.append(
            Text(PADDING, y + 7, line.content, line.role, size=13, anchor="start", bold=True)
        )
        width = max(width, text_width(line.content, 13, bold=True))
        y += 19
    for line in notes:
        items.append(Text(PADDING, y + 7, line.content, line.role, size=NOTE, anchor="start"))
        width = max(width, text_width(line.content, NOTE))
        y += 17
    for heatmap in view.heatmaps(context):
        drawn = draw_heatmap(heatmap, context.language)
        items += [moved(item, PADDING, y + 8) for item in drawn.items]
        width = max(width, drawn.width)
        y += drawn.height + 16
    width, height = width + 2 * PADDING, y + PADDING - 4
    frame = Rectangle(0, 0, width, height, stroke="grid", fill="paper", corner=8, stroke_width=1.2)
    return Card((frame, *items), width, height)


def place_of(path: str, shape: Sequence[int]) -> Callable[[int], str]:
    """The address of an entry of one sample by its position: `layers[0][3]`."""

    def place(position: int) -> str:
        index = np.unravel_index(position, tuple(shape)) if shape else ()
        return f"{path}[{','.join(str(int(i)) for i in index)}]"

    return place


def weight_note(language: str, weight: Array) -> TextLine:
    """How many weights there are and between which bounds."""
    low, high = _range(weight)
    key = "wide.weights" if weight.size > 1 else "wide.weight"
    return TextLine(
        say(
            language,
            key,
            count=f"{weight.size:,}",
            low=number_markup(low),
            high=number_markup(high),
        )
    )


def parameters_note(context: CardContext) -> Sequence[TextLine]:
    """A Linear layer's weights; of any other layer every parameter array with its bounds."""
    step, language = context.station.step, context.language
    if not isinstance(step, Node):
        return []
    params = context.backward.forward[step.path].params
    if isinstance(step.layer, Linear):
        return [weight_note(language, params["weight"])]
    lines = []
    for name, array in params.items():
        low, high = _range(array)
        lines.append(
            TextLine(
                say(
                    language,
                    "wide.parameter",
                    name=name,
                    shape=shape_text(array.shape),
                    low=number_markup(low),
                    high=number_markup(high),
                )
            )
        )
    return lines
