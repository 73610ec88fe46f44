"""How much each class counts, as scikit-learn spells it: "balanced", or a weight for each."""

from typing import Any

import numpy as np
from sklearn.utils import compute_class_weight

from clearprop.base.arrays import Array, is_finite_number
from clearprop.base.errors import ConfigurationError

BALANCED = "balanced"


def class_weights(given: Any, classes: Array, ids: Array, weight: Array) -> Array:
    """The weights (C,) of classes (C,), for rows of the classes `ids` (N,) that count `weight`
    (N,).

    Balanced are the classes that have rows: Σ weight / (how many classes · the weight of a class),
    so that a row of weight 2 is that row twice. A class without rows has the weight 1.

    Raises ConfigurationError for a weight that is no finite number of at least 0, and what
    `compute_class_weight` raises: for classes that there are not.
    """
    counted = weight > 0
    present = np.unique(ids[counted])
    if isinstance(given, str) and given == BALANCED and len(present):
        found = np.ones(len(classes))
        found[present] = compute_class_weight(
            BALANCED, classes=present, y=ids[counted], sample_weight=weight[counted]
        )
        return found
    if isinstance(given, dict):
        for name, value in given.items():
            if not is_finite_number(value) or value < 0:
                raise ConfigurationError("class_weight_value", name=name, value=value)
    weights: Array = compute_class_weight(given, classes=classes, y=classes)
    return weights
