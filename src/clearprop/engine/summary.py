"""A network as a table: its layers, their output shapes and parameter counts."""

import inspect
import math
from collections.abc import Mapping

from clearprop.base import messages
from clearprop.base.arrays import Shape, shape_text
from clearprop.base.configuration import Configurable
from clearprop.base.text_tables import ruled
from clearprop.engine.graph import Graph

say = messages.within("network")


def summary_of(graph: Graph, shapes: Mapping[str, Shape | None], language: str = "en") -> str:
    """The layers in the order in which they run, and the total of their parameters; `shapes` are
    those of one sample on every wire, "?" where one is not known."""
    rows = [[say(language, name) for name in ("path", "layer", "output", "parameters")]]
    for path, node in graph.nodes.items():
        shape = shapes[path]
        count = sum(math.prod(slot.shape) for slot in node.parameters.values())
        output = "?" if shape is None else shape_text(("N", *shape))
        rows.append([path or "—", repr_short(node.layer), output, f"{count:,}"])
    total = say(language, "total", count=f"{graph.size:,}")
    return "\n".join([*ruled(rows, left=None), total])


def repr_short(made: Configurable) -> str:
    """A layer, loss or optimizer with the settings that differ from their defaults:
    `Linear(1, 10)`."""
    defaults = {
        name: item.default for name, item in inspect.signature(type(made)).parameters.items()
    }
    parts = []
    for name, value in made.settings().items():
        default = defaults.get(name, inspect.Parameter.empty)
        if default is inspect.Parameter.empty:
            parts.append(f"{value}")
        elif value != default:
            parts.append(f"{name}={value}")
    return f"{type(made).__name__}({', '.join(parts)})"
