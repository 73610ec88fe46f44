"""Optimizers: from parameters and a gradient to new parameters."""

from clearprop.engine.optimizers.adam import Adam, AdamW
from clearprop.engine.optimizers.adaptive import Adagrad, RMSprop
from clearprop.engine.optimizers.clipping import Clipped
from clearprop.engine.optimizers.optimizer import Optimizer, OptimizerState
from clearprop.engine.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "Optimizer",
    "OptimizerState",
    "RMSprop",
]
