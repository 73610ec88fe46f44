"""What a network has to beat: a constant, and a linear model on the same prepared columns.

constant  the mean of the training's numbers, or the shares of its classes or labels
linear    scikit-learn's Ridge, its penalty chosen by leave-one-out; LogisticRegression of classes,
          one for each label. Columns are standardised, missing values and words are as the
          network is given them

Both learn from no row that they are judged on: with folds, each fold is predicted by models of the
other folds.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget

# Of more rows than this a sample is learned from: a line needs no more.
MOST_ROWS = 5000
PENALTIES = tuple(10.0**power for power in range(-3, 5))


class SimpleModels(NamedTuple):
    """What the two say of the judged rows, numbers or probabilities (N, D). `converged` is whether
    the linear one came to its end."""

    linear: Array
    constant: Array
    converged: bool


class LearningRows(NamedTuple):
    """Rows to learn from: features (N, F), truth and weight (N,) as judged rows have them."""

    features: Array
    truth: Array
    weight: Array

    def take(self, rows: Array) -> "LearningRows":
        """Some of the rows."""
        return LearningRows(self.features[rows], self.truth[rows], self.weight[rows])


def simple_models(
    target: TableTarget, learned_from: LearningRows, judged: Array, folds: Array | None = None
) -> SimpleModels:
    """Train both, and predict.

    judged  (M, F) features of the rows to predict
    folds   (M,) where these are the rows to learn from: each is predicted by the other folds
    """
    if folds is None:
        rows = _sampled(learned_from)
        linear, converged = _linear(target, rows, judged)
        return SimpleModels(linear, _constant(target, rows, len(judged)), converged)
    width = len(target.classes) if isinstance(target, ClassTarget) else target.outputs
    constant, linear = np.zeros((len(judged), width)), np.zeros((len(judged), width))
    all_converged = True
    for fold in np.unique(folds):
        own = folds == fold
        rows = _sampled(learned_from.take(np.flatnonzero(~own)))
        constant[own] = _constant(target, rows, int(own.sum()))
        linear[own], converged = _linear(target, rows, judged[own])
        all_converged &= converged
    return SimpleModels(linear, constant, all_converged)


def _sampled(rows: LearningRows) -> LearningRows:
    count = len(rows.features)
    if count <= MOST_ROWS:
        return rows
    return rows.take(keyed_generator(0, path="simple models").permutation(count)[:MOST_ROWS])


def _constant(target: TableTarget, rows: LearningRows, count: int) -> Array:
    truth = rows.truth
    if isinstance(target, ClassTarget):
        truth = np.eye(len(target.classes))[rows.truth]
    mean: Array = np.average(truth, axis=0, weights=rows.weight)
    return np.repeat(mean[None], count, axis=0)


def _linear(target: TableTarget, rows: LearningRows, judged: Array) -> tuple[Array, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows.features, sample_weight=rows.weight)
    x, asked = scaler.transform(rows.features), scaler.transform(judged)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if isinstance(target, NumberTarget):
            said = _ridge(x, rows, asked)
        elif isinstance(target, ClassTarget):
            said = _shares(x, rows.truth, rows.weight, asked, len(target.classes))
        else:
            said = np.stack(
                [
                    _shares(x, rows.truth[:, label].astype(int), rows.weight, asked, 2)[:, 1]
                    for label in range(target.outputs)
                ],
                axis=1,
            )
    return said, not any(issubclass(one.category, ConvergenceWarning) for one in told)


def _ridge(x: Array, rows: LearningRows, asked: Array) -> Array:
    from sklearn.linear_model import RidgeCV

    # In their own largest number, for the squares of very large ones are infinite.
    largest = np.abs(rows.truth).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    model: Any = RidgeCV(alphas=PENALTIES).fit(x, rows.truth / unit, sample_weight=rows.weight)
    said: Array = model.predict(asked)
    return said.reshape(len(asked), -1) * unit


def _shares(x: Array, classes: Array, weight: Array, asked: Array, count: int) -> Array:
    """The probabilities (M, count) of a logistic regression; a class that no row has gets 0."""
    from sklearn.linear_model import LogisticRegression

    there = np.unique(classes)
    found = np.zeros((len(asked), count))
    if len(there) == 1:
        found[:, there] = 1.0
        return found
    model: Any = LogisticRegression(max_iter=300).fit(x, classes, sample_weight=weight)
    found[:, there] = model.predict_proba(asked)
    return found
