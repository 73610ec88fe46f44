"""The one table of layers: name → class, with small examples of each.

What runs over every layer (the conformance tests, loading a file) reads this table. A layer that is
not in it does not exist for them, and a test fails until it is.
"""

from dataclasses import dataclass

from clearprop.arrays import Shape
from clearprop.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.layers.combinators import Residual, Sequential
from clearprop.layers.contract import Layer
from clearprop.layers.linear import Linear


@dataclass(frozen=True)
class Example:
    """One layer at work: the layer, and the shape of one sample that it takes."""

    layer: Layer
    input_shape: Shape


EXAMPLES: dict[type[Layer], tuple[Example, ...]] = {
    Linear: (
        Example(Linear(3, 4), (3,)),
        Example(Linear(1, 10), (1,)),
        Example(Linear(2, 2, bias=False), (2,)),
    ),
    ReLU: (Example(ReLU(), (5,)),),
    Tanh: (Example(Tanh(), (5,)),),
    Sigmoid: (Example(Sigmoid(), (5,)),),
    Identity: (Example(Identity(), (5,)),),
    Sequential: (
        Example(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)), (2,)),
        Example(Sequential(Sequential(Linear(2, 2), Tanh()), Sigmoid()), (2,)),
    ),
    Residual: (
        Example(Residual(Tanh()), (4,)),
        Example(Residual(Sequential(Linear(3, 5), Sigmoid(), Linear(5, 3))), (3,)),
    ),
}

LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in EXAMPLES}
