"""The layers' state before the first pass: what they change beside their output, by their paths."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze, frozen, shape_text
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError
from clearprop.engine.graph import Graph, join_path
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
    if not start:
        return EMPTY
    return {
        path: {name: _beside(params, array) for name, array in state.items()}
        for path, state in start.items()
    }


def state_of(graph: Graph, params: Array, start: Tree, given: object, *, training: bool) -> Tree:
    """The state that a pass with `params` begins with: the one that is given, or in training the
    start where none is.

    Out of training a layer with running statistics computes with them: those of before any training
    are 0 and 1, and the output would be wrong without a word. Raises ConfigurationError for a state
    that is missing there, or lacks a layer; ContractError for what is no state, and ShapeError for
    one of another network.
    """
    if given is None:
        if start and not training:
            raise ConfigurationError("state_missing", layers=_layers(graph, start))
        return state_beside(params, start)
    if not isinstance(given, Mapping):
        key = "state_of_training" if hasattr(given, "layers") else "state_kind"
        raise ContractError(key, came=type(given).__name__)
    for path, arrays in start.items():
        own = given.get(path)
        if own is None or any(name not in own for name in arrays):
            raise ConfigurationError("state_incomplete", layers=_layers(graph, {path: arrays}))
        for name, array in arrays.items():
            expected = (*params.shape[:-1], *array.shape)
            if np.shape(own[name]) != expected:
                raise ShapeError(
                    "state_shape",
                    name=join_path(path, name),
                    came=shape_text(np.shape(own[name])),
                    expected=shape_text(expected),
                )
    return given


def _layers(graph: Graph, state: Tree) -> str:
    names = [type(graph.nodes[path].layer).__name__ for path in state]
    return ", ".join(
        f"{path} ({name})" if path else name for path, name in zip(state, names, strict=True)
    )


def _beside(params: Array, array: Array) -> Array:
    dtype = params.dtype if array.dtype.kind == "f" else array.dtype
    stacked = np.broadcast_to(array, (*params.shape[:-1], *array.shape))
    return freeze(stacked.astype(dtype, order="C"))
