"""The one table of layers: name → class, with small examples of each.

What runs over every layer (the conformance tests, loading a file) reads this table. A layer that is
not in it does not exist for them, and a test fails until it is.
"""

from dataclasses import dataclass

from clearprop.base.arrays import Shape
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.initializers import Constant, Uniform
from clearprop.engine.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
from clearprop.engine.layers.smooth_activations import GELU, SiLU, Softplus
from clearprop.engine.layers.softmax import LogSoftmax, Softmax


@dataclass(frozen=True)
class Example:
    """One layer at work: the layer, the shape of one sample that it takes, and in which mode.

    ids       where x is whole numbers, they are below this; None where x is measurements
    training  False shows the layer as it is in use
    """

    layer: Layer
    input_shape: Shape
    ids: int | None = None
    training: bool = True


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
    LeakyReLU: (Example(LeakyReLU(), (5,)), Example(LeakyReLU(0.3), (2, 3))),
    PReLU: (
        Example(PReLU(), (5,)),
        Example(PReLU(4), (4,)),
        Example(PReLU(3, initializer=Constant(0.1)), (2, 3)),
    ),
    ELU: (Example(ELU(), (5,)), Example(ELU(0.7), (5,))),
    SELU: (Example(SELU(), (5,)),),
    Hardtanh: (Example(Hardtanh(), (5,)), Example(Hardtanh(-0.5, 2.0), (5,))),
    GELU: (Example(GELU(), (5,)), Example(GELU("tanh"), (5,))),
    SiLU: (Example(SiLU(), (5,)),),
    Softplus: (Example(Softplus(), (5,)), Example(Softplus(beta=2.5, threshold=1.0), (5,))),
    Softmax: (Example(Softmax(), (4,)), Example(Softmax(axis=-2), (3, 2))),
    LogSoftmax: (Example(LogSoftmax(), (4,)), Example(LogSoftmax(axis=-2), (3, 2))),
    BatchNorm: (
        Example(BatchNorm(3), (3,)),
        Example(BatchNorm(3), (3,), training=False),
        Example(BatchNorm(3, epsilon=1e-3, momentum=None, affine=False), (3,)),
        Example(BatchNorm(3, momentum=0.3, running_statistics=False), (3,)),
    ),
    LayerNorm: (
        Example(LayerNorm(4), (4,)),
        Example(LayerNorm(4, epsilon=1e-2, bias=False), (4,)),
        Example(LayerNorm(3, affine=False), (3,)),
        Example(LayerNorm(3), (2, 3)),
    ),
    RMSNorm: (
        Example(RMSNorm(4), (4,)),
        Example(RMSNorm(4, epsilon=1e-2, affine=False), (4,)),
        Example(RMSNorm(3), (2, 3)),
    ),
    Dropout: (
        Example(Dropout(), (5,)),
        Example(Dropout(0.3), (2, 3)),
        Example(Dropout(0.3), (5,), training=False),
        Example(Dropout(0.0), (5,)),
        Example(Dropout(1.0), (5,)),
    ),
    Embedding: (
        Example(Embedding(5, 3), (), ids=5),
        Example(Embedding(4, 2, initializer=Uniform()), (3,), ids=4),
    ),
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
