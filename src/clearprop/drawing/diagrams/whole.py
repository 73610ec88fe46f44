"""A whole network of any kind and size with the numbers of one sample: forward, with ∂z/∂w, and
backward.

A small chain of Linear layers is drawn neuron by neuron (`layered`), everything else as a card for
every layer (`wide`).
"""

from collections.abc import Sequence

import numpy as np

from clearprop.drawing.diagrams import layered
from clearprop.drawing.diagrams.chain import is_small_chain
from clearprop.drawing.diagrams.parts import LegendEntry, Line, derivative, say
from clearprop.drawing.diagrams.stations import INPUT, Station
from clearprop.drawing.diagrams.strips import Quantity
from clearprop.drawing.diagrams.wide import (
    Look,
    View,
    draw_wide,
    parameters_note,
    place_of,
    signals_of,
    values_of,
)
from clearprop.drawing.pen.scene import Scene
from clearprop.drawing.pen.text import number
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
    backward: BackwardPass, sample: int, language: str, small: layered.View, wide: View
) -> Scene:
    if is_small_chain(backward.forward.network.layer):
        return layered.draw_small(backward, sample, language, small)
    return draw_wide(backward, sample, language, wide)


def _values(look: Look) -> list[Quantity]:
    return [
        Quantity(f"*{letter}*", "forward", values, place_of(path, values.shape))
        for letter, path in _named(look.station)
        for values in (values_of(look.backward, path)[look.sample],)
    ]


def _factors(look: Look) -> list[Quantity]:
    """What goes on from here, which is ∂z/∂w of everything that a weight takes it to."""
    path = look.station.output
    values = values_of(look.backward, path)[look.sample]
    letter = _named(look.station)[-1][0]
    name = f"*{letter}*"
    if _feeds_linear(look):
        name = f"{name} = {derivative('*z*', '*w*')}"
    return [Quantity(name, "forward", values, place_of(path, values.shape))]


def _signals(look: Look) -> list[Quantity]:
    """∂C/∂a and ∂C/∂z, in the order in which they are computed."""
    found = []
    for letter, path in reversed(_named(look.station)):
        signals = signals_of(look.backward, path)
        if signals is not None:
            values = signals[look.sample]
            name = derivative("*C*", f"*{letter}*")
            found.append(Quantity(name, "backward", values, place_of(path, values.shape)))
    return found


def _named(station: Station) -> list[tuple[str, str]]:
    """(letter, path) of what a station shows: x of the input, z and a, z alone, or y of others."""
    if station.path == INPUT and station.layer is None:
        return [("x", INPUT)]
    if station.activation is not None:
        return [("z", station.path), ("a", station.activation[0])]
    return [("z" if isinstance(station.layer, Linear) else "y", station.path)]


def _feeds_linear(look: Look) -> bool:
    forward = look.backward.forward
    output = values_of(look.backward, look.station.output)
    return any(
        isinstance(record.layer, Linear) and record.input is output for record in forward.records
    )


def _largest_gradient(look: Look) -> Sequence[Line]:
    """The edge whose ∂C/∂w = ∂z/∂w · ∂C/∂z is the largest for this sample."""
    path = look.station.path
    if not isinstance(look.station.layer, Linear):
        return []
    x = look.backward.forward[path].input[look.sample]
    dz = look.backward[path].output_gradient[look.sample]
    if x.ndim != 1:
        return []
    sizes = [np.where(np.isfinite(v), np.abs(v), np.inf) for v in (x, dz)]
    i, j = (int(np.argmax(size)) for size in sizes)
    value = float(x[i]) * float(dz[j])
    name = derivative("*C*", "*w*")
    place = f"weight[{i},{j}]"
    said = say(look.language, "wide.largest", name=name, place=place, value=number(value))
    return [Line(said, "backward")]


_FORWARD = View(
    "network_forward",
    _values,
    parameters_note,
    (LegendEntry("forward", 1, "forward"), LegendEntry("muted", 0, "cells")),
)
_FACTORS = View(
    "forward_factors",
    _factors,
    None,
    (LegendEntry("forward", 1, "factor_of_cell"), LegendEntry("muted", 0, "cells")),
)
_BACKWARD = View(
    "network_backward",
    _signals,
    _largest_gradient,
    (LegendEntry("backward", -1, "backward"), LegendEntry("muted", 0, "cells")),
    backwards=True,
)
