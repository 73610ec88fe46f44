"""A network out of what was found in another program: its layers, and which wire each takes.

What is found is a graph of layers, sums and concatenations. It becomes a Sequential; where two
wires are added of which one goes past what the other comes through, a Residual; where wires are put
side by side, a Concatenate from the last wire on that all of them come from.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Combinator, Concatenate, Residual, Sequential
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


class TracedSum(NamedTuple):
    """Two wires that are added."""

    one: str
    other: str


class TracedConcatenation(NamedTuple):
    """Wires whose features stand side by side."""

    terms: tuple[str, ...]


TracedStep: TypeAlias = TracedLayer | TracedSum | TracedConcatenation
Traced: TypeAlias = Mapping[str, TracedStep]


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

    Raises ContractError for sums that no layer here makes, and what layers raise that do not go
    together.
    """
    places = {wire: place for place, wire in enumerate((source, *steps))}
    found: list[TracedLayer] = []
    layers = _between(steps, places, source, output, found)
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
    stacks = {array.shape[0] for array in arrays.values() if array.ndim == 3}
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


def _between(
    steps: Traced, places: Mapping[str, int], source: str, wire: str, found: list[TracedLayer]
) -> list[Layer]:
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
        if isinstance(step, TracedConcatenation):
            past = _last_common(steps, places, step.terms)
            branches = [_between(steps, places, past, one, inside) for one in step.terms]
            pieces.append((Concatenate(*map(_one_layer, branches)), inside))
            wire = past
            continue
        past, through = sorted(step, key=lambda one: places.get(one, -1))
        branch = _between(steps, places, past, through, inside)
        pieces.append((Residual(_one_layer(branch)), inside))
        wire = past
    pieces.reverse()
    found += [step for _, inside in pieces for step in inside]
    return [layer for layer, _ in pieces]


def _one_layer(layers: list[Layer]) -> Layer:
    return layers[0] if len(layers) == 1 else Sequential(*(layers or [Identity()]))


def _last_common(steps: Traced, places: Mapping[str, int], terms: tuple[str, ...]) -> str:
    """The last wire that all of these come from. Raises ContractError where there is none."""
    behind = [_behind(steps, term) for term in terms]
    common = set.intersection(*behind)
    if not common:
        raise ContractError("import_sum", wire=terms[-1])
    return max(common, key=lambda wire: places.get(wire, -1))


def _behind(steps: Traced, wire: str) -> set[str]:
    """A wire and all that it is made of."""
    found: set[str] = set()
    waiting = [wire]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        step = steps.get(one)
        if isinstance(step, TracedLayer):
            waiting.append(step.source)
        elif isinstance(step, TracedConcatenation):
            waiting += step.terms
        elif step is not None:
            waiting += step
    return found
