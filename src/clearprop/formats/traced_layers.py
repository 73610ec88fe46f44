"""A network out of what was found in another program: its layers, and which wire each takes.

What is found is a graph of layers and of joins, which add wires or put them side by side. It is
made a Sequential; where two wires are added of which one goes past what the other comes through, a
Residual; any other join that begins at one wire an Add or a Concatenate.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Add, Combinator, Concatenate, Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Identity
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import Network


@dataclass(frozen=True, eq=False)
class TracedLayer:
    """A layer that was found, the wire that it takes, and its arrays by our names; of arrays that
    several layers share, `shared` has the same key in each. Of a combinator the arrays have its
    paths."""

    layer: Layer
    source: str
    params: Tree = field(default_factory=lambda: EMPTY)
    state: Tree = field(default_factory=lambda: EMPTY)
    shared: Mapping[str, Hashable] = field(default_factory=dict)

    @property
    def nodes(self) -> "list[TracedLayer]":
        """Itself; or where it is made of layers, each of them, with its own of the arrays."""
        if not isinstance(self.layer, Combinator):
            return [self]
        return [
            TracedLayer(
                node.layer,
                self.source,
                {name: self.params[slot.path] for name, slot in node.parameters.items()},
            )
            for node in self.layer.graph.nodes.values()
        ]


class TracedJoin(NamedTuple):
    """Wires that are added, or put one after another along an axis, counted from the end."""

    terms: tuple[str, ...]
    axis: int | None = None


Traced: TypeAlias = Mapping[str, TracedLayer | TracedJoin]


class TracedNetwork(NamedTuple):
    """The network, its parameters (P,) or (K, P), and its running statistics by their paths."""

    network: Network
    params: Array
    state: Tree


def network_of_traced(
    steps: Traced, source: str, output: str, dtype: np.dtype[Any]
) -> TracedNetwork:
    """The network from the wire `source` to the wire `output`. `steps` has what puts each wire
    out, in an order in which nothing takes a wire before it is there; `dtype` is that of the
    parameters.

    Raises ContractError for joins that no layer here makes, and what layers raise that do not go
    together.
    """
    found: list[TracedLayer] = []
    layers = _between(steps, source, output, found)
    network = Network(Sequential(*(layers or [Identity()])))
    # Layers stand in the graph in the order in which they were found.
    order = dict(zip(network.graph.nodes, found, strict=False))
    tied: dict[str, str] = {}
    first: dict[Hashable, str] = {}
    for path, step in order.items():
        for name, key in step.shared.items():
            owner = first.setdefault(key, join_path(path, name))
            if owner != join_path(path, name):
                tied[join_path(path, name)] = owner
    network = Network(network.layer, tied)
    arrays = {
        join_path(path, name): array
        for path, s in order.items()
        for name, array in s.params.items()
    }
    declared = {path: len(slot.shape) for path, slot in network.graph.slots.items()}
    stacks = {
        array.shape[0] for path, array in arrays.items() if array.ndim > declared.get(path, 2)
    }
    if len(stacks) > 1:
        raise ContractError("import_stacks", counts=", ".join(map(str, sorted(stacks))))
    lead = tuple(stacks)
    params = np.zeros((*lead, network.size), dtype)
    for path, view in network.named(params).items():
        view[...] = arrays[path]
    state = {
        path: {
            name: np.broadcast_to(
                array.astype(dtype if array.dtype.kind == "f" else array.dtype),
                (*lead, *step.layer.state()[name].shape),
            ).copy()
            for name, array in step.state.items()
        }
        for path, step in order.items()
        if step.state
    }
    return TracedNetwork(network, params, state or EMPTY)


def _between(steps: Traced, source: str, wire: str, found: list[TracedLayer]) -> list[Layer]:
    """The layers from one wire to another; `found` gets the same in order, those in branches
    too."""
    pieces: list[tuple[Layer, list[TracedLayer]]] = []
    while wire != source:
        step = steps.get(wire)
        if step is None:
            # It ran past the wire: what goes into the sum comes from elsewhere.
            raise ContractError("import_sum", wire=wire)
        if isinstance(step, TracedLayer):
            pieces.append((step.layer, step.nodes))
            wire = step.source
            continue
        inside: list[TracedLayer] = []
        fork = _fork(steps, step)
        terms = step.terms
        is_residual = step.axis is None and len(terms) == 2 and fork in terms
        if is_residual:
            # What goes past the branch is no branch of its own.
            terms = terms[:1] if terms[1] == fork else terms[1:]
        branches = [_branch(steps, fork, term, inside) for term in terms]
        if step.axis is not None:
            made: Layer = Concatenate(*branches, axis=step.axis)
        else:
            made = (Residual if is_residual else Add)(*branches)
        pieces.append((made, inside))
        wire = fork
    pieces.reverse()
    found += [step for _, inside in pieces for step in inside]
    if len({id(step) for step in found}) < len(found):
        # A layer between two joins that begin at different wires would be two layers here.
        raise ContractError("import_sum", wire=wire)
    return [layer for layer, _ in pieces]


def _branch(steps: Traced, fork: str, term: str, found: list[TracedLayer]) -> Layer:
    layers = _between(steps, fork, term, found)
    if not layers:
        layers = [Identity()]
        found.append(TracedLayer(layers[0], fork))
    return layers[0] if len(layers) == 1 else Sequential(*layers)


def _fork(steps: Traced, join: TracedJoin) -> str:
    """The last wire that all terms of a join come from. Raises ContractError where there is
    none."""
    first, *others = (_spine(steps, term) for term in join.terms)
    for wire in first:
        if all(wire in other for other in others):
            return wire
    raise ContractError("import_sum", wire=join.terms[0])


def _spine(steps: Traced, wire: str) -> list[str]:
    """The wires that everything goes through on its way to a wire, from that one back."""
    found = [wire]
    while (step := steps.get(wire)) is not None:
        wire = step.source if isinstance(step, TracedLayer) else _fork(steps, step)
        found.append(wire)
    return found
