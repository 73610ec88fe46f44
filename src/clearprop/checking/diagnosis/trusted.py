"""The trusted backward pass, node by node, to be gone through again with one thing changed.

It is the reference network's, or that of the layer that the person's code should equal, or that of
the network that is checked with every layer's backward replaced by one to be trusted, or that of
layers of the catalogue that turn out to compute the same output: a plain function is recognized by
what it computes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.evidence import Evidence, UnderCheck
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    Budget,
    Discrepancy,
    difference,
    scale,
)
from clearprop.checking.diagnosis.recognition import Recognized, recognized, recognized_loss
from clearprop.checking.diagnosis.trusted_nodes import (
    MEASURED,
    TrustedNode,
    measured_node,
    recognized_node,
)
from clearprop.checking.diagnosis.written_recurrence import (
    FoundRecurrence,
    WrittenRecurrence,
    written_recurrences,
)
from clearprop.checking.witnesses.finite_differences import central_differences
from clearprop.engine.graph import INPUT, Graph, Node, backpropagate, propagate
from clearprop.engine.layers.layer import Context, Layer, Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, Network

# Makes a trusted node of (node, params, x, context); None where it cannot.
Maker = Callable[[Node, Tree, Array, Context], TrustedNode | None]


@dataclass(frozen=True, eq=False)
class TrustedPass:
    """A backward pass to be trusted, and how the evidence calls its arrays.

    values           the numbers on every wire of `graph`
    output_gradient  ∂C/∂output, where it starts
    names   the parameter paths of ours → the names of the evidence; "x" is the input
    called  the paths of the layers → what to call them, where the person knows no path
    """

    graph: Graph
    nodes: Mapping[str, TrustedNode]
    values: Mapping[str, Array]
    output_gradient: Array
    names: Mapping[str, str]
    called: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Array:
        """The output of the forward pass."""
        return self.values[self.graph.output]

    def name_of(self, path: str, own: str) -> str:
        """The evidence's name of a parameter that the kind of the node at `path` calls `own`."""
        node = self.nodes[path]
        return self.names[node.node.parameters[node.names[own]].path]

    def gradients(
        self, flat: Mapping[tuple[int, int], Array], dx: Array | None
    ) -> Mapping[str, Array]:
        """∂C/∂(parameters) by the span of their slots, and ∂C/∂x, by the evidence's names."""
        arrays = {
            self.names[path]: flat[slot.span]
            for path, slot in self.graph.slots.items()
            if slot.span in flat
        }
        return arrays if dx is None else {**arrays, self.names["x"]: dx}

    def back(
        self,
        through: Callable[[TrustedNode, Array], tuple[Array | None, Mapping[str, Array]]],
        graph: Graph | None = None,
    ) -> Mapping[str, Array]:
        """All gradients by the evidence's names, where `through(node, dy)` is what a node gives
        back: ∂C/∂(its input) and ∂C/∂(its parameters), by the names that its kind has for them."""
        found: dict[tuple[int, int], Array] = {}
        states: dict[str, Array] = {}

        def step(node: Node, dy: Array) -> Array | None:
            trusted = self.nodes[node.path]
            dx, gradients = through(trusted, dy)
            for own, gradient in gradients.items():
                if own not in trusted.names:  # of a state that a cell starts from
                    states[own] = gradient
                    continue
                span = node.parameters[trusted.names[own]].span
                # Added, because tied parameters share their place.
                found[span] = found[span] + gradient if span in found else np.asarray(gradient)
            return dx

        signals = backpropagate(graph or self.graph, self.output_gradient, step, self.values)
        return {**self.gradients(found, signals.get(INPUT)), **states}

    def right(self) -> Mapping[str, Array]:
        """The gradients as they are, with nothing changed."""
        return self.back(lambda node, dy: node.back(dy))

    def with_output_gradient(self, dy: Array) -> "TrustedPass":
        """The same pass from another ∂C/∂y."""
        changed = np.asarray(dy, self.output_gradient.dtype).reshape(self.output_gradient.shape)
        return replace(self, output_gradient=changed)


def trusted_pass(discrepancy: Discrepancy, budget: Budget) -> TrustedPass | None:
    """The trusted pass of what was checked, or None where nothing of ours computes the same, as
    far as the budget goes."""
    evidence = discrepancy.evidence
    if evidence.reference is not None:
        return _of_reference(evidence.reference)
    if evidence.loss is not None:
        return None
    if evidence.checked is not None:
        found = _of_checked(discrepancy, evidence.checked, budget)
        return next((one for one in found if agrees(discrepancy, one)), None)
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    if not evidence.output.shape:
        return _of_loss(discrepancy, arrays, budget)
    if evidence.layer is not None:
        return of_layer(evidence.layer, evidence)
    return next(_of_function(discrepancy, arrays, budget), None)


