"""What each layer did in a pass, laid open as data.

Which number is which: of a Linear layer the output is z, so its output gradient is ∂C/∂z. Of an
activation the input is z and the output a, so its output gradient is ∂C/∂a and its input gradient
∂C/∂z. Every array in a record is read-only.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.base.errors import DtypeError
from clearprop.engine.graph import Graph, GraphStep, Group, Node, unknown_path
from clearprop.engine.layers.layer import Context, Intermediate, Layer, Tree


class ForwardRecord(NamedTuple):
    """What one layer did in a forward pass.

    params   its parameters by its own names, those that the pass used; of a combinator by paths
    cache    the layer's own named record of what its backward needs; () of a combinator
    context  what the layer was handed beside its input
    """

    path: str
    layer: Layer
    params: Tree
    input: Array
    output: Array
    cache: Any
    context: Context


class BackwardRecord(NamedTuple):
    """What one layer did in a backward pass.

    output_gradient  ∂C/∂(layer's output), what came from the right
    input_gradient   ∂C/∂(layer's input) through this layer alone, what it hands on to the left;
                     None where the input is integers
    gradients        ∂C/∂p by parameter name; of a combinator by path
    """

    path: str
    layer: Layer
    output_gradient: Array
    input_gradient: Array | None
    gradients: Mapping[str, Array]


def forward_record(
    node: Node,
    params: Tree,
    values: Mapping[str, Array],
    cache: Any,
    context: Context,
) -> ForwardRecord:
    """The record of one node; `values` are the numbers on every wire."""
    x, y = values[node.source], values[node.path]
    for array in (x, y, *(cache if isinstance(cache, tuple) else ())):
        if isinstance(array, np.ndarray):
            freeze(array)
    return ForwardRecord(node.path, node.layer, params, x, y, cache, context)


def forward_group(
    graph: Graph,
    path: str,
    nodes: Mapping[str, ForwardRecord],
    values: Mapping[str, Array],
    context: Context,
) -> ForwardRecord:
    """The record of the combinator at `path`, from those of all nodes. Raises UnknownNameError."""
    group = _group(graph, path)
    inside = [nodes[node.path] for node in _nodes_inside(graph, path)]
    params = {
        _from(path, f"{one.path}.{name}" if one.path else name): array
        for one in inside
        for name, array in one.params.items()
    }
    state = {_from(path, one.path): one.context.state for one in inside if one.context.state}
    return ForwardRecord(
        path,
        group.layer,
        params,
        freeze(values[group.source]),
        freeze(values[group.output]),
        (),
        context._replace(path=path, state=state),
    )


def intermediates_of(record: ForwardRecord) -> Mapping[str, Intermediate]:
    """What one layer computed on its way, by name; read-only."""
    found = record.layer.intermediates(record.params, record.cache)
    for one in found.values():
        freeze(one.values)
    return found


def intermediate_gradients_of(record: ForwardRecord, dy: Array) -> Mapping[str, Array]:
    """∂C/∂(what one layer computed on its way), by name, for dy = ∂C/∂(its output); read-only."""
    found = record.layer.intermediate_gradients(record.params, record.cache, dy)
    return {name: freeze(gradient) for name, gradient in found.items()}


def backward_record(
    node: Node, signal: Array, dx: Array | None, gradients: Mapping[str, Array]
) -> BackwardRecord:
    """The record of one node."""
    for array in (signal, dx, *gradients.values()):
        if array is not None:
            freeze(array)
    return BackwardRecord(node.path, node.layer, signal, dx, gradients)


def backward_group(
    graph: Graph,
    path: str,
    nodes: Mapping[str, BackwardRecord],
    signals: Mapping[str, Array | None],
    values: Mapping[str, Array],
) -> BackwardRecord:
    """The record of the combinator at `path`, from those of all nodes; `signals` are ∂C/∂(the
    numbers on every wire). Raises UnknownNameError, and DtypeError for one that puts out ids."""
    group = _group(graph, path)
    dy = signals[group.output]
    if dy is None:  # a combinator that hands ids on as they are
        raise DtypeError("explain_integers", came=values[group.output].dtype)
    # In the order of the backward pass, so that the sum is the pass's own to the last bit.
    shares = [
        share
        for step in reversed(graph.inside(path))
        for share in _shares(step, group.source, nodes, signals, values)
    ]
    gradients = {
        _from(path, slot.path): nodes[node.path].gradients[name]
        for node in _nodes_inside(graph, path)
        for name, slot in node.parameters.items()
    }
    dx = _total(shares) if shares else freeze(dy)
    return BackwardRecord(path, group.layer, freeze(dy), dx, gradients)


def _shares(
    step: GraphStep,
    wire: str,
    nodes: Mapping[str, BackwardRecord],
    signals: Mapping[str, Array | None],
    values: Mapping[str, Array],
) -> list[Array | None]:
    """What goes back to `wire` through one step."""
    if wire not in step.sources:
        return []
    if isinstance(step, Node):
        return [nodes[step.path].input_gradient]
    signal = signals[step.path]
    if signal is None:
        return [None]
    shares = step.shares(signal, [values[source] for source in step.sources])
    return [share for source, share in zip(step.sources, shares, strict=True) if source == wire]


def _total(shares: list[Array | None]) -> Array | None:
    total: Array | None = None
    for share in shares:
        if share is None:
            return None
        total = share if total is None else total + share
    return None if total is None else freeze(total)


def _group(graph: Graph, path: str) -> Group:
    if path not in graph.groups:
        raise unknown_path(path, [*graph.nodes, *graph.groups])
    return graph.groups[path]


def _nodes_inside(graph: Graph, path: str) -> list[Node]:
    return [step for step in graph.inside(path) if isinstance(step, Node)]


def _from(prefix: str, path: str) -> str:
    """A path as it is read from the layer at `prefix`."""
    return path[len(prefix) :].lstrip(".") if prefix else path
