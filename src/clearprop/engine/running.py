"""The two passes themselves, over the graph, with nothing copied and little checked: what `Network`
lays open as data, and what a training takes step by step."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, require_matching_dtype, shape_text
from clearprop.base.errors import ShapeError
from clearprop.engine.graph import Graph, Node, backpropagate, propagate
from clearprop.engine.layers.layer import Context, Tree, require_output, require_signal
from clearprop.engine.parameters import GradientPlaces, Layout


class Run(NamedTuple):
    """What a forward pass leaves behind: its output, the layers' new state, and for the backward
    pass every layer's parameters as views, the numbers on every wire, and every layer's cache."""

    output: Array
    state: Tree
    views: Mapping[str, Tree]
    values: dict[str, Array]
    caches: dict[str, Any]


def run_forward(
    layout: Layout, params: Array, x: Array, context: Context, *, own_input: bool = False
) -> Run:
    """Forward, for arrays that `Network.require_input` has let pass.

    Raises DtypeError, which names the layer, for an output that is not of the parameters' dtype.
    """
    views = layout.views(params)
    caches: dict[str, Any] = {}
    new_state: dict[str, Tree] = {}
    dtype = params.dtype

    def through(node: Node, value: Array) -> Array:
        path = node.path
        y, caches[path], state = node.layer.forward(views[path], value, context.child(path))
        if y.dtype is not dtype:
            require_output(node.layer, path, y, dtype)
        if state:
            new_state[path] = state
        return y

    networks = context.networks
    is_shared = networks is not None and not own_input
    start = np.broadcast_to(x, (networks, *x.shape)) if is_shared else x  # type: ignore[arg-type]
    graph = layout.graph
    values = propagate(graph, start, through)
    return Run(values[graph.output], new_state or EMPTY, views, values, caches)


def settle_output_gradient(dy: Array, output: Array, *, where: str) -> Array:
    """∂C/∂output in the output's dtype: whole numbers, and real ones beside a complex output, are
    converted. Raises ShapeError and DtypeError; `where` is what the sentence calls it."""
    if dy.shape != output.shape:
        expected, came = shape_text(output.shape), shape_text(dy.shape)
        raise ShapeError("output_gradient_shape", expected=expected, came=came)
    if dy.dtype is output.dtype:
        return dy
    require_matching_dtype(dy, output, where=where)
    return dy.astype(output.dtype, copy=False)


def run_backward(
    graph: Graph, run: Run, dy: Array
) -> tuple[dict[str, Array | None], dict[str, tuple[Array | None, Tree]]]:
    """Backward: ∂C/∂(every wire), and what every layer's backward returned, by its path.

    Raises ContractError, ShapeError and DtypeError for a layer that gives back nothing, or another
    shape or dtype.
    """
    returned: dict[str, tuple[Array | None, Tree]] = {}
    _, _, views, values, caches = run

    def through(node: Node, signal: Array) -> Array | None:
        path = node.path
        found = returned[path] = node.layer.backward(views[path], caches[path], signal)
        dx, x = found[0], values[node.source]
        if dx is not None and (dx.dtype is not signal.dtype or dx.shape != x.shape):
            require_signal(path, dx, x, signal)
        return dx

    return backpropagate(graph, dy, through, values), returned


def run_backward_into(graph: Graph, run: Run, dy: Array, places: GradientPlaces) -> Array:
    """∂C/∂θ alone, that of `run_backward` to the bit: for a training, in which nobody asks for
    ∂C/∂x of the data. Every layer writes its part into `places`, whose flat array comes back.

    It uses the run up: what a layer kept is let go as soon as the layer has gone back, so that the
    way back takes hardly more memory than the way there."""
    gradient, into, added = places
    constant = graph.constant
    _, _, views, values, caches = run

    def through(node: Node, signal: Array) -> Array | None:
        path = node.path
        dx = node.layer.backward_into(
            views[path],
            caches.pop(path),
            signal,
            into[path],
            path=path,
            input_gradient=node.source not in constant,
        )
        x = values[node.source]
        if dx is not None and (dx.dtype is not signal.dtype or dx.shape != x.shape):
            require_signal(path, dx, x, signal)
        del values[path]
        return dx

    backpropagate(graph, dy, through, values, without=constant, kept=False)
    for place, part in added:
        place += part
    return gradient