def recurrence(discrepancy: Discrepancy, budget: Budget) -> TrustedPass | None:
    """The trusted pass of a plain function that goes through time as an RNN, a GRU or an LSTM; None
    where it is none. Its tape would have every step by itself, and no mistake of all of them."""
    evidence = discrepancy.evidence
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    found = written_recurrences(arrays, np.asarray(evidence.output), budget)
    return next(_of_found(discrepancy, found), None)


def agrees(discrepancy: Discrepancy, trusted: TrustedPass) -> bool:
    """Whether the trusted pass gives the expected gradients: it is of the same function."""
    return _equals(discrepancy, trusted, discrepancy.expected)


def claims(discrepancy: Discrepancy, trusted: TrustedPass) -> bool:
    """Whether the trusted pass gives the claimed gradients."""
    return _equals(discrepancy, trusted, discrepancy.claimed)


def _equals(discrepancy: Discrepancy, trusted: TrustedPass, arrays: Mapping[str, Array]) -> bool:
    right = trusted.right()

    def equal(mine: Array, array: Array, name: str) -> bool:
        if difference(mine, array) <= discrepancy.relative[name]:
            return True
        # Of a gradient of zero there is nothing but rounding.
        near = discrepancy.evidence.tolerance(name)
        return mine.shape == array.shape and scale(mine - array) <= near

    return all(
        name not in right or equal(right[name].reshape(-1), array.reshape(-1), name)
        for name, array in arrays.items()
    )


def _of_function(
    discrepancy: Discrepancy, arrays: Mapping[str, Array], budget: Budget
) -> Iterator[TrustedPass]:
    """The layers of ours that compute what a function computes."""
    output = np.asarray(discrepancy.evidence.output)
    yield from _of_found(discrepancy, written_recurrences(arrays, output, budget))
    yield from _of_found(discrepancy, recognized(arrays, output, budget))


def _of_found(
    discrepancy: Discrepancy, every: Iterable[Recognized | FoundRecurrence]
) -> Iterator[TrustedPass]:
    output = np.asarray(discrepancy.evidence.output)
    for found in every:
        trusted = of_layer(found.layer, discrepancy.evidence, found.names)
        if trusted is None or difference(trusted.output, output) > USUAL:
            continue
        if agrees(discrepancy, trusted):
            yield _recognized(trusted)


def _recognized(trusted: TrustedPass) -> TrustedPass:
    """The same, with layers called by their class and the person's names of their parameters."""
    called = {}
    for path, node in trusted.graph.nodes.items():
        own = ", ".join(trusted.names[slot.path] for slot in node.parameters.values())
        layer = node.layer.layer if isinstance(node.layer, WrittenRecurrence) else node.layer
        kind = type(layer).__name__
        called[path] = f"{kind}({own})" if own else kind
    return replace(trusted, called=called)


def _of_loss(
    discrepancy: Discrepancy, arrays: Mapping[str, Array], budget: Budget
) -> TrustedPass | None:
    """The trusted pass of a function that gives one number: of the layers before its loss."""
    evidence = discrepancy.evidence
    for found in recognized_loss(arrays, float(evidence.output), budget):
        upstream = found.factor * float(evidence.output_gradient)
        target = arrays[found.target]

        def slope(
            y: Array, loss: Loss = found.loss, t: Array = target, by: float = upstream
        ) -> Array:
            return by * loss.evaluate(y, t).gradient

        trusted = of_layer(found.layers.layer, evidence, found.layers.names, slope)
        if trusted is not None and agrees(discrepancy, trusted):
            return _recognized(trusted)
    return None


def _of_checked(
    discrepancy: Discrepancy, checked: UnderCheck, budget: Budget
) -> Iterator[TrustedPass]:
    """The passes of the network that is checked, with backwards that are not its own: those of
    layers that together compute what a single one does, then those of the layers that its layers
    are, then measured ones."""
    evidence = discrepancy.evidence
    known = _through_network(evidence, checked, recognized_node)
    whole = len(checked.network.graph.nodes) == 1 and checked.loss is None
    if whole and (known is None or any(node.kind is None for node in known.nodes.values())):
        arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
        yield from _of_function(discrepancy, arrays, budget)
    if known is not None:
        yield known
    measured = _through_network(evidence, checked, measured_node)
    if measured is not None:
        yield measured


