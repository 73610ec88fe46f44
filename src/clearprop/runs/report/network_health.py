"""What `clearprop health` finds in each of a model's networks, on rows of the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.product_threads import one_product_thread
from clearprop.engine.step import take_step
from clearprop.estimators.learning import Learned
from clearprop.reading.health import Examination, Finding, Severity, Symptom, examine

# Rows that it is examined with. Every entry of an input is held against every kink of its layer,
# which is most of the time where there are many columns: so many comparisons are made at most.
MOST_ROWS, FEWEST_ROWS = 500, 50
COMPARISONS = 20_000_000


@dataclass(frozen=True)
class SharedFinding:
    """What was found in some of the networks: `finding` is that of the first of them, and
    `networks` are their numbers, from 0."""

    finding: Finding
    networks: tuple[int, ...]


def networks_health(learned: Learned, features: Array, values: Any) -> tuple[Examination, ...]:
    """Examine every network with features (N, F) and what the target encodes of these rows."""
    dtype = learned.params.dtype
    nodes = learned.network.whole.graph.nodes.values()
    of_row = features.shape[1] * sum(len(node.layer.kinks()) for node in nodes)
    rows = int(np.clip(COMPARISONS // max(of_row, 1), FEWEST_ROWS, MOST_ROWS))
    features, targets = features[:rows].astype(dtype), learned.target.encode(values[:rows], dtype)
    with one_product_thread(learned.network.operations(len(features))):
        return tuple(
            examine(take_step(learned.network.whole, params, features, targets, loss=learned.loss))
            for params in learned.params
        )


def shared_findings(examinations: Sequence[Examination]) -> tuple[SharedFinding, ...]:
    """The findings of all networks, the worst first; the same symptom of the same layer is told
    once, with the networks that have it."""
    found: dict[tuple[Symptom, Severity, object], list[tuple[Finding, int]]] = {}
    for network, examination in enumerate(examinations):
        for one in examination.findings:
            place = one.values.get("path", one.values.get("layer"))
            found.setdefault((one.kind, one.severity, place), []).append((one, network))
    shared = [
        # A layer may have two findings of one kind, which are of one network.
        SharedFinding(pairs[0][0], tuple(dict.fromkeys(network for _, network in pairs)))
        for pairs in found.values()
    ]
    order = list(Severity)
    return tuple(
        sorted(shared, key=lambda one: (order.index(one.finding.severity), -len(one.networks)))
    )
