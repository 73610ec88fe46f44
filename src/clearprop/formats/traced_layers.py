"""A network out of what was found in another program: its layers, and which wire each takes.

What is found is a graph of layers and sums. It becomes a Sequential; where two wires are added of
which one goes past what the other comes through, a Residual.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Identity
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import Network


@dataclass(frozen=True, eq=False)
class TracedLayer:
    """A layer that was found, the wire that it takes, and its arrays by our names; of arrays that
    several layers share, `shared` has the same key in each."""

    layer: Layer
    source: str
    params: Tree = field(default_factory=lambda: EMPTY)
    state: Tree = field(default_factory=lambda: EMPTY)
    shared: Mapping[str, Hashable] = field(default_factory=dict)


class TracedSum(NamedTuple):
    """Two wires that are added."""

    one: str
    other: str


Traced: TypeAlias = Mapping[str, TracedLayer | TracedSum]


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
            pieces.append((step.layer, [step]))
            wire = step.source
            continue
        past, through = sorted(step, key=lambda one: places.get(one, -1))
        inside: list[TracedLayer] = []
        branch = _between(steps, places, past, through, inside) or [Identity()]
        pieces.append((Residual(branch[0] if len(branch) == 1 else Sequential(*branch)), inside))
        wire = past
    pieces.reverse()
    found += [step for _, inside in pieces for step in inside]
    return [layer for layer, _ in pieces]
