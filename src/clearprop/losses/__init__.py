"""Losses: a value and its gradient, always together, so that they are of the same function."""

from clearprop.losses.binary import BinaryCrossEntropy
from clearprop.losses.catalog import EXAMPLES, LOSSES, Example
from clearprop.losses.contract import REDUCTIONS, Loss, LossResult, reduced
from clearprop.losses.poisson import PoissonNLL
from clearprop.losses.regression import MAE, MSE, Huber
from clearprop.losses.softmax import CrossEntropy

__all__ = [
    "EXAMPLES",
    "LOSSES",
    "MAE",
    "MSE",
    "REDUCTIONS",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Example",
    "Huber",
    "Loss",
    "LossResult",
    "PoissonNLL",
    "reduced",
]
