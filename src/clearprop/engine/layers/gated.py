"""Gated activations: one half of the features decides how much of the other half passes.

Forward      SwiGLU    y_j = a_j σ(a_j) · b_j          x = [a, b] (N, ..., 2D), y (N, ..., D)

             a is the gate, the first half; SiLU(a) = a σ(a) with σ(a) = 1/(1 + e^(−a)).

Backward     From ∂y_j/∂b_j = a σ(a) and, as σ′ = σ (1 − σ), ∂y_j/∂a_j = (σ + a σ (1 − σ)) b_j:

             ∂C/∂a_j = dy_j b_j σ(a_j) (1 + a_j (1 − σ(a_j)))
             ∂C/∂b_j = dy_j a_j σ(a_j)

Cached       x and σ(a).

Source: Shazeer, "GLU variants improve transformer", 2020; the gate comes first, as in Llama.
PyTorch's `GLU`, with a sigmoid, has its gate in the second half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Intermediate,
    Layer,
    Tree,
    refuse_integers,
    with_features,
)
from clearprop.engine.layers.special import logistic


class SwiGLUCache(NamedTuple):
    """`x`: the layer's input; `share`: σ(a) of its first half."""

    x: Array
    share: Array


@dataclass(frozen=True)
class SwiGLU(Layer):
    """SiLU of the first half of the features times the second half, which halves their number.

    Raises ShapeError where the number of features is odd.
    """

    stackable: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        self._require(input_shape, ("N", *input_shape), "SwiGLU")
        return with_features(input_shape, input_shape[-1] // 2)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        self._require(x.shape, x.shape, context.path or "SwiGLU")
        a, b = _halves(x)
        share = logistic(a)
        return a * share * b, SwiGLUCache(x, share), EMPTY

    def backward(self, params: Tree, cache: SwiGLUCache, dy: Array) -> Backward:
        a, b = _halves(cache.x)
        share = cache.share
        dx = np.empty(cache.x.shape, dy.dtype)
        da, db = _halves(dx)
        np.multiply(dy * b, share * (1 + a * (1 - share)), out=da)
        np.multiply(dy * a, share, out=db)
        return dx, EMPTY

    def intermediates(self, params: Tree, cache: SwiGLUCache) -> Mapping[str, Intermediate]:
        """The gate a σ(a), which every feature of the second half is multiplied with."""
        gate = _halves(cache.x)[0] * cache.share
        return {"gate": Intermediate(gate, _axes(gate))}

    def intermediate_gradients(
        self, params: Tree, cache: SwiGLUCache, dy: Array
    ) -> Mapping[str, Array]:
        return {"gate": dy * _halves(cache.x)[1]}

    def output_moved(self, params: Tree, cache: SwiGLUCache, added: Mapping[str, Array]) -> Array:
        a, b = _halves(cache.x)
        y: Array = (a * cache.share + added["gate"]) * b
        return y

    def _require(self, shape: Shape, came: tuple[int | str, ...], path: str) -> None:
        if not shape or shape[-1] % 2 or not shape[-1]:
            raise ShapeError("halves_odd", path=path, layer="SwiGLU", came=shape_text(came))


def _halves(x: Array) -> tuple[Array, Array]:
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def _axes(values: Array) -> tuple[str, ...]:
    between = values.ndim - 2
    names = ("position",) if between == 1 else tuple(f"axis {n}" for n in range(1, between + 1))
    return (*names, "feature")
