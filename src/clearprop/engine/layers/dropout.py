"""Dropout: in training, every entry is left out with probability p.

Forward      y = x ⊙ m,  mᵢ = 0 with probability p, else 1/(1 − p)       in training
             y = x                                                       in use

             The factor 1/(1 − p) keeps the expectation: E[mᵢ] = (1 − p) · 1/(1 − p) = 1, so that
             nothing has to be scaled in use. With p = 1 everything is left out.

Backward     m does not depend on x: dx = dy ⊙ m, with the m that forward drew.

Cached       m, because backward must see the same draw. The draw is keyed by seed, step and the
             layer's path, so that the same pass can be made again. K networks that run as one have
             one seed, and each draws what it would draw alone: the same m.

Source: Srivastava and others, "Dropout: a simple way to prevent neural networks from overfitting",
2014; the factor in training and not in use is "inverted" dropout, as in PyTorch.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.settings import require_fractions
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenImage,
    Tree,
    refuse_integers,
)


class DropoutCache(NamedTuple):
    """`mask`: what x was multiplied with, 0 or 1/(1 − p) for every entry (of K networks the same);
    None where nothing was left out."""

    mask: Array | None


@dataclass(frozen=True)
class Dropout(Layer):
    """Leaves every entry out with `probability` in training, and does nothing in use.

    Raises ConfigurationError unless probability is a number from 0 to 1.
    """

    probability: float = 0.5

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_fractions(self, "probability")

    def images_after(self, before: OpenImage | None) -> OpenImage | None:
        return before

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        if not context.training or self.probability == 0:
            return x, DropoutCache(None), EMPTY
        drawn = context.generator().random(x.shape if context.networks is None else x.shape[1:])
        # No number is drawn that is not below 1, so with p = 1 nothing is kept.
        factor = 1 / (1 - self.probability) if self.probability < 1 else 0.0
        mask = (drawn >= self.probability).astype(x.real.dtype) * factor
        return x * mask, DropoutCache(mask), EMPTY

    def backward(self, params: Tree, cache: DropoutCache, dy: Array) -> Backward:
        return dy if cache.mask is None else dy * cache.mask, EMPTY
