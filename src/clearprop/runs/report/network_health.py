"""What `clearprop health` finds in the first of a model's networks, on rows of the training."""

from typing import Any

from clearprop.base.arrays import Array
from clearprop.engine.step import take_step
from clearprop.estimators.learning import Learned
from clearprop.reading.health import Examination, examine

# Rows that it is examined with.
MOST_ROWS = 500


def network_health(learned: Learned, features: Array, values: Any) -> Examination:
    """Examine the network with features (N, F) and what the target encodes of these rows."""
    dtype = learned.params.dtype
    features, values = features[:MOST_ROWS], values[:MOST_ROWS]
    step = take_step(
        learned.network.whole,
        learned.params[0],
        features.astype(dtype),
        learned.target.encode(values, dtype),
        loss=learned.loss,
    )
    return examine(step)
