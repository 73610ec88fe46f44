"""A network's scores beside those of simple models, with bootstrap intervals, on the same rows.

Two intervals that overlap say little about which of two models is better on these rows: their
errors go together. The interval of the difference, drawn over the same resamples, does say it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.runs.bootstrap import Estimate, draws_for, estimates
from clearprop.runs.report.simple_models import SimpleModels
from clearprop.runs.weighted_metrics import (
    Measures,
    class_measures,
    label_measures,
    number_measures,
)

# What is told of each task, the metric that the models are compared by first, and those of which
# less is better.
METRICS = {
    "regression": ("rmse", "mae", "median_error", "bias", "r2"),
    "classification": (
        "log_loss",
        "accuracy",
        "balanced_accuracy",
        "roc_auc",
        "average_precision",
        "f1_macro",
        "matthews",
        "brier",
        "calibration_error",
    ),
    "multilabel": (
        "log_loss",
        "exact_match",
        "hamming_loss",
        "roc_auc",
        "average_precision",
        "f1_macro",
        "brier",
        "calibration_error",
    ),
}
LESS_IS_BETTER = frozenset(
    {"rmse", "mae", "median_error", "log_loss", "brier", "calibration_error", "hamming_loss"}
)


class ScoreRow(NamedTuple):
    """One metric of the network, of the linear model and of the constant."""

    metric: str
    network: Estimate
    linear: Estimate
    constant: Estimate


@dataclass(frozen=True)
class ModelScores:
    """The scores of one target column, or of all classes or labels.

    column      the target's column; "" where the scores are of all of them
    rows        metric by metric, the first one first
    difference  the network's first metric less the linear model's, over the same resamples
    draws       how many resamples there are
    """

    column: str
    rows: tuple[ScoreRow, ...]
    difference: Estimate
    draws: int

    @property
    def verdict(self) -> str:
        """Whether the network is "better" or "worse" than the linear model by the first metric, of
        which less is better, or "open" where the interval of the difference holds 0."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None or low <= 0 <= high:
            return "open"
        return "better" if high < 0 else "worse"


def model_scores(
    target: TableTarget, truth: Array, weight: Array, network: Array, simple: SimpleModels
) -> tuple[ModelScores, ...]:
    """The scores of what was said (N, D) of rows with this truth; of numbers for every column."""
    if isinstance(target, NumberTarget):
        return tuple(
            _scores(
                "regression",
                name,
                weight,
                1,
                *(
                    number_measures(truth[:, k], said[:, k])
                    for said in (network, simple.linear, simple.constant)
                ),
            )
            for k, name in enumerate(target.columns)
        )
    is_classes = isinstance(target, ClassTarget)
    task = "classification" if is_classes else "multilabel"
    measures = class_measures if is_classes else label_measures
    every = [measures(truth, said) for said in (network, simple.linear, simple.constant)]
    column = getattr(target, "column", "")
    return (_scores(task, column, weight, target.outputs, *every),)


def _scores(
    task: str,
    column: str,
    weight: Array,
    classes: int,
    network: Measures,
    linear: Measures,
    constant: Measures,
) -> ModelScores:
    names = METRICS[task]

    def of_network(weight: Array) -> dict[str, Array]:
        found, other = network(weight), linear(weight)
        return {**found, "difference": found[names[0]] - other[names[0]]}

    of_each = [estimates(one, weight, classes=classes) for one in (of_network, linear, constant)]
    rows = [ScoreRow(name, *(found[name] for found in of_each)) for name in names]
    draws = draws_for(len(weight), classes)
    return ModelScores(column, tuple(rows), of_each[0]["difference"], draws)
