"""Heads of attention that have stopped choosing: those that look at one place whatever stands
there, and those that look at all alike.

Of every position that may look at two places or more: the largest share of its row, and the row's
entropy −Σ w ln w beside the ln of how many places it may look at. A head whose rows all put nearly
everything on one place has a softmax that is flat, through which almost nothing comes back; one
whose rows are even takes a plain mean.
"""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom

# A row is of one place where that has at least this share, and even where its entropy is at least
# this share of the most that there can be.
ONE_PLACE, EVEN = 0.99, 0.9999
# A head is so where this share of its rows is.
NEARLY_ALL = 0.95


def attention_heads(step: Step) -> Iterator[Finding]:
    """A finding for every layer of attention with such heads."""
    for path, node in step.forward.network.graph.nodes.items():
        if not isinstance(node.layer, MultiheadAttention):
            continue
        weights = step.forward.inside(path)["weights"].values.astype(np.float64)
        seen = (weights > 0).sum(axis=-1)
        largest, entropy = weights.max(axis=-1), _entropy(weights)
        kinds = (
            (Symptom.ATTENTION_ONE_PLACE, largest >= ONE_PLACE, largest),
            (Symptom.ATTENTION_EVEN, entropy >= EVEN * np.log(np.maximum(seen, 2)), entropy),
        )
        for kind, is_so, measured in kinds:
            chosen = [head for head in range(weights.shape[1]) if _holds(is_so, seen, head)]
            if not chosen:
                continue
            rows = seen[:, chosen] > 1
            yield Finding(
                kind,
                Severity.WARNING if kind == Symptom.ATTENTION_ONE_PLACE else Severity.NOTE,
                tuple(f"{path}.heads[{head}]".lstrip(".") for head in chosen),
                {
                    "layer": layer_name(node),
                    "count": len(chosen),
                    "total": weights.shape[1],
                    "measured": float(np.median(measured[:, chosen][rows])),
                },
            )


def _entropy(weights: Array) -> Array:
    logarithms = np.log(np.where(weights > 0, weights, 1))
    entropy: Array = -(weights * logarithms).sum(axis=-1)
    return entropy


def _holds(is_so: Array, seen: Array, head: int) -> bool:
    """Whether nearly all rows of a head, of those with a choice, are so."""
    rows = seen[:, head] > 1
    return bool(rows.any()) and bool(is_so[:, head][rows].mean() >= NEARLY_ALL)
