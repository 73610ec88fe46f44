"""What every threshold of a probability would give: ROC and precision-recall curves.

recall = hits / all positive rows     false alarms = wrong hits / all negative rows
precision = hits / all rows that are called positive
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.runs.weighted_metrics import class_measures

THRESHOLDS = tuple(k / 10 for k in range(1, 10))
# More points than this add nothing to a picture.
MOST_POINTS = 200


class OperatingPoint(NamedTuple):
    """What calling every row positive from `threshold` on gives."""

    threshold: float
    recall: float
    false_alarms: float
    precision: float


class ThresholdCurves(NamedTuple):
    """The curves of one class or label against all others.

    recall, false_alarms, precision   (P,) from the highest threshold to the lowest
    share      of the rows that are positive: the precision of calling all of them so
    """

    name: str
    recall: Array
    false_alarms: Array
    precision: Array
    share: float
    roc_auc: float
    average_precision: float
    points: tuple[OperatingPoint, ...]


def threshold_curves(
    name: str, probability: Array, truth: Array, weight: Array
) -> ThresholdCurves | None:
    """The curves of probabilities (N,) and whether it came true (N,); None where it always or never
    did, where there are none."""
    positive = float(weight[truth].sum())
    negative = float(weight.sum()) - positive
    if positive == 0 or negative == 0:
        return None
    order = np.argsort(-probability, kind="stable")
    hit = np.cumsum((weight * truth)[order])
    missed = np.cumsum((weight * ~truth)[order])
    # Rows of one probability are called together.
    ends = np.flatnonzero(np.r_[np.diff(probability[order]) != 0, True])
    hit, missed = hit[ends], missed[ends]
    both = np.stack([1 - probability, probability], axis=1)
    found = class_measures(truth.astype(int), both)(weight[None])
    recall, false_alarms = hit / positive, missed / negative
    precision = np.where(hit + missed > 0, hit / np.maximum(hit + missed, 1e-300), 1.0)
    shown = np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).astype(int))
    return ThresholdCurves(
        name,
        np.r_[0.0, recall[shown]],
        np.r_[0.0, false_alarms[shown]],
        np.r_[precision[0], precision[shown]],
        positive / (positive + negative),
        float(found["roc_auc"][0]),
        float(found["average_precision"][0]),
        tuple(_point(one, probability, truth, weight) for one in THRESHOLDS),
    )


def _point(threshold: float, probability: Array, truth: Array, weight: Array) -> OperatingPoint:
    called = probability >= threshold
    hit, missed = float(weight[called & truth].sum()), float(weight[called & ~truth].sum())
    return OperatingPoint(
        threshold,
        hit / float(weight[truth].sum()),
        missed / float(weight[~truth].sum()),
        hit / (hit + missed) if hit + missed > 0 else float("nan"),
    )
