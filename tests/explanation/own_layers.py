"""Layers of one's own that explanation knows nothing of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop import Context, Layer, Linear, Loss, LossResult, Network, Parameter, Tanh, Zeros
from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.activations import ActivationCache
from clearprop.engine.layers.layer import Backward, Forward, Tree, Wiring


class InputCache(NamedTuple):
    x: Array


class MeansCache(NamedTuple):
    samples: int


@dataclass(frozen=True)
class Scale(Layer):
    """y = s ⊙ x with a factor for every feature."""

    features: int

    def parameters(self) -> Mapping[str, Parameter]:
        return {"my_factor": Parameter((self.features,), Zeros(), 1, 1)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return x * params["my_factor"], InputCache(x), EMPTY

    def backward(self, params: Tree, cache: InputCache, dy: Array) -> Backward:
        return dy * params["my_factor"], {"my_factor": (dy * cache.x).sum(axis=0)}


@dataclass(frozen=True)
class Center(Layer):
    """y = x − mean over the samples, which mixes them."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return x - x.mean(axis=0), MeansCache(len(x)), EMPTY

    def backward(self, params: Tree, cache: MeansCache, dy: Array) -> Backward:
        return dy - dy.mean(axis=0), EMPTY


@dataclass(frozen=True)
class Lookup(Layer):
    """Rows of a table by their ids; a sample is one id."""

    rows: int
    features: int

    def parameters(self) -> Mapping[str, Parameter]:
        return {"table": Parameter((self.rows, self.features), Zeros(), 1, 1)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return (self.features,)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return params["table"][x[:, 0]], InputCache(x), EMPTY

    def backward(self, params: Tree, cache: InputCache, dy: Array) -> Backward:
        gradient = np.zeros_like(params["table"])
        np.add.at(gradient, cache.x[:, 0], dy)
        return None, {"table": gradient}


@dataclass(frozen=True)
class Both(Combinator):
    """y = first(x) + second(x)."""

    first: Layer
    second: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        first = wiring.layer("first", self.first, source)
        return wiring.add(first, wiring.layer("second", self.second, source))


@dataclass(frozen=True)
class Steep(Tanh):
    """A tanh whose backward is not that of every activation."""

    def backward(self, params: Tree, cache: ActivationCache, dy: Array) -> Backward:
        return dy * (1 - cache.a**2), EMPTY


@dataclass(frozen=True)
class Doubtful(Linear):
    """A Linear layer whose weight gradient is 1 % too large."""

    def backward(self, params: Tree, cache: InputCache, dy: Array) -> Backward:  # type: ignore[override]
        dx = dy @ params["weight"].T
        return dx, {"weight": 1.01 * cache.x.T @ dy, "bias": dy.sum(axis=0, keepdims=True)}


@dataclass(frozen=True)
class ClassMargin(Loss):
    """Minus the output of the right class, averaged: its target is ids (N,)."""

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        rows = np.arange(len(output))
        gradient = np.zeros_like(output)
        gradient[rows, target] = -1 / len(output)
        return LossResult(-output[rows, target].sum(), len(output), gradient)


def drawn(network: Network, seed: int = 0) -> Array:
    """Random parameters of any scale."""
    return np.random.default_rng(seed).normal(size=network.size)
