"""A network as a table: its layers, their output shapes and parameter counts."""

import inspect
import math

from clearprop.base import messages
from clearprop.base.arrays import shape_text
from clearprop.base.configuration import Configurable
from clearprop.engine.graph import Graph


def summary_of(graph: Graph, language: str = "en") -> str:
    """The layers in the order in which they run, and the total of their parameters."""
    head = [
        messages.text(language, f"network.{name}")
        for name in ("path", "layer", "output", "parameters")
    ]
    rows = [head]
    for path, node in graph.nodes.items():
        shape = node.output_shape
        count = sum(math.prod(slot.shape) for slot in node.parameters.values())
        output = "?" if shape is None else shape_text(("N", *shape))
        rows.append([path or "—", repr_short(node.layer), output, f"{count:,}"])
    widths = [max(map(messages.display_width, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(messages.pad(cell, width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "─" * messages.display_width(lines[0]))
    total = messages.text(language, "network.total", count=f"{graph.size:,}")
    return "\n".join([*(line.rstrip() for line in lines), total])


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
