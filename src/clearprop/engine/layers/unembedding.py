"""Unembedding: how well an output fits every row of a table; the head of a language model.

Forward      y = x Wᵀ                        x (N, D) or (N, T, D), W (entries, D),
                                             y (N, entries) or (N, T, entries)

             yₙᵢ = Σⱼ xₙⱼ wᵢⱼ

             W has the shape of an Embedding's table, so that both can be one array:
             `Network(…, tied={"head.weight": "embedding.weight"})`.

Backward     ∂C/∂wᵢⱼ = Σₙ dyₙᵢ xₙⱼ           dW = dyᵀ x      (entries, D), over all positions
             ∂C/∂xₙⱼ = Σᵢ dyₙᵢ wᵢⱼ           dx = dy W

             Where W is an embedding's as well, its gradient is the sum of both: what every row
             collects where it was looked up, and what it gets here.

Cached       x, for dW.

Source: Press and Wolf, "Using the output embedding to improve language models", 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from clearprop.base.arrays import EMPTY, Array, Shape, matrix_product, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import require_sizes
from clearprop.engine.initializers import FanInUniform, Initializer
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    Parameter,
    Tree,
    refuse_integers,
    with_features,
)

FAN_IN_UNIFORM = FanInUniform()


class UnembeddingCache(NamedTuple):
    """`x`: the layer's input, the factor ∂y/∂w of its weight gradient."""

    x: Array


@dataclass(frozen=True)
class Unembedding(Layer):
    """y = x Wᵀ, from `features` to a number for each of the table's `entries`.

    The table starts from PyTorch's default for such a Linear, U(±1/√features), unless told
    otherwise. Raises ConfigurationError unless both sizes are whole numbers >= 1.
    """

    entries: int
    features: int
    initializer: Initializer = FAN_IN_UNIFORM

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "entries", "features")

    def parameters(self) -> Mapping[str, Parameter]:
        shape = (self.entries, self.features)
        return {"weight": Parameter(shape, self.initializer, self.features, self.entries)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        if input_shape[-1:] != (self.features,):
            raise self._wrong_input("Unembedding", ("N", *input_shape))
        return with_features(input_shape, self.entries)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        weight = params["weight"]
        if x.ndim < weight.ndim or x.shape[-1] != self.features:
            raise self._wrong_input(context.path or "Unembedding", x.shape)
        refuse_integers(self, x, context)
        y = matrix_product(_rows(x, weight), weight.mT)
        return y.reshape(*x.shape[:-1], self.entries), UnembeddingCache(x), EMPTY

    def backward(self, params: Tree, cache: UnembeddingCache, dy: Array) -> Backward:
        weight = params["weight"]
        x, dz = _rows(cache.x, weight), _rows(dy, weight)
        dx = matrix_product(dz, weight).reshape(cache.x.shape)
        return dx, {"weight": matrix_product(dz.mT, x)}

    def _wrong_input(self, path: str, came: tuple[int | str, ...]) -> ShapeError:
        return ShapeError(
            "unembedding_input", path=path, features=self.features, came=shape_text(came)
        )


def _rows(array: Array, weight: Array) -> Array:
    """(N, ..., D) as one matrix (rows, D), of K networks as K of them."""
    return array.reshape(*weight.shape[:-2], -1, array.shape[-1])
