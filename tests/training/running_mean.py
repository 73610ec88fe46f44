"""A layer with state, for the tests: it takes off the mean that it has seen so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from clearprop import Context, Layer
from clearprop.base.arrays import EMPTY, Array
from clearprop.engine.layers.layer import Backward, Forward, Tree


@dataclass(frozen=True)
class RunningMean(Layer):
    """y = x − m, where m is the running mean of the passes before; it has no part in backward.

    In training, m ← m + rate · (mean of x − m), returned as the new state and never kept.
    """

    features: int
    rate: float = 0.5

    stackable: ClassVar[bool] = True

    def state(self) -> Mapping[str, Array]:
        return {"mean": np.zeros((1, self.features)), "count": np.zeros((), np.int64)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        mean: Array = context.state["mean"].astype(x.dtype, copy=False)
        y = x - mean
        if not context.training:
            return y, None, context.state
        new = mean + self.rate * (x.mean(axis=-2, keepdims=True) - mean)
        return y, None, {"mean": new, "count": context.state["count"] + 1}

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        return dy, EMPTY
