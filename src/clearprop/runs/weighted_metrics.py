"""The field's metrics as functions of what every row counts.

Measures take weights (B, N), a line for every resample, and return B values for each metric, NaN
where it is not defined. A resample is a weight for every row, so that all of them are measured at
once: what depends on the data alone (an order, a row's loss) is worked out once. A thousand
resamples by scikit-learn's functions take half a minute; the values are theirs, which the tests
hold them against.

    mean of v      Σ wᵢ vᵢ / Σ wᵢ
    ROC AUC        the share of pairs of a positive and a negative row that the scores put in the
                   right order; equal scores count one half
    average precision   Σ over thresholds (recall gained there · precision there)
    Matthews       the correlation of truth and prediction over all classes
    calibration error   Σ over bins (weight of the bin · |share that is right − mean confidence|)

Several classes: each against all others, and the mean of these. Sources: Gorodkin, "Comparing two
K-category assignments by a K-category correlation coefficient", 2004 (Matthews); Guo and others,
"On calibration of modern neural networks", 2017 (calibration error).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from clearprop.base.arrays import Array

Measures: TypeAlias = Callable[[Array], dict[str, Array]]

CALIBRATION_BINS = 15
# Pairs of rows are looked at where there are at most so many rows for each class, and in all.
MANY_CLASSES, FEW_ROWS = 25, 1000


def number_measures(truth: Array, said: Array) -> Measures:
    """Of numbers (N,) and what was predicted of them (N,)."""
    error = said - truth
    distance = np.abs(error)
    median = _median(distance)
    # Sums of squares lose digits far from 0.
    middle = truth.mean()
    near, near_said = truth - middle, said - middle

    def measures(weight: Array) -> dict[str, Array]:
        square = _mean(weight, error**2)
        spread, spread_said = _variance(weight, near), _variance(weight, near_said)
        both = _mean(weight, near * near_said) - _mean(weight, near) * _mean(weight, near_said)
        return {
            "r2": 1 - _ratio(square, spread),
            "rmse": np.sqrt(square),
            "mae": _mean(weight, distance),
            "median_error": median(weight),
            "bias": _mean(weight, error),
            "correlation": _ratio(both, np.sqrt(spread * spread_said)),
        }

    return measures


def interval_measures(truth: Array, low: Array, high: Array) -> Measures:
    """Of numbers (N,) and the bounds (N,) that were given for them."""
    inside = ((low <= truth) & (truth <= high)).astype(np.float64)
    return lambda weight: {
        "coverage": _mean(weight, inside),
        "width": _mean(weight, high - low),
    }


def class_measures(truth: Array, probabilities: Array) -> Measures:
    """Of classes' ids (N,) and the probabilities (N, C). Of two classes the second one is the
    positive one."""
    classes = probabilities.shape[1]
    likeliest = probabilities.argmax(axis=1)
    right = (likeliest == truth).astype(np.float64)
    losses = class_losses(truth, probabilities)
    known = np.arange(classes) == truth[:, None]
    # As scikit-learn does: of two classes one square counts, not both.
    square = ((probabilities - known) ** 2).sum(axis=1) / (2 if classes == 2 else 1)
    confusions = _confusions(truth, likeliest, classes)
    areas = _areas_of_classes(truth, probabilities)
    calibration = _calibration(probabilities.max(axis=1)[:, None], right[:, None])

    def measures(weight: Array) -> dict[str, Array]:
        confusion = confusions(weight)
        return {
            "accuracy": _mean(weight, right),
            "balanced_accuracy": _recalls(confusion),
            "log_loss": _mean(weight, losses),
            "brier": _mean(weight, square),
            **areas(weight),
            "f1_macro": _f1_macro(confusion),
            "matthews": _matthews(confusion),
            "calibration_error": calibration(weight),
        }

    return measures


def class_losses(truth: Array, probabilities: Array) -> Array:
    """The log loss of every row (N,), of its class and the probabilities (N, C)."""
    return _log_losses(probabilities[np.arange(len(truth)), truth])


def label_measures(truth: Array, probabilities: Array) -> Measures:
    """Of labels (N, D), 0 or 1, and their probabilities (N, D): means over the labels."""
    labels = truth.shape[1]
    said = probabilities > 0.5
    wrong = (said != truth).astype(np.float64)
    exact = (wrong.sum(axis=1) == 0).astype(np.float64)
    losses = _log_losses(np.where(truth == 1, probabilities, 1 - probabilities)).mean(axis=1)
    square = ((probabilities - truth) ** 2).mean(axis=1)
    areas = _areas([_curve(truth[:, one] == 1, probabilities[:, one]) for one in range(labels)])
    calibration = _calibration(probabilities, truth)
    hit, counted = said * truth.astype(np.float64), said + truth.astype(np.float64)

    def measures(weight: Array) -> dict[str, Array]:
        # A label that neither stands there nor is predicted has an F1 of 0, as in scikit-learn.
        f1 = np.nan_to_num(_ratio(2 * (weight @ hit), weight @ counted))
        return {
            "exact_match": _mean(weight, exact),
            "hamming_loss": _mean(weight, wrong.mean(axis=1)),
            "log_loss": _mean(weight, losses),
            "brier": _mean(weight, square),
            **areas(weight),
            "f1_macro": f1.mean(axis=1),
            "calibration_error": calibration(weight),
        }

    return measures


def _curve(positive: Array, scores: Array) -> Callable[[Array], tuple[Array, Array]]:
    """ROC AUC and average precision of rows by their scores, equal scores together."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    lasts = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    hits = positive[order].astype(np.float64)

    def curve(weight: Array) -> tuple[Array, Array]:
        sorted_weight = weight[:, order]
        seen = np.cumsum(sorted_weight, axis=1)[:, lasts]
        found = np.cumsum(sorted_weight * hits, axis=1)[:, lasts]
        hit = np.diff(found, axis=1, prepend=0)
        missed = np.diff(seen, axis=1, prepend=0) - hit
        pairs = (missed * (found - hit / 2)).sum(axis=1)
        gained = (hit * found / np.where(seen > 0, seen, 1)).sum(axis=1)
        positives = found[:, -1]
        return _ratio(pairs, positives * (seen[:, -1] - positives)), _ratio(gained, positives)

    return curve


