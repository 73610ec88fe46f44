"""clearprop: backpropagation you can see, check and use.

One small engine whose forward and backward pass are written out by hand. A pass is data: every
number of it can be looked at, checked and trained with.

    from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential

    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = network.initialize(seed=0)
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target)
    backward = network.backward(forward, loss.gradient)
"""

from clearprop.checking import check
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.initializers import (
    Constant,
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from clearprop.engine.layers.activations import Activation, Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Context, Layer, Parameter
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
from clearprop.engine.layers.smooth_activations import GELU, SiLU, Softplus
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    LossResult,
    PoissonNLL,
)
from clearprop.engine.network import BackwardPass, ForwardPass, Network
from clearprop.engine.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Clipped,
    Optimizer,
    OptimizerState,
    RMSprop,
)
from clearprop.engine.records import BackwardRecord, ForwardRecord
from clearprop.engine.schedules import (
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    Schedule,
    StepDecay,
    Warmup,
)

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "MAE",
    "MSE",
    "SELU",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BackwardPass",
    "BackwardRecord",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Clipped",
    "Constant",
    "ConstantRate",
    "Context",
    "CosineDecay",
    "CrossEntropy",
    "Dropout",
    "Embedding",
    "ExponentialDecay",
    "FanInUniform",
    "ForwardPass",
    "ForwardRecord",
    "Hardtanh",
    "Huber",
    "Identity",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Loss",
    "LossResult",
    "Network",
    "Normal",
    "Optimizer",
    "OptimizerState",
    "PReLU",
    "Parameter",
    "PoissonNLL",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "Residual",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StepDecay",
    "Tanh",
    "Uniform",
    "Warmup",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "check",
]
