"""A pass once more, with numbers added inside one of its layers: what a difference quotient of an
intermediate is made of."""

from collections.abc import Mapping
from typing import Any

from clearprop.base.arrays import Array, freeze
from clearprop.engine.graph import Node, propagate
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import ForwardPass
from clearprop.engine.running import Run


def moved_inside(forward: ForwardPass, path: str, added: Mapping[str, Array]) -> ForwardPass:
    """The same pass, draws and state included, where `added` is added to the intermediates of
    these names of the layer at `path` as they are computed, and all behind them follows.

    Raises ContractError for a layer that lacks `output_moved`.
    """
    views, before = forward.run.views, forward.run.caches
    caches: dict[str, Any] = {}
    states: dict[str, Tree] = {}

    def through(node: Node, value: Array) -> Array:
        own = views[node.path]
        if node.path == path:
            caches[path] = before[path]
            return node.layer.output_moved(own, before[path], added)
        context = forward.context.child(node.path)
        y, caches[node.path], state = node.layer.forward(own, value, context)
        if state:
            states[node.path] = state
        return y

    graph = forward.network.graph
    values = propagate(graph, forward.input, through)
    run = Run(freeze(values[graph.output]), states, views, values, caches)
    return ForwardPass(forward.network, forward.params, forward.input, forward.context, run)
