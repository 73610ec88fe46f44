"""The drawing of a network: columns of neurons from left to right, and the edges between them.

What a sample has there stands neuron by neuron, as a strip where there are too many of them, and as
maps where it has rows and columns: an image for every channel, or positions by features. It is made
once a network; after that only numbers travel. Units are the drawing's own: two neighbours in a
column are 1 apart.
"""

import math
from collections.abc import Sequence
from typing import Any

from clearprop.base.arrays import Shape
from clearprop.drawing.diagrams.stations import Station, stations
from clearprop.engine.graph import Graph
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.lab.building_blocks import LIMITS
from clearprop.reading.walk.forward import parameter_symbol

# From one column to the next; a wide one has more edges to tell apart.
BETWEEN, BETWEEN_MORE = 3.0, 0.12
MARGIN = 1.0
# So high is a column that is too wide to be drawn neuron by neuron.
STRIP = 16.0


def network_view(step: Step, named_input: str) -> dict[str, Any]:
    """The fields of the message `network` that are of the network itself; `named_input` stands
    over the first column."""
    backward = step.backward
    graph = step.forward.network.graph
    found = stations(backward, 0)
    shapes = [step.forward.value(one.path).shape[1:] for one in found]
    heights = [STRIP if _too_wide(shape) else math.prod(shape) - 1.0 for shape in shapes]
    height = max(heights, default=0.0) + 2 * MARGIN
    gap = BETWEEN + BETWEEN_MORE * max(heights, default=0.0)
    columns = [
        _column(graph, one, named_input, shape, MARGIN + number * gap, (height - tall) / 2, tall)
        for number, (one, shape, tall) in enumerate(zip(found, shapes, heights, strict=True))
    ]
    return {
        "title": " → ".join(
            ["×".join(map(str, shapes[0])), *(_title(one, named_input) for one in found[1:])]
        ),
        "columns": columns,
        "edges": _edges(found),
        "biases": [
            {"column": number, "path": one.linear.parameters["bias"].path}
            for number, one in enumerate(found)
            if one.linear is not None and "bias" in one.linear.parameters
        ],
        "parameters": [
            {
                "path": slot.path,
                "symbol": parameter_symbol(node.layer, name),
                "shape": list(slot.shape),
            }
            for node in graph.nodes.values()
            for name, slot in node.parameters.items()
        ],
        "opened": [path for path in graph.nodes if step.forward.inside(path)],
        "groups": _groups(graph, found),
        "width": 2 * MARGIN + gap * (len(found) - 1),
        "height": height,
        "size": step.forward.network.size,
    }


def _too_wide(shape: Shape) -> bool:
    """Whether a column is a strip or maps: its neurons are not drawn one by one."""
    return len(shape) > 1 or math.prod(shape) > LIMITS["neurons_drawn"]


def _column(
    graph: Graph,
    station: Station,
    named_input: str,
    shape: Shape,
    x: float,
    top: float,
    tall: float,
) -> dict[str, Any]:
    count, strip = math.prod(shape), _too_wide(shape)
    kind = "layer"
    if station.step is None:
        kind = "input"
    elif station.linear is not None:
        kind = "linear"
    elif station.path in graph.joins:
        kind = "join"
    return {
        "path": station.path,
        "wire": station.path,
        "output": station.output,
        "title": _title(station, named_input),
        "kind": kind,
        "count": count,
        "shape": list(shape),
        "strip": strip,
        "maps": list(shape[-2:]) if len(shape) > 1 else None,
        "x": x,
        "y": [top, top + tall] if strip else [top + number for number in range(count)],
    }


def _title(station: Station, named_input: str) -> str:
    """`Linear(1, 10) ReLU()`; what a join makes of which wires."""
    if station.step is None:
        return named_input
    if station.made_of:
        return station.made_of
    layers = [station.step, *([station.activation] if station.activation is not None else [])]
    return " ".join(repr_short(one.layer) for one in layers)  # type: ignore[union-attr]


def _edges(found: Sequence[Station]) -> list[dict[str, Any]]:
    """Every way from a column to another; with the weights of a Linear layer that it goes
    through."""
    numbers = {wire: number for number, one in enumerate(found) for wire in (one.path, one.output)}
    edges = []
    for number, one in enumerate(found):
        for wire in one.sources:
            weight = None if one.linear is None else one.linear.parameters["weight"]
            edges.append(
                {
                    "from": numbers[wire],
                    "to": number,
                    "weight": None if weight is None else weight.path,
                    "shape": None if weight is None else list(weight.shape),
                }
            )
    return edges


def _groups(graph: Graph, found: Sequence[Station]) -> list[dict[str, Any]]:
    groups = []
    for path, group in graph.groups.items():
        inside = {one.path for one in graph.inside(path)}
        columns = [number for number, one in enumerate(found) if one.path in inside]
        if path and columns:
            title = type(group.layer).__name__
            groups.append({"path": path, "title": title, "columns": columns})
    return groups
