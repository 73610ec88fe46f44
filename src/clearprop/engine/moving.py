"""A pass once more, with something moved inside one of its layers: what a difference quotient of
such a number is made of."""

from collections.abc import Callable, Mapping
from typing import Any

from clearprop.base.arrays import Array, freeze
from clearprop.engine.graph import Node, propagate
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import ForwardPass
from clearprop.engine.running import Run


def with_output(forward: ForwardPass, path: str, y: Array) -> ForwardPass:
    """The same pass, draws and state included, where the layer at `path` puts out y and all behind
    it follows."""
    return _again(forward, path, lambda _: y)


def moved_inside(forward: ForwardPass, path: str, added: Mapping[str, Array]) -> ForwardPass:
    """The same pass, draws and state included, where `added` is added to the intermediates of
    these names of the layer at `path` as they are computed, and all behind them follows.

    Raises ContractError for a layer that lacks `output_moved`.
    """
    own, cache = forward.run.views[path], forward.run.caches[path]
    return _again(forward, path, lambda layer: layer.output_moved(own, cache, added))


def _again(forward: ForwardPass, path: str, output: Callable[[Layer], Array]) -> ForwardPass:
    views = forward.run.views
    caches: dict[str, Any] = {}
    states: dict[str, Tree] = {}

    def through(node: Node, value: Array) -> Array:
        if node.path == path:
            caches[path] = forward.run.caches[path]
            return output(node.layer)
        context = forward.context.child(node.path)
        y, caches[node.path], state = node.layer.forward(views[node.path], value, context)
        if state:
            states[node.path] = state
        return y

    graph = forward.network.graph
    values = propagate(graph, forward.input, through)
    run = Run(freeze(values[graph.output]), states, views, values, caches)
    return ForwardPass(forward.network, forward.params, forward.input, forward.context, run)
