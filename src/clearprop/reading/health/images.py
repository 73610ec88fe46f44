"""Which wires of a network carry images, whose units are channels; and channels that say nothing.

An image is (N, C, *places). What a wire carries is told by the layers around it: one whose row says
that it takes images, before it or behind it, with nothing in between that changes the shape.
"""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.network import ForwardPass
from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.training.finding import Finding, Severity, Symptom

# How far apart the numbers of a constant channel may be, relative to the largest of its layer.
SAME = {"float64": 1e-12, "float32": 1e-6}


def takes_images(node: Node) -> bool:
    """Whether a node's layer is one of images."""
    row = LAYER_ROWS.get(type(node.layer))
    return row is not None and row.images


def keeps_channels(node: Node) -> bool:
    """Whether a layer of images makes every channel of the same channel alone: all but a kernel,
    which mixes them."""
    row = LAYER_ROWS.get(type(node.layer))
    return takes_images(node) and row is not None and not (row.weighted and node.parameters)


def holds_images(forward: ForwardPass, wire: str) -> bool:
    """Whether a wire carries images, channels behind the samples."""
    if forward.value(wire).ndim < 3:
        return False
    return _from_images(forward, wire) or _to_images(forward, wire)


def _from_images(forward: ForwardPass, wire: str) -> bool:
    graph = forward.network.graph
    node = graph.nodes.get(wire)
    if node is not None:
        if takes_images(node):
            return True
        same = forward.value(node.source).shape == forward.value(wire).shape
        return same and _from_images(forward, node.source)
    join = graph.joins.get(wire)
    return join is not None and any(_from_images(forward, one) for one in join.sources)


def _to_images(forward: ForwardPass, wire: str) -> bool:
    shape = forward.value(wire).shape
    for taker in forward.network.graph.takers(wire):
        if isinstance(taker, Node) and takes_images(taker):
            return True
        if forward.value(taker.path).shape == shape and _to_images(forward, taker.path):
            return True
    return False


def channel_address(path: str, channel: int) -> str:
    """`layers[1].channels[3]`."""
    return f"{path}.channels[{channel}]".lstrip(".")


def constant_channels(step: Step) -> Iterator[Finding]:
    """A finding for every layer of images that learns and puts out channels in which every place of
    every sample has the same number, where what it takes is not constant itself."""
    forward = step.forward
    for path, node in forward.network.graph.nodes.items():
        if not takes_images(node) or not node.parameters:
            continue
        came, made = forward.value(node.source), forward.value(path)
        if made.ndim < 3 or not np.isfinite(made).all() or made[:, 0].size < 2:
            continue
        before = _constant(came)
        same = _constant(made)
        # A norm puts out as many channels as it takes: what was constant before it still is.
        if len(before) == len(same) and node.source != INPUT:
            same &= ~before
        if before.all() or not same.any():
            continue
        channels = np.flatnonzero(same)
        yield Finding(
            Symptom.CONSTANT_CHANNELS,
            Severity.WARNING,
            tuple(channel_address(path, int(one)) for one in channels),
            {
                "layer": layer_name(node),
                "name": type(node.layer).__name__,
                "count": len(channels),
                "total": len(same),
                "samples": step.samples,
                "value": float(made[0, channels[0]].ravel()[0]),
            },
        )


def _constant(array: Array) -> Array:
    """(C,) whether a channel has one number everywhere."""
    numbers = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1).astype(np.float64)
    spread = np.ptp(numbers, axis=1)
    found: Array = spread <= SAME[array.dtype.name] * np.abs(numbers).max(initial=0.0)
    return found
