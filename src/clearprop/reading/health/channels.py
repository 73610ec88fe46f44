"""Channels of images: those that say nothing, and which layers keep them apart."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.addresses import channels_path
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.training.finding import Finding, Severity, Symptom

# How far apart the numbers of a constant channel may be, relative to the largest of its layer.
SAME = {"float64": 1e-12, "float32": 1e-6}


def keeps_channels(node: Node) -> bool:
    """Whether a layer of images makes every channel of the same channel alone: all but a kernel,
    which mixes them."""
    row = LAYER_ROWS.get(type(node.layer))
    return node.layer.images and row is not None and not (row.weighted and node.parameters)


def constant_channels(step: Step) -> Iterator[Finding]:
    """A finding for every layer of images that learns and puts out channels in which every place of
    every sample has the same number, where what it takes is not constant itself."""
    forward = step.forward
    for path, node in forward.network.graph.nodes.items():
        if not node.layer.images or not node.parameters:
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
            tuple(channels_path(path, int(one)) for one in channels),
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
