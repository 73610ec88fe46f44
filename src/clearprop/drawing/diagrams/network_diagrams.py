"""A whole network of any kind and size with the numbers of one sample: forward, with ∂z/∂w, and
backward.

A small chain of Linear layers is drawn neuron by neuron (`layered`), everything else as a card for
every layer (`wide`).
"""

from collections.abc import Sequence

import numpy as np

from clearprop.drawing.diagrams import layered
from clearprop.drawing.diagrams.cards import (
    CardContext,
    CardView,
    draw_cards,
    parameters_note,
    place_of,
)
from clearprop.drawing.diagrams.heatmap import Heatmap
from clearprop.drawing.diagrams.multilayer_perceptron import is_small_perceptron
from clearprop.drawing.diagrams.parts import LegendEntry, TextLine, derivative, say
from clearprop.drawing.diagrams.stations import Station
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.graph import Node
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass


def network_forward(backward: BackwardPass, *, sample: int = 0, language: str = "en") -> Scene:
    """The network with z and a at every neuron and its weight on every edge; of a wide one the
    bounds of the weights.

    Raises ConfigurationError for a stack of networks, a sample that does not exist, and a pass
    without records.
    """
    return _draw(backward, sample, language, layered.FORWARD, _FORWARD)


def forward_factors(backward: BackwardPass, *, sample: int = 0, language: str = "en") -> Scene:
    """The network with ∂z/∂w on every edge: the input that the weight multiplies; 1 for a bias.

    In a wide network it stands once for all edges that leave a neuron. Raises as
    `network_forward` does.
    """
    return _draw(backward, sample, language, layered.FACTORS, _FACTORS)


def network_backward(backward: BackwardPass, *, sample: int = 0, language: str = "en") -> Scene:
    """The network with ∂C/∂z at every neuron and ∂C/∂w, of this sample's cost, on every edge; of
    a wide one the largest ∂C/∂w.

    Raises as `network_forward` does.
    """
    return _draw(backward, sample, language, layered.BACKWARD, _BACKWARD)


def _draw(
    backward: BackwardPass, sample: int, language: str, small: layered.LayeredView, wide: CardView
) -> Scene:
    if is_small_perceptron(backward.forward.network.graph):
        return layered.draw_small(backward, sample, language, small)
    return draw_cards(backward, sample, language, wide)


def _values(context: CardContext) -> list[Heatmap]:
    return [
        Heatmap(f"*{letter}*", "forward", values, place_of(path, values.shape))
        for letter, path in _named(context.station)
        for values in (context.backward.forward.value(path)[context.sample],)
    ]


def _factors(context: CardContext) -> list[Heatmap]:
    """What goes on from here, which is ∂z/∂w of everything that a weight takes it to."""
    path = context.station.output
    values = context.backward.forward.value(path)[context.sample]
    letter = _named(context.station)[-1][0]
    name = f"*{letter}*"
    if _feeds_linear(context):
        name = f"{name} = {derivative('*z*', '*w*')}"
    return [Heatmap(name, "forward", values, place_of(path, values.shape))]


def _signals(context: CardContext) -> list[Heatmap]:
    """∂C/∂a and ∂C/∂z, in the order in which they are computed."""
    found = []
    for letter, path in reversed(_named(context.station)):
        signals = context.backward.gradient_at(path)
        if signals is not None:
            values = signals[context.sample]
            name = derivative("*C*", f"*{letter}*")
            found.append(Heatmap(name, "backward", values, place_of(path, values.shape)))
    return found


def _named(station: Station) -> list[tuple[str, str]]:
    """(letter, wire) of what a station shows: x of the input, z and a, z alone, or y of others."""
    if station.step is None:
        return [("x", station.path)]
    if station.activation is not None:
        return [("z", station.path), ("a", station.output)]
    return [("z" if station.linear else "y", station.path)]


def _feeds_linear(context: CardContext) -> bool:
    graph = context.backward.forward.network.graph
    takers = graph.takers(context.station.output)
    return any(isinstance(one, Node) and isinstance(one.layer, Linear) for one in takers)


def _largest_gradient(context: CardContext) -> Sequence[TextLine]:
    """The edge whose ∂C/∂w = ∂z/∂w · ∂C/∂z is the largest for this sample."""
    path = context.station.path
    if context.station.linear is None:
        return []
    x = context.backward.forward[path].input[context.sample]
    dz = context.backward[path].output_gradient[context.sample]
    if x.ndim != 1:
        return []
    sizes = [np.where(np.isfinite(v), np.abs(v), np.inf) for v in (x, dz)]
    i, j = (int(np.argmax(size)) for size in sizes)
    value = float(x[i]) * float(dz[j])
    name = derivative("*C*", "*w*")
    place = f"weight[{i},{j}]"
    said = say(context.language, "wide.largest", name=name, place=place, value=number_markup(value))
    return [TextLine(said, "backward")]


_FORWARD = CardView(
    "network_forward",
    _values,
    parameters_note,
    (LegendEntry("forward", 1, "forward"), LegendEntry("muted", 0, "cells")),
)
_FACTORS = CardView(
    "forward_factors",
    _factors,
    None,
    (LegendEntry("forward", 1, "factor_of_cell"), LegendEntry("muted", 0, "cells")),
)
_BACKWARD = CardView(
    "network_backward",
    _signals,
    _largest_gradient,
    (LegendEntry("backward", -1, "backward"), LegendEntry("muted", 0, "cells")),
    backwards=True,
)
