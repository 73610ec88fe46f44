"""Softmax: numbers to shares of 1, and its logarithm.

Forward      Softmax      yᵢ = e^xᵢ / S,  S = Σⱼ e^xⱼ     over one axis, the features as a rule
             LogSoftmax   yᵢ = ln(e^xᵢ / S) = xᵢ − ln S

             The largest x is taken off first: it cancels in the quotient, and no exponent is
             positive.

Backward     Softmax. Every output depends on every input, since all share S. ∂S/∂xᵢ = e^xᵢ, so
             by the quotient rule      ∂yⱼ/∂xᵢ = yⱼ (1 where i = j, else 0) − yⱼ yᵢ
             and                       dxᵢ = Σⱼ dyⱼ ∂yⱼ/∂xᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ)

             LogSoftmax. ∂(ln S)/∂xᵢ = e^xᵢ / S = pᵢ, the share itself, so
                                       ∂yⱼ/∂xᵢ = (1 where i = j, else 0) − pᵢ
             and                       dxᵢ = dyᵢ − pᵢ Σⱼ dyⱼ

Cached       y, the output: the shares of Softmax are y, those of LogSoftmax eʸ.

Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import settle_axis
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Tree, refuse_integers


class SoftmaxCache(NamedTuple):
    """`y`: the output, shares or their logarithms."""

    y: Array


@dataclass(frozen=True)
class _OverOneAxis(Layer):
    """What the two share: the axis, counted from the end, and what is refused."""

    axis: int = -1

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        settle_axis(self)

    @abstractmethod
    def value(self, x: Array) -> Array:
        """The layer's function of an x that has the axis."""

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        # Not before: what a Linear layer takes, and so puts out, may have any axes between.
        if x.ndim - (context.networks is not None) <= -self.axis:
            raise ShapeError(
                "axis_missing",
                path=context.path or type(self).__name__,
                layer=type(self).__name__,
                axis=self.axis,
                came=shape_text(x.shape),
            )
        refuse_integers(self, x, context)
        y = self.value(x)
        return y, SoftmaxCache(y), EMPTY


@dataclass(frozen=True)
class Softmax(_OverOneAxis):
    """Shares that sum to 1 over an axis, counted from the end; the first axis is the samples'.

    Raises ConfigurationError unless axis is a whole number below 0.
    """

    def value(self, x: Array) -> Array:
        powers = np.exp(_below_zero(x, self.axis))
        shares: Array = powers / powers.sum(axis=self.axis, keepdims=True)
        return shares

    def backward(self, params: Tree, cache: SoftmaxCache, dy: Array) -> Backward:
        y = cache.y
        return y * (dy - (dy * y).sum(axis=self.axis, keepdims=True)), EMPTY


@dataclass(frozen=True)
class LogSoftmax(_OverOneAxis):
    """The logarithms of softmax's shares over an axis, exact where a share is 0 in float64.

    Raises ConfigurationError unless axis is a whole number below 0.
    """

    def value(self, x: Array) -> Array:
        below = _below_zero(x, self.axis)
        logarithms: Array = below - np.log(np.exp(below).sum(axis=self.axis, keepdims=True))
        return logarithms

    def backward(self, params: Tree, cache: SoftmaxCache, dy: Array) -> Backward:
        return dy - np.exp(cache.y) * dy.sum(axis=self.axis, keepdims=True), EMPTY


def _below_zero(x: Array, axis: int) -> Array:
    below: Array = x - x.real.max(axis=axis, keepdims=True)
    return below