def _through_network(evidence: Evidence, checked: UnderCheck, maker: Maker) -> TrustedPass | None:
    network = checked.network
    graph = network.graph
    wide = {
        name: np.asarray(array, np.float64) if np.asarray(array).dtype.kind == "f" else array
        for name, array in evidence.arrays.items()
    }
    owned = {path: wide[path] for path in graph.slots if path not in network.tied}
    params = network.replace(np.zeros(network.size), owned)
    views = network.layout.views(params)
    beside = {name: wide[name] for name in network.side_inputs if name in wide}
    context = evidence.context._replace(
        state=network.initial_state(params),
        side_inputs={**evidence.context.side_inputs, **beside},
    )
    nodes: dict[str, TrustedNode] = {}

    def through(node: Node, x: Array) -> Array:
        made = maker(node, views[node.path], x, context.child(node.path))
        if made is None:
            raise _UntrustedError
        nodes[node.path] = made
        return made.output

    try:
        values = propagate(graph, wide["x"], through)
        dy = _upstream(evidence, checked.loss, values[graph.output], wide)
    except Exception:  # the person's layers, run where they may refuse to be
        return None
    names = {"x": "x", **graph.owners}
    return TrustedPass(graph=graph, nodes=nodes, values=values, output_gradient=dy, names=names)


class _UntrustedError(Exception):
    """A node is neither known nor small enough to be measured."""


def _upstream(
    evidence: Evidence, loss: Loss | None, output: Array, arrays: Mapping[str, Array]
) -> Array:
    """∂C/∂(the network's output): of a loss it is measured, for the loss is checked as well."""
    dy = np.asarray(evidence.output_gradient, np.float64)
    if loss is None:
        return dy.reshape(output.shape)
    if output.size > MEASURED:
        raise _UntrustedError

    def value(flat: Array) -> float:
        return float(loss.evaluate(flat.reshape(output.shape), arrays["t"]).value)

    slopes = central_differences(value, np.array(output, np.float64).ravel()).gradient
    return float(dy) * slopes.reshape(output.shape)


def _of_reference(backward: BackwardPass) -> TrustedPass | None:
    if backward.gradient.ndim != 1:
        return None
    paths = backward.forward.network.graph.slots
    return _of_pass(backward, {"x": "x", **{path: path for path in paths}})


def _of_pass(backward: BackwardPass, names: Mapping[str, str]) -> TrustedPass:
    """A pass of a network of ours, whose layers' backwards are trusted."""
    forward = backward.forward
    graph = forward.network.graph
    nodes = {
        path: TrustedNode(
            node=node,
            kind=node.layer,
            names={name: name for name in node.parameters},
            params=forward.views[path],
            input=forward.values[node.source],
            output=forward.values[path],
            back=partial(node.layer.backward, forward.views[path], forward.caches[path]),
            cache=forward.caches[path],
        )
        for path, node in graph.nodes.items()
    }
    return TrustedPass(
        graph=graph,
        nodes=nodes,
        values=forward.values,
        output_gradient=backward.output_gradient,
        names=names,
    )


def of_layer(
    layer: Layer,
    evidence: Evidence,
    names: Mapping[str, str] | None = None,
    upstream: Callable[[Array], Array] | None = None,
) -> TrustedPass | None:
    """The layer run on the evidence's arrays, or None where it cannot take them.

    names     the layer's "x" and paths → the evidence's; by name or order unless given
    upstream  ∂C/∂y from the layer's y; the evidence's own unless given
    """
    network = Network(layer)
    names = names or _names(network, evidence.arrays)
    if names is None:
        return None
    arrays = {
        path: np.asarray(evidence.arrays[names[path]], np.float64).reshape(slot.shape)
        for path, slot in network.graph.slots.items()
    }
    x = np.asarray(evidence.arrays[names["x"]])
    if x.dtype.kind == "f":
        x = x.astype(np.float64)
    context = evidence.context
    try:
        params = network.replace(np.zeros(network.size), arrays)
        forward = network.forward(
            params,
            x,
            training=context.training,
            seed=context.seed,
            step=context.step,
            state=context.state or network.initial_state(params),
            side_inputs=context.side_inputs,
        )
        if upstream is None:
            dy = np.asarray(evidence.output_gradient, np.float64).reshape(forward.output.shape)
        else:
            dy = upstream(forward.output)
        return _of_pass(network.backward(forward, dy), names)
    except (ClearpropError, ValueError, IndexError):
        return None


def _names(network: Network, arrays: Mapping[str, Array]) -> dict[str, str] | None:
    """Ours → the evidence's: the same names, or the same order and shapes."""
    slots = network.graph.slots
    if not arrays or len(arrays) != len(slots) + 1:
        return None
    given = list(arrays)
    if all(path in arrays for path in slots) and "x" in arrays:
        return {"x": "x", **{path: path for path in slots}}
    for (path, slot), name in zip(slots.items(), given[1:], strict=True):
        if not path or _essential(slot.shape) != _essential(np.shape(arrays[name])):
            return None
    return dict(zip(["x", *slots], given, strict=True))


def _essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)
