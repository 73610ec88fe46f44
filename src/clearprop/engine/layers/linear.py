"""The linear layer (also: dense, fully connected).

Forward      z = x W + b                     x (N, in), W (in, out), b (1, out), z (N, out)
                                             or (N, ..., in) with any axes between: every row by
                                             itself, and below n counts all of them

             zₙⱼ = Σᵢ xₙᵢ wᵢⱼ + bⱼ

Backward     dz = ∂C/∂z (N, out). From ∂zₙⱼ/∂wᵢⱼ = xₙᵢ, ∂zₙⱼ/∂bⱼ = 1 and ∂zₙⱼ/∂xₙᵢ = wᵢⱼ:

             ∂C/∂wᵢⱼ = Σₙ xₙᵢ dzₙⱼ           dW = xᵀ dz      (in, out)
             ∂C/∂bⱼ  = Σₙ dzₙⱼ               db = Σ_rows dz  (1, out)
             ∂C/∂xₙᵢ = Σⱼ dzₙⱼ wᵢⱼ           dx = dz Wᵀ      (N, in)

             x is this layer's own input: the activation of the layer before, never its z. W is
             the weight that forward used, not an updated one. Where the loss is a mean over the
             samples, its 1/N stands in dz already; the sum over rows does not divide again.

Cached       x, for dW.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from clearprop.base.arrays import EMPTY, Array, Shape, matrix_product, shape_text, sum_rows
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


class LinearCache(NamedTuple):
    """`x`: the layer's input, the factor ∂z/∂w of its weight gradient."""

    x: Array


@dataclass(frozen=True)
class Linear(Layer):
    """y = x W + b, from `inputs` features to `outputs`.

    Both arrays start from PyTorch's default, U(±1/√inputs), unless told otherwise; `bias=False`
    leaves b out. Raises ConfigurationError unless both sizes are whole numbers >= 1.
    """

    inputs: int
    outputs: int
    bias: bool = True
    weight_initializer: Initializer = FAN_IN_UNIFORM
    bias_initializer: Initializer = FAN_IN_UNIFORM

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "inputs", "outputs")

    def parameters(self) -> Mapping[str, Parameter]:
        fans = (self.inputs, self.outputs)
        weight = Parameter((self.inputs, self.outputs), self.weight_initializer, *fans)
        if not self.bias:
            return {"weight": weight}
        return {
            "weight": weight,
            "bias": Parameter((1, self.outputs), self.bias_initializer, *fans),
        }

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None and input_shape[-1:] != (self.inputs,):
            raise ShapeError(
                "linear_chain",
                inputs=self.inputs,
                outputs=self.outputs,
                came=shape_text(("N", *input_shape)),
            )
        return with_features(input_shape, self.outputs)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        weight = params["weight"]
        axes = weight.ndim
        networks_differ = axes > 2 and x.shape[:1] != weight.shape[:1]
        if x.ndim < axes or x.shape[-1] != self.inputs or networks_differ:
            raise self._wrong_input(x, context)
        refuse_integers(self, x, context)
        z = matrix_product(x if x.ndim == axes else _rows(x, weight), weight)
        if self.bias:
            z += params["bias"]
        if x.ndim > axes:
            z = z.reshape(*x.shape[:-1], self.outputs)
        return z, LinearCache(x), EMPTY

    def backward(self, params: Tree, cache: LinearCache, dy: Array) -> Backward:
        weight = params["weight"]
        x, dz = _rows(cache.x, weight), _rows(dy, weight)
        gradients = {"weight": matrix_product(x.mT, dz)}
        if self.bias:
            gradients["bias"] = sum_rows(dz)
        return matrix_product(dz, weight.mT).reshape(cache.x.shape), gradients

    def backward_into(
        self,
        params: Tree,
        cache: LinearCache,
        dy: Array,
        into: Tree,
        *,
        path: str,
        input_gradient: bool,
    ) -> Array | None:
        weight = params["weight"]
        x, dz = _rows(cache.x, weight), _rows(dy, weight)
        matrix_product(x.mT, dz, into["weight"])
        if self.bias:
            sum_rows(dz, into["bias"])
        if not input_gradient:
            return None
        return matrix_product(dz, weight.mT).reshape(cache.x.shape)

    def _wrong_input(self, x: Array, context: Context) -> ShapeError:
        key = "linear_column" if x.ndim == 1 else "linear_input"
        return ShapeError(
            key,
            path=context.path or "Linear",
            inputs=self.inputs,
            outputs=self.outputs,
            came=shape_text(x.shape),
        )


def _rows(array: Array, weight: Array) -> Array:
    """(N, ..., D) as one matrix (rows, D), of K networks as K of them."""
    if array.ndim == weight.ndim:
        return array
    return array.reshape(*weight.shape[:-2], -1, array.shape[-1])
