"""Which losses a target takes, and which it is judged by."""

from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.engine.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    Pinball,
)
from clearprop.estimators.members import Metric
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.kinds.kind_tables import LOSSES

# Of numbers that are outputs themselves; PoissonNLL has their logarithm there.
NUMBER_LOSSES: tuple[type[Loss], ...] = (MSE, MAE, Huber, Pinball)


def loss_for(target: TableTarget) -> Loss:
    """The loss that a target asks for."""
    if isinstance(target, ClassTarget) and not target.single:
        return CrossEntropy()
    return MSE() if isinstance(target, NumberTarget) else BinaryCrossEntropy()


def losses_for(target: TableTarget) -> tuple[type[Loss], ...]:
    """Which of this package's losses take such a target."""
    return NUMBER_LOSSES if isinstance(target, NumberTarget) else (type(loss_for(target)),)


def require_loss(owner: str, loss: Loss | None, known: tuple[type[Loss], ...]) -> None:
    """Refuse one of this package's losses that is for other targets; a loss of somebody's own is
    for them to know. Raises ConfigurationError."""
    if isinstance(loss, tuple(LOSSES.values())) and not isinstance(loss, known):
        names = ", ".join(kind.__name__ for kind in known)
        raise ConfigurationError(
            "loss_of_estimator", owner=owner, loss=type(loss).__name__, known=names
        )


def metric_of(loss: Loss) -> Metric:
    """The loss itself as what a network is judged by."""
    # One of somebody's own need not have a reduction, and is what it is.
    own = getattr(loss, "reduction", "mean") == "mean"
    judged = loss if own else replace(loss, reduction="mean")  # type: ignore[type-var]

    def metric(output: Array, target: Array, weight: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(judged.evaluate(output, target, sample_weight=weight).value)

    return metric
