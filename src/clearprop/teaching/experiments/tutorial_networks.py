"""The networks of the tutorial, and the backward pass as it is printed there.

The printed training code with ReLU hands layer 2's backward the pre-activation z (`out1`), where
layer 2's input was the activation a (`a1`). Its ∂C/∂W₂ is zᵀ dz₂ where it should be aᵀ dz₂; all
else is right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ActivationCache, ReLU
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Parameter, Tree
from clearprop.engine.layers.linear import Linear, LinearCache
from clearprop.engine.network import Network


@dataclass(frozen=True)
class ReLUThenLinearAsPrinted(Layer):
    """ReLU and then Linear, with the wrong weight gradient that the tutorial's code computes."""

    inputs: int
    outputs: int

    stackable: ClassVar[bool] = True

    @property
    def linear(self) -> Linear:
        """The second half of it."""
        return Linear(self.inputs, self.outputs)

    def parameters(self) -> Mapping[str, Parameter]:
        return self.linear.parameters()

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return self.linear.output_shape(input_shape)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        a, cache, _ = ReLU().forward(EMPTY, x, context)
        y, _, _ = self.linear.forward(params, a, context)
        return y, cache, EMPTY

    def backward(self, params: Tree, cache: ActivationCache, dy: Array) -> Backward:
        # The mistake: z stands where the layer's own input a belongs.
        da, gradients = self.linear.backward(params, LinearCache(cache.z), dy)
        dz, _ = ReLU().backward(EMPTY, cache, np.asarray(da))
        return dz, gradients


def without_activation() -> Network:
    """Linear(1, 10), Linear(10, 1): S12 and S14."""
    return Network(Sequential(Linear(1, 10), Linear(10, 1)))


def with_relu() -> Network:
    """Linear(1, 10), ReLU, Linear(10, 1): S13 and S15."""
    return Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))


def with_relu_as_printed() -> Network:
    """The same network with the tutorial's backward; the flat parameters have the same layout."""
    return Network(Sequential(Linear(1, 10), ReLUThenLinearAsPrinted(10, 1)))


def tutorial_start(seeds: range, dtype: str = "float64") -> Array:
    """U[0, 1) for W₁, b₁, W₂, b₂ in this order, drawn as the tutorial draws them: (K, 31)."""
    size = with_relu().size
    return np.array([np.random.RandomState(seed).rand(size) for seed in seeds], dtype)
