"""Whether signals vanish or explode on their way back through time, and the factor per step.

The factor of a step is ‖∂C/∂(state before it)‖ over ‖∂C/∂(state behind it)‖, over all samples and
units: what is compared is the signal of this step, and no bound of it.
"""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom

# From the last time to the first.
VANISHED, EXPLODED = 1e-3, 1e3
# So much of a signal is called the reach of it.
REACH = 0.01


def _at_the_far_end(layer: Recurrent, lengths: Array | None, dy: Array) -> Array:
    """∂C/∂y at the first time that the cell sees, of every sample that has more than that one."""
    if lengths is None:
        lengths = np.full(len(dy), dy.shape[1])
    longer = np.flatnonzero(lengths > 1)
    first: Array = dy[longer, lengths[longer] - 1 if layer.reverse else 0]
    return first


def through_time(step: Step) -> Iterator[Finding]:
    """A finding for every RNN, GRU and LSTM whose signal is far from what it was, at the first
    time.

    Where the loss looks at the last time alone, what has vanished cannot be learned; where it looks
    at every time, near ones are learned all the same, and it is a note.
    """
    for path, node in step.forward.network.graph.nodes.items():
        layer = node.layer
        if not isinstance(layer, Recurrent):
            continue
        record, dy = step.forward[path], step.backward[path].output_gradient
        before, behind = layer.transport(record.params, record.cache, dy)
        with np.errstate(all="ignore"):
            factors = before / behind
        factors = factors[np.isfinite(factors) & (factors > 0)]
        whole = float(np.prod(factors)) if len(factors) else 1.0
        if VANISHED <= whole <= EXPLODED or not np.isfinite(whole):
            continue
        factor = float(np.exp(np.mean(np.log(factors))))
        vanishes = whole < 1
        values: dict[str, float | int | str] = {
            "layer": layer_name(node),
            "factor": factor,
            "steps": len(factors),
            "whole": whole,
            "reach": max(1, int(np.log(REACH) / np.log(factor))) if vanishes else len(factors),
        }
        at_every_time = bool(np.any(_at_the_far_end(layer, record.cache.lengths, dy)))
        yield Finding(
            Symptom.TIME_VANISHING if vanishes else Symptom.TIME_EXPLODING,
            Severity.NOTE if vanishes and at_every_time else Severity.WARNING,
            (layer_name(node),),
            values,
        )
