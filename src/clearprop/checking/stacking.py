"""Moving many single entries of a network at once, and computing only what they reach.

A parameter of one layer reaches that layer's output and what comes behind it; nothing before. So
the layers before are run once. K copies of the network, each with one entry moved, stand along a
leading axis, as stacked networks do; what was not moved is shared by all of them.

For a Linear layer, z = x W + b, moving one entry moves a part of z that is known without
multiplying the matrices anew:

    W[i, j] by h    z[:, j] by h·x[:, i]
    b[j]    by h    z[:, j] by h
    x[n, i] by h    z[n, :] by h·W[i, :]
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.arrays import Array
from clearprop.checking.subject import Mover
from clearprop.layers.combinators import Sequential
from clearprop.layers.contract import Context, Layer, Tree
from clearprop.layers.linear import Linear
from clearprop.losses import Loss
from clearprop.network import Network
from clearprop.parameters import join, leaves


class _Stage(NamedTuple):
    """One layer of the chain with its place, its parameters and its input at the point."""

    path: str
    layer: Layer
    params: Tree
    context: Context
    input: Array


def chain_mover(
    network: Network,
    params: Array,
    x: Array,
    context: Context,
    loss: Loss | None = None,
    target: Array | None = None,
) -> Mover | None:
    """A mover of the network's arrays ("x" and its parameters' paths); None where it has no such
    structure: tied parameters, or a layer that cannot be stacked.

    It returns the outputs (K, N·D), or with a loss their losses (K, 1).
    """
    stackable = all(layer.stackable for _, layer in leaves(network.layer))
    if network.tied or not stackable or x.ndim < 2:
        return None
    stages: list[_Stage] = []
    value = x
    for path, layer, tree, own in _flattened(
        "", network.layer, network.layout.tree(params), context
    ):
        stages.append(_Stage(path, layer, tree, own, value))
        value = layer.forward(tree, value, own)[0]

    def move(name: str, indices: Array, moves: Array) -> Array:
        position = _stage_of(stages, name)
        stack = _moved_output(stages[position], name, indices, moves)
        for stage in stages[position + 1 :]:
            stack = _run(stage, stack)
        if loss is None:
            return stack.reshape(len(indices), -1)
        goal = target if target is not None else value
        result = loss.evaluate(stack, goal, stacked=True)
        return np.asarray(result.value).reshape(-1, 1)

    return move


def _flattened(
    path: str, layer: Layer, params: Tree, context: Context
) -> Iterator[tuple[str, Layer, Tree, Context]]:
    if isinstance(layer, Sequential):
        for name, child in layer.children():
            yield from _flattened(join(path, name), child, params[name], context.child(name))
    else:
        yield path, layer, params, context


def _stage_of(stages: list[_Stage], name: str) -> int:
    if name == "x":
        return 0
    return next(
        position
        for position, stage in enumerate(stages)
        if name == stage.path or name.startswith(f"{stage.path}.") or not stage.path
    )


def _moved_output(stage: _Stage, name: str, indices: Array, moves: Array) -> Array:
    """The stage's outputs (K, N, ...), in each of which one entry of its own was moved."""
    own = name if name == "x" else name[len(stage.path) :].lstrip(".")
    if type(stage.layer).forward is Linear.forward:
        return _moved_linear(stage, own, indices, moves)
    if own == "x":
        return _run(stage, _stacked(stage.input, indices, moves))
    return _run(stage, None, _with_moved(stage.params, own, indices, moves))


def _moved_linear(stage: _Stage, own: str, indices: Array, moves: Array) -> Array:
    x, weight = stage.input, stage.params["weight"]
    z = stage.layer.forward(stage.params, x, stage.context)[0]
    kind = np.result_type(z, moves)
    stack = np.broadcast_to(z, (len(indices), *z.shape)).astype(kind)
    rows = np.arange(len(indices))
    if own == "weight":
        i, j = np.unravel_index(indices, weight.shape)
        stack[rows, :, j] += moves[:, None] * x.T[i]
    elif own == "bias":
        stack[rows, :, indices] += moves[:, None]
    else:
        n, i = np.unravel_index(indices, x.shape)
        stack[rows, n, :] += moves[:, None] * weight[i]
    return stack


def _run(stage: _Stage, stack: Array | None, params: Tree | None = None) -> Array:
    """The stage on a stack of inputs, or on its own input with a stack of parameters."""
    layer = stage.layer
    if params is None and stack is not None and type(layer).forward is Linear.forward:
        # One product of two matrices in place of K small ones.
        rows = stack.reshape(-1, stack.shape[-1]) @ stage.params["weight"]
        if "bias" in stage.params:
            rows += stage.params["bias"]
        product: Array = rows.reshape(*stack.shape[:-1], -1)
        return product
    if stack is None:
        count = _count(params)
        stack = np.broadcast_to(stage.input, (count, *stage.input.shape))
    else:
        count = len(stack)
    tree = _shared(stage.params if params is None else params, count)
    context = stage.context._replace(
        records=False, state=_shared(stage.context.state, count), networks=count
    )
    return layer.forward(tree, stack, context)[0]


class _Moved(NamedTuple):
    """A parameter array that has its axis of copies already."""

    values: Array


def _with_moved(tree: Tree, own: str, indices: Array, moves: Array) -> dict[str, Any]:
    """The tree with the array at the path `own` stacked, one entry moved in every copy."""
    moved: dict[str, Any] = {}
    for name, part in tree.items():
        if name == own:
            moved[name] = _Moved(_stacked(part, indices, moves))
        elif own.startswith(f"{name}."):
            moved[name] = _with_moved(part, own[len(name) + 1 :], indices, moves)
        else:
            moved[name] = part
    return moved


def _stacked(array: Array, indices: Array, moves: Array) -> Array:
    kind = np.result_type(array, moves)
    stack = np.broadcast_to(array, (len(indices), *array.shape)).astype(kind)
    stack.reshape(len(indices), -1)[np.arange(len(indices)), indices] += moves
    return stack


def _count(tree: Any) -> int:
    for part in tree.values():
        if isinstance(part, _Moved):
            return len(part.values)
        if isinstance(part, Mapping) and (count := _count(part)):
            return count
    return 0


def _shared(tree: Any, count: int) -> Any:
    """The tree with every array seen by `count` networks, without copying it."""
    if isinstance(tree, _Moved):
        return tree.values
    if isinstance(tree, Mapping):
        return {name: _shared(part, count) for name, part in tree.items()} if tree else tree
    return np.broadcast_to(tree, (count, *tree.shape))
