"""What `clearprop health` finds in the first of a model's networks, on rows of the training."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.step import take_step
from clearprop.estimators.learning import Learned
from clearprop.reading.health import Examination, examine

# Rows that it is examined with. Every entry of an input is held against every kink of its layer,
# which is most of the time where there are many columns: so many comparisons are made at most.
MOST_ROWS, FEWEST_ROWS = 500, 50
COMPARISONS = 20_000_000


def network_health(learned: Learned, features: Array, values: Any) -> Examination:
    """Examine the network with features (N, F) and what the target encodes of these rows."""
    dtype = learned.params.dtype
    nodes = learned.network.whole.graph.nodes.values()
    of_row = features.shape[1] * sum(len(node.layer.kinks()) for node in nodes)
    rows = int(np.clip(COMPARISONS // max(of_row, 1), FEWEST_ROWS, MOST_ROWS))
    features, values = features[:rows], values[:rows]
    step = take_step(
        learned.network.whole,
        learned.params[0],
        features.astype(dtype),
        learned.target.encode(values, dtype),
        loss=learned.loss,
    )
    return examine(step)
