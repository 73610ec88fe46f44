"""Moving many single entries of a network at once, and computing only what they reach.

An entry reaches what lies behind it in the graph, and nothing else. So the network is run once, and
every value that is not behind the moved entry is taken from there. K copies of what is behind it,
each with one entry moved, stand along a leading axis, as K networks do; what was not moved is
shared by all of them.

For a Linear layer, z = x W + b, moving one entry moves a part of z that is known without
multiplying the matrices anew:

    W[i, j] by h    z[:, j] by h·x[:, i]
    b[j]    by h    z[:, j] by h
    x[n, i] by h    z[n, :] by h·W[i, :]
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.checking.subjects.subject import Mover
from clearprop.engine.graph import INPUT, Graph, GraphStep, Node, propagate
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Context, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network

# The values on some wires, with an axis of copies (K, N, ...).
Stacks = dict[str, Array]


def graph_mover(
    network: Network,
    params: Array,
    x: Array,
    context: Context,
    loss: Loss | None = None,
    target: Array | None = None,
) -> Mover | None:
    """A mover of the network's arrays ("x" and its parameters' paths); None where it has a layer
    that cannot be stacked.

    It returns the outputs (K, N·D), or with a loss their losses (K, 1).
    """
    if not all(node.layer.stackable for node in network.graph.nodes.values()):
        return None
    run = _NetworkRun.of(network, params, x, context)

    def move(name: str, indices: Array, moves: Array) -> Array:
        stack = _moved(run, name, indices, moves)[network.graph.output]
        if loss is None or target is None:
            return stack.reshape(len(indices), -1)
        result = loss.evaluate(stack, target, stacked=True)
        return np.asarray(result.value).reshape(-1, 1)

    return move


@dataclass(frozen=True, eq=False)
class _NetworkRun:
    """One run of a network: the values on its wires, and what every node was run with."""

    graph: Graph
    values: Mapping[str, Array]
    params: Mapping[str, Tree]
    contexts: Mapping[str, Context]
    beside: Mapping[str, Array]

    @classmethod
    def of(cls, network: Network, params: Array, x: Array, context: Context) -> "_NetworkRun":
        views = network.layout.views(params)
        contexts = {path: context.child(path) for path in network.graph.nodes}

        def through(node: Node, value: Array) -> Array:
            return node.layer.forward(views[node.path], value, contexts[node.path])[0]

        values = propagate(network.graph, x, through)
        return cls(network.graph, values, views, contexts, context.side_inputs)

    def only_taker(self, wire: str) -> Node | None:
        """The layer that takes a wire, where nothing else does."""
        takers: tuple[GraphStep, ...] = self.graph.takers(wire)
        if len(takers) != 1 or wire == self.graph.output or not isinstance(takers[0], Node):
            return None
        return takers[0]


def _moved(run: _NetworkRun, name: str, indices: Array, moves: Array) -> Stacks:
    """The wires behind an entry (K, N, ...), in each copy of which it was moved."""
    if name in run.beside:
        return _behind(run, {}, indices, {}, {name: _stacked(run.beside[name], indices, moves)})
    if name == "x":
        taker = run.only_taker(INPUT)
        if taker is not None and _is_linear(taker):
            return _behind(run, {taker.path: _moved_rows(run, taker, indices, moves)}, indices)
        return _behind(run, {INPUT: _stacked(run.values[INPUT], indices, moves)}, indices)
    users = run.graph.users(name)
    if len(users) == 1 and _is_linear(users[0][0]):
        return _behind(run, _moved_column(run, *users[0], indices, moves), indices)
    own = {
        node.path: {**_shared(run.params[node.path], len(indices)), parameter: moved}
        for node, parameter in users
        for moved in [_stacked(run.params[node.path][parameter], indices, moves)]
    }
    return _behind(run, {}, indices, own)


def _behind(
    run: _NetworkRun,
    stacks: Stacks,
    indices: Array,
    moved: Mapping[str, Tree] = EMPTY,
    beside: Mapping[str, Array] = EMPTY,
) -> Stacks:
    """Everything behind the wires that are stacked already, and behind the nodes whose parameters,
    or what stands beside them, were moved: by their paths, with the axis of copies."""
    count = len(indices)
    if beside:
        # Where that is complex, so is what the parameters make of it.
        readers = [path for path, node in run.graph.nodes.items() if node.layer.side_inputs()]
        like = next(iter(beside.values()))
        moved = {
            path: {name: _copies(one, count, like) for name, one in run.params[path].items()}
            for path in readers
        }

    def stack(wire: str) -> Array:
        if wire in stacks:
            return stacks[wire]
        return np.broadcast_to(run.values[wire], (count, *run.values[wire].shape))

    for step in run.graph.steps:
        reached = step.path in moved or any(wire in stacks for wire in step.sources)
        if step.path in stacks or not reached:
            continue
        if isinstance(step, Node):
            stacks[step.path] = _through(
                run, step, stack(step.source), moved.get(step.path), beside
            )
        else:
            stacks[step.path] = step.value([stack(wire) for wire in step.sources])
    return stacks


def _moved_rows(run: _NetworkRun, node: Node, indices: Array, moves: Array) -> Array:
    """A Linear layer's output where one entry of its input moves: one row of z."""
    rows = np.unravel_index(indices, run.values[node.source].shape)
    stack = _copies(run.values[node.path], len(indices), moves)
    place = (np.arange(len(indices)), *rows[:-1])
    stack[place] += moves[:, None] * run.params[node.path]["weight"][rows[-1]]
    return stack