def _areas(curves: list[Callable[[Array], tuple[Array, Array]]]) -> Measures:
    """The means of both areas over several curves."""

    def measures(weight: Array) -> dict[str, Array]:
        areas, precisions = zip(*(curve(weight) for curve in curves), strict=True)
        return {"roc_auc": _over(list(areas)), "average_precision": _over(list(precisions))}

    return measures


def _areas_of_classes(truth: Array, probabilities: Array) -> Measures:
    """The same for classes, each against all others."""
    rows, classes = probabilities.shape
    if MANY_CLASSES * classes >= rows and classes > 2 and rows <= FEW_ROWS:
        return _areas_by_pairs(truth, probabilities)
    positive = [1] if classes == 2 else list(range(classes))
    return _areas([_curve(truth == one, probabilities[:, one]) for one in positive])


def _areas_by_pairs(truth: Array, probabilities: Array) -> Measures:
    """Both areas from all pairs of rows: each row is the positive one of a single class, so that
    one product does for all classes what would be a sorted sum for each of them."""
    # In column i stands what is said of the class of row i, of every row.
    said = probabilities[:, truth]
    own = np.diagonal(said)
    same = truth[:, None] == truth
    from_there_on = (said >= own).astype(np.float64)
    found_there = from_there_on * same
    below = np.where(same, 0, (said < own) + (said == own) / 2)
    of_class = np.eye(probabilities.shape[1])[truth]

    def measures(weight: Array) -> dict[str, Array]:
        positives = weight @ of_class
        negatives = weight.sum(axis=1, keepdims=True) - positives
        pairs = (weight * (weight @ below)) @ of_class
        gained = weight * np.nan_to_num(_ratio(weight @ found_there, weight @ from_there_on))
        return {
            "roc_auc": _over(list(_ratio(pairs, positives * negatives).T)),
            "average_precision": _over(list(_ratio(gained @ of_class, positives).T)),
        }

    return measures


def _mean(weight: Array, values: Array) -> Array:
    return _ratio(weight @ values, weight.sum(axis=1))


def _variance(weight: Array, values: Array) -> Array:
    variance: Array = _mean(weight, values**2) - _mean(weight, values) ** 2
    # What is left of a constant column is rounding.
    return np.zeros_like(variance) if np.ptp(values) == 0 else np.maximum(variance, 0)


def _ratio(above: Array, below: Array) -> Array:
    ratio: Array = np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)
    return ratio


def _median(values: Array) -> Callable[[Array], Array]:
    """The middle of values (N,): of two that share it, their mean."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def median(weight: Array) -> Array:
        sums = np.cumsum(weight[:, order], axis=1)
        half = sums[:, [-1]] / 2
        # Weights that are no whole numbers add up to the half but for rounding.
        near = 1e-12 * sums[:, [-1]]
        first = np.argmax(sums >= half - near, axis=1)
        second = np.argmax(sums > half + near, axis=1)
        middle: Array = (ordered[first] + ordered[second]) / 2
        return middle

    return median


def _log_losses(probability: Array) -> Array:
    return -np.log(np.maximum(probability, np.finfo(np.float64).eps))


def _confusions(truth: Array, said: Array, classes: int) -> Callable[[Array], Array]:
    """The weight (B, classes, classes) of every pair of a true class and a predicted one."""
    cells = truth * classes + said

    def confusions(weight: Array) -> Array:
        counts = [np.bincount(cells, one, classes * classes) for one in weight]
        return np.stack(counts).reshape(-1, classes, classes)

    return confusions


def _recalls(confusion: Array) -> Array:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return _over(list(_ratio(right, confusion.sum(axis=2)).T))


def _f1_macro(confusion: Array) -> Array:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return _over(list(_ratio(2 * right, confusion.sum(axis=1) + confusion.sum(axis=2)).T))


def _matthews(confusion: Array) -> Array:
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    total, right = confusion.sum(axis=(1, 2)), np.trace(confusion, axis1=1, axis2=2)
    above = right * total - (true * said).sum(axis=1)
    below = (total**2 - (true**2).sum(axis=1)) * (total**2 - (said**2).sum(axis=1))
    found: Array = np.where(below > 0, above / np.sqrt(np.where(below > 0, below, 1)), 0.0)
    return found


def _over(found: list[Array]) -> Array:
    """The mean over the classes of which something is known."""
    every = np.stack(found)
    known = ~np.isnan(every)
    return _ratio(np.where(known, every, 0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def _calibration(confidence: Array, right: Array) -> Callable[[Array], Array]:
    """The calibration error of confidences (N, D) and what came of them, 0 or 1 (N, D)."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1).ravel()
    off = (right - confidence) / confidence.shape[1]

    def calibration(weight: Array) -> Array:
        sums = [np.bincount(bins, (one[:, None] * off).ravel(), CALIBRATION_BINS) for one in weight]
        return _ratio(np.abs(sums).sum(axis=1), weight.sum(axis=1))

    return calibration
