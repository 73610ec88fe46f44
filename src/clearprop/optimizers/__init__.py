"""Optimizers: from parameters and a gradient to new parameters."""

from clearprop.optimizers.adam import Adam, AdamW
from clearprop.optimizers.adaptive import Adagrad, RMSprop
from clearprop.optimizers.catalog import EXAMPLES, OPTIMIZERS
from clearprop.optimizers.clipping import Clipped
from clearprop.optimizers.contract import Optimizer, OptimizerState
from clearprop.optimizers.sgd import SGD

__all__ = [
    "EXAMPLES",
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "Optimizer",
    "OptimizerState",
    "RMSprop",
]
