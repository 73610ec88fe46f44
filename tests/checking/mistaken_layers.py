"""Layers with a mistake in them, and how a verdict names it."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict
from clearprop.engine.layers.layer import Backward, Layer, Tree

X = np.random.default_rng(3).normal(size=(5, 4))
ALONE = ("finite-differences",)


def named(verdict: Verdict) -> list[str]:
    assert verdict.outcome == "wrong"
    return [one.key for one in verdict.mistakes]


def spoiled(layer: Layer, change: Any) -> Layer:
    """The layer, of a class of one's own whose backward returns `change(dx, gradients, dy)`."""
    kind = type(layer)

    def backward(self: Layer, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = kind.backward(self, params, cache, dy)
        found: Backward = change(dx, dict(gradients), dy)
        return found

    made: type[Layer] = type(f"My{kind.__name__}", (kind,), {"backward": backward})
    return made.from_settings(layer.settings())