def _moved_column(run: _NetworkRun, node: Node, own: str, indices: Array, moves: Array) -> Stacks:
    """Where one entry of a Linear layer's parameter moves: one column of z moves, and of what
    activations make of it; the next Linear layer adds the column's move times one row of its
    weight. The last wire that is known so is stacked."""
    weight, x = run.params[node.path]["weight"], run.values[node.source]
    change = moves.reshape(-1, *(1,) * (x.ndim - 1))
    columns = indices
    if own == "weight":
        i, columns = np.unravel_index(indices, weight.shape)
        change = change * np.moveaxis(x[..., i], -1, 0)
    before = np.moveaxis(run.values[node.path][..., columns], -1, 0)
    column = before + change
    wire = node.path
    taker = run.only_taker(wire)
    while taker is not None and type(taker.layer).forward is Activation.forward:
        wire = taker.path
        before = np.moveaxis(run.values[wire][..., columns], -1, 0)
        column = taker.layer.forward({}, column, run.contexts[wire])[0]
        taker = run.only_taker(wire)
    if taker is not None and _is_linear(taker):
        rows = run.params[taker.path]["weight"][columns]
        between = (len(rows), *(1,) * (column.ndim - 1), rows.shape[-1])
        added = (column - before)[..., None] * rows.reshape(between)
        return {taker.path: run.values[taker.path] + added}
    stack = _copies(run.values[wire], len(indices), column)
    np.moveaxis(stack, -1, 1)[np.arange(len(indices)), columns] = column
    return {wire: stack}


def _is_linear(node: Node) -> bool:
    return type(node.layer).forward is Linear.forward


def _through(
    run: _NetworkRun, node: Node, stack: Array, moved: Tree | None, beside: Mapping[str, Array]
) -> Array:
    """One node on a stack of inputs, with its own parameters or with a stack of them."""
    params = run.params[node.path]
    if moved is None and _is_linear(node):
        # One product of two matrices in place of K small ones.
        rows = stack.reshape(-1, stack.shape[-1]) @ params["weight"]
        if "bias" in params:
            rows += params["bias"]
        product: Array = rows.reshape(*stack.shape[:-1], -1)
        return product
    count = len(stack)
    context = run.contexts[node.path]
    if beside:
        context = context._replace(side_inputs={**context.side_inputs, **beside})
    context = context._replace(records=False, state=_shared(context.state, count), networks=count)
    tree = _shared(params, count) if moved is None else moved
    return node.layer.forward(tree, stack, context)[0]


def _copies(array: Array, count: int, beside: Array) -> Array:
    """`count` copies of an array along a new first axis, complex where `beside` is."""
    return np.broadcast_to(array, (count, *array.shape)).astype(np.result_type(array, beside))


def _stacked(array: Array, indices: Array, moves: Array) -> Array:
    stack = _copies(array, len(indices), moves)
    stack.reshape(len(indices), -1)[np.arange(len(indices)), indices] += moves
    return stack


def _shared(tree: Tree, count: int) -> Tree:
    """Arrays by name, seen by `count` networks without copying them."""
    return {name: np.broadcast_to(part, (count, *part.shape)) for name, part in tree.items()}
