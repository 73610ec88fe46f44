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

from clearprop.initializers import (
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from clearprop.layers.activations import Activation, Identity, ReLU, Sigmoid, Tanh
from clearprop.layers.combinators import Residual, Sequential
from clearprop.layers.contract import (
    Context,
    Layer,
    Parameter,
)
from clearprop.layers.linear import Linear
from clearprop.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    LossResult,
    PoissonNLL,
)
from clearprop.network import Network
from clearprop.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Clipped,
    Optimizer,
    OptimizerState,
    RMSprop,
)
from clearprop.passes import BackwardPass, BackwardRecord, ForwardPass, ForwardRecord
from clearprop.schedules import (
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    Schedule,
    StepDecay,
    Warmup,
)

__version__ = "0.1.0"

__all__ = [
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BackwardPass",
    "BackwardRecord",
    "BinaryCrossEntropy",
    "Clipped",
    "ConstantRate",
    "Context",
    "CosineDecay",
    "CrossEntropy",
    "ExponentialDecay",
    "FanInUniform",
    "ForwardPass",
    "ForwardRecord",
    "Huber",
    "Identity",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Layer",
    "Linear",
    "Loss",
    "LossResult",
    "Network",
    "Optimizer",
    "OptimizerState",
    "Parameter",
    "PoissonNLL",
    "RMSprop",
    "ReLU",
    "Residual",
    "Schedule",
    "Sequential",
    "Sigmoid",
    "StepDecay",
    "Tanh",
    "Uniform",
    "Warmup",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]
