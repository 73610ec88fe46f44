"""Losses: a value and its gradient, always together, so that they are of the same function."""

from clearprop.engine.losses.binary_cross_entropy import BinaryCrossEntropy
from clearprop.engine.losses.cross_entropy import CrossEntropy
from clearprop.engine.losses.loss import REDUCTIONS, Loss, LossResult, reduced
from clearprop.engine.losses.pinball import Pinball
from clearprop.engine.losses.poisson import PoissonNLL
from clearprop.engine.losses.regression import MAE, MSE, Huber

__all__ = [
    "MAE",
    "MSE",
    "REDUCTIONS",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "LossResult",
    "Pinball",
    "PoissonNLL",
    "reduced",
]
