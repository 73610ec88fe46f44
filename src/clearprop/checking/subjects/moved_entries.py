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

from clearprop.base.arrays import Array
from clearprop.checking.subjects.subject import Mover
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.combinators import Sequential
from clearprop.engine.layers.layer import Context, Layer, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.parameters import join, leaves


class _Stage(NamedTuple):
    """One layer of the chain with its place, its parameters, its input and its output."""

    path: str
    layer: Layer
    params: Tree
    context: Context
    input: Array
    output: Array


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
        output = layer.forward(tree, value, own)[0]
        stages.append(_Stage(path, layer, tree, own, value, output))
        value = output

    def move(name: str, indices: Array, moves: Array) -> Array:
        stack = _moved(stages, name, indices, moves)
        if loss is None or target is None:
            return stack.reshape(len(indices), -1)
        result = loss.evaluate(stack, target, stacked=True)
        return np.asarray(result.value).reshape(-1, 1)

    return move


def _moved(stages: list[_Stage], name: str, indices: Array, moves: Array) -> Array:
    """The chain's outputs (K, N, ...), in each of which one entry was moved."""
    position = _stage_of(stages, name)
    stage, behind = stages[position], stages[position + 1 :]
    own = name if name == "x" else name[len(stage.path) :].lstrip(".")
    if not _is_linear(stage):
        if own == "x":
            stack = _run(stage, _stacked(stage.input, indices, moves))
        else:
            stack = _run(stage, None, _with_moved(stage.params, own, indices, moves))
    elif own == "x":
        rows = np.unravel_index(indices, stage.input.shape)
        stack = _copies(stage.output, len(indices), moves)
        place = (np.arange(len(indices)), *rows[:-1])
        stack[place] += moves[:, None] * stage.params["weight"][rows[-1]]
    else:
        return _moved_column(stage, behind, own, indices, moves)
    for one in behind:
        stack = _run(one, stack)
    return stack


def _moved_column(
    stage: _Stage, behind: list[_Stage], own: str, indices: Array, moves: Array
) -> Array:
    """The same for a parameter of a Linear layer: one column of z moves, and of what activations
    make of it; the next Linear layer adds the column's move times one row of its weight."""
    weight = stage.params["weight"]
    if own == "weight":
        i, columns = np.unravel_index(indices, weight.shape)
        change = moves.reshape(-1, *(1,) * (stage.input.ndim - 1)) * np.moveaxis(
            stage.input[..., i], -1, 0
        )
    else:
        columns = indices
        change = moves.reshape(-1, *(1,) * (stage.input.ndim - 1))
    before = np.moveaxis(stage.output[..., columns], -1, 0)
    column = before + change
    output = stage.output
    while behind and type(behind[0].layer).forward is Activation.forward:
        activation, *behind = behind
        before = np.moveaxis(activation.output[..., columns], -1, 0)
        column = activation.layer.forward({}, column, activation.context)[0]
        output = activation.output
    if behind and _is_linear(behind[0]):
        linear, *behind = behind
        rows = linear.params["weight"][columns]
        between = (len(rows), *(1,) * (column.ndim - 1), rows.shape[-1])
        stack: Array = linear.output + (column - before)[..., None] * rows.reshape(between)
    else:
        stack = _copies(output, len(indices), column)
        np.moveaxis(stack, -1, 1)[np.arange(len(indices)), columns] = column
    for one in behind:
        stack = _run(one, stack)
    return stack


def _is_linear(stage: _Stage) -> bool:
    return type(stage.layer).forward is Linear.forward


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


def _run(stage: _Stage, stack: Array | None, params: Tree | None = None) -> Array:
    """The stage on a stack of inputs, or on its own input with a stack of parameters."""
    layer = stage.layer
    if params is None and stack is not None and _is_linear(stage):
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
    output: Array = layer.forward(tree, stack, context)[0]
    return output


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


def _copies(array: Array, count: int, beside: Array) -> Array:
    """`count` copies of an array along a new first axis, complex where `beside` is."""
    return np.broadcast_to(array, (count, *array.shape)).astype(np.result_type(array, beside))


def _stacked(array: Array, indices: Array, moves: Array) -> Array:
    stack = _copies(array, len(indices), moves)
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
