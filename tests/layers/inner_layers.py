"""A small layer with something inside, as a model of how to declare it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop import Context, Intermediate, Layer, Parameter, Zeros
from clearprop.base.arrays import EMPTY, Array
from clearprop.engine.layers.layer import Backward, Forward, Tree


class EchoCache(NamedTuple):
    """x, and the state s at every time."""

    x: Array
    s: Array


@dataclass(frozen=True)
class Echo(Layer):
    """s[t] = r ⊙ s[t−1] + x[t], y = s², for x (N, T, features); r is learned.

    dy goes back through the square, and from later times through r:
    ∂C/∂s[t] = 2 s[t] ∂C/∂y[t] + r ⊙ ∂C/∂s[t+1].
    """

    features: int

    def parameters(self) -> Mapping[str, Parameter]:
        return {"r": Parameter((self.features,), Zeros(), 1, 1)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        s = self._states(params, x, np.zeros_like(x))
        return s * s, EchoCache(x, s), EMPTY

    def backward(self, params: Tree, cache: EchoCache, dy: Array) -> Backward:
        ds = self._state_gradients(params, cache, dy)
        before = np.concatenate([np.zeros_like(ds[:, :1]), cache.s[:, :-1]], axis=1)
        return ds, {"r": (ds * before).sum(axis=(0, 1))}

    def intermediates(self, params: Tree, cache: EchoCache) -> Mapping[str, Intermediate]:
        return {"state": Intermediate(cache.s, ("feature",), within=("time",))}

    def intermediate_gradients(
        self, params: Tree, cache: EchoCache, dy: Array
    ) -> Mapping[str, Array]:
        return {"state": self._state_gradients(params, cache, dy)}

    def output_moved(self, params: Tree, cache: EchoCache, added: Mapping[str, Array]) -> Array:
        s = self._states(params, cache.x, added["state"])
        return s * s

    def _states(self, params: Tree, x: Array, added: Array) -> Array:
        s = x + added
        for t in range(1, x.shape[1]):
            s[:, t] += params["r"] * s[:, t - 1]
        return s

    def _state_gradients(self, params: Tree, cache: EchoCache, dy: Array) -> Array:
        ds = 2 * cache.s * dy
        for t in reversed(range(ds.shape[1] - 1)):
            ds[:, t] += params["r"] * ds[:, t + 1]
        return ds


@dataclass(frozen=True)
class EchoOfOneStep(Echo):
    """The mistake: what comes back from later times is left out."""

    def _state_gradients(self, params: Tree, cache: EchoCache, dy: Array) -> Any:
        return 2 * cache.s * dy
