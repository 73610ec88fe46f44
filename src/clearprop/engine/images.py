"""Which wires of a network carry images: (N, C, *places), channels behind the samples.

What a wire carries is told by the layers around it: one that takes images, before it or behind it,
with nothing in between that changes the axes or how many channels there are.
"""

from clearprop.engine.graph import Node
from clearprop.engine.network import ForwardPass


def holds_images(forward: ForwardPass, wire: str) -> bool:
    """Whether a wire carries images, channels behind the samples."""
    if forward.value(wire).ndim < 3:
        return False
    return _from_images(forward, wire) or _to_images(forward, wire)


def _from_images(forward: ForwardPass, wire: str) -> bool:
    graph = forward.network.graph
    node = graph.nodes.get(wire)
    if node is not None:
        if node.layer.images:
            return True
        return _alike(forward, node.source, wire) and _from_images(forward, node.source)
    join = graph.joins.get(wire)
    return join is not None and any(_from_images(forward, one) for one in join.sources)


def _to_images(forward: ForwardPass, wire: str) -> bool:
    for taker in forward.network.graph.takers(wire):
        if isinstance(taker, Node) and taker.layer.images:
            return True
        if _alike(forward, taker.path, wire) and _to_images(forward, taker.path):
            return True
    return False


def _alike(forward: ForwardPass, one: str, other: str) -> bool:
    first, second = forward.value(one).shape, forward.value(other).shape
    return len(first) == len(second) and first[1:2] == second[1:2]
