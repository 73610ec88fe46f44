"""The number that a program's variables have behind their names: z1 is of the first group of
layers, z2 of the second.

A layer whose row says so opens a group. So does one whose variables have names that are taken in
the group before: a convolution's `grouped` and those of the norm behind it are not the same array.
"""

from collections.abc import Mapping

from clearprop.base.arrays import Array, Shape
from clearprop.engine.graph import Graph, Node
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.program_lines import Symbol, names_assigned
from clearprop.kinds.program_pieces import Site
from clearprop.reading.programs.side_inputs import site_of
from clearprop.reading.programs.ways_back import does_nothing

_X, _DX, _DY = Symbol("x", "x"), Symbol("dx", "dx"), Symbol("dy", "dy")
_FIRST = 1


def group_numbers(
    graph: Graph, shapes: Mapping[str, Shape | None], beside: Mapping[str, Array]
) -> dict[str, int]:
    """By path the number of every layer's group; `shapes` are those of the wires, without samples.

    In one group no two layers have a variable, a parameter or an output of one name.
    """
    numbers: dict[str, int] = {}
    group = 0
    taken: set[str] = set()
    for path, node in graph.nodes.items():
        if does_nothing(node):
            continue
        own = _own_names(node, shapes[node.source] or (), beside)
        if group == 0 or LAYER_ROWS[type(node.layer)].opens or own & taken:
            group, taken = group + 1, set()
        taken |= own
        numbers[path] = group
    return numbers


def _own_names(node: Node, shape: Shape, beside: Mapping[str, Array]) -> set[str]:
    """What a layer's lines call their own, in a group by itself."""
    row = LAYER_ROWS[type(node.layer)]
    y = row.output.numbered(_FIRST)
    params = {name: row.parameters[name].program.numbered(_FIRST) for name in node.parameters}
    gradients = {name: symbol.d for name, symbol in params.items()}
    site = Site(
        node.layer, _X, y, _DX, _DY, params, gradients, _FIRST, node.path, shape,
        site_of(beside, node.path),
    )  # fmt: skip
    passes = row.passes(site)
    lines = [*passes.forward, *passes.backward]
    symbols = [*params.values(), *(mask.symbol for mask in passes.masks)]
    if row.in_use is not None:
        used = row.in_use.lines(site)
        lines += used.forward
        symbols += used.state.values()
    assigned = {name for name in names_assigned(lines) if name.endswith(str(_FIRST))}
    return {y.name, y.d.name, *(one.name for one in symbols), *assigned}
