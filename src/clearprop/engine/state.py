"""The layers' state before the first pass: what they change beside their output, by their paths."""

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze, frozen
from clearprop.engine.graph import Graph
from clearprop.engine.layers.layer import Tree


def start_state_of(graph: Graph) -> Tree:
    """What the layers declare, read-only; empty where none of them has a state."""
    found = {path: node.layer.state() for path, node in graph.nodes.items()}
    return {
        path: {name: frozen(np.asarray(array)) for name, array in state.items()}
        for path, state in found.items()
        if state
    } or EMPTY


def state_beside(params: Array, start: Tree) -> Tree:
    """The state that goes with `params` (P,) or (K, P): with their leading axis, and floating
    arrays in their dtype."""
    if start is EMPTY:
        return EMPTY
    return {
        path: {name: _beside(params, array) for name, array in state.items()}
        for path, state in start.items()
    }


def _beside(params: Array, array: Array) -> Array:
    dtype = params.dtype if array.dtype.kind == "f" else array.dtype
    stacked = np.broadcast_to(array, (*params.shape[:-1], *array.shape))
    return freeze(stacked.astype(dtype, order="C"))
