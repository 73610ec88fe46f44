"""The parts that a tape may have: layers of the catalogue, by the wires at their ends."""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.activations import Activation


class Affine(NamedTuple):
    """z = A·W + b or W·A + b, in any layout; b is there or not.

    product  the wire of the product, and `place` that of W among its operands
    signal   the wire of A; `weight` the operand that is W as it stands in the product
    leaves   the names of W and b
    """

    out: int
    product: int
    place: int
    signal: int
    weight: int
    leaves: tuple[str, ...]

    @property
    def called(self) -> str:
        """What a sentence calls it."""
        return f"Linear({', '.join(self.leaves)})"


class Function(NamedTuple):
    """a = f(z) entry by entry; `layer` where f is one of the catalogue's, and its name."""

    source: int
    out: int
    layer: Activation | None
    name: str


class SoftmaxPart(NamedTuple):
    """Softmax or its logarithm over an axis: p = softmax(z), and what comes out."""

    source: int
    out: int
    axis: int
    p: Array
    is_log: bool


class NormPart(NamedTuple):
    """x̂ = s (x − μ) over some axes, of RMS norm without μ.

    gain, place  the wire of γ·x̂ that is made of it, and the place of γ among its operands
    within       where no wire is x̂ by itself: γ, and β if it is there, of what comes out
    scale        that γ; 1 where what comes out is x̂
    """

    source: int
    out: int
    axes: tuple[int, ...]
    inverse: Array
    hat: Array
    is_centred: bool
    gain: int | None = None
    place: int = 0
    within: tuple[int, ...] = ()
    scale: Array = np.ones(())


class Drop(NamedTuple):
    """What is multiplied by numbers that are 0 or the same one."""

    source: int
    out: int
    multiplier: Array
