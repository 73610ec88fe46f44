"""NetworkRegressor and NetworkClassifier: networks for tables behind scikit-learn's interface.

    from clearprop.estimators import NetworkClassifier

    model = NetworkClassifier(random_state=0).fit(frame, classes)
    model.predict_proba(frame)

Parameters are named as in scikit-learn's MLPClassifier where they mean the same. The defaults are
another recipe: several networks at once, each with held-out rows of its own, on scaled and binned
columns. `like_mlp()` has scikit-learn's own.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.engine.losses import Pinball
from clearprop.estimators.class_weights import class_weights
from clearprop.estimators.given_targets import (
    plain_labels,
    require_no_words,
    require_same_classes,
)
from clearprop.estimators.intervals import Bounds, Interval, calibrate
from clearprop.estimators.learning import Learned
from clearprop.estimators.like_mlp import CLASSIFIER_SETTINGS, REGRESSOR_SETTINGS
from clearprop.estimators.shared_estimator import NetworkEstimator
from clearprop.estimators.spelled import loss_named
from clearprop.estimators.table_targets import (
    ClassTarget,
    LabelTarget,
    NumberTarget,
    TableTarget,
    class_target,
    number_target,
    widened,
)


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """Networks that predict numbers, one or several for each row.

    With the loss Pinball((0.1, 0.5, 0.9)) they predict these quantiles of one number, (N, 3).
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False
        return tags

    def _targets(
        self, y: Any, weight: Array, before: Learned | None, columns: Sequence[str] | None = None
    ) -> tuple[TableTarget, Any, Array]:
        if self.class_weight is not None:
            raise ConfigurationError("class_weight_of_numbers")
        if before is not None and isinstance(before.target, NumberTarget):
            values = self._values(y, len(weight), before.target)
            return widened(before.target, values), values, weight
        values = _numbers(y, len(weight))
        quantiles = self._quantiles()
        names = tuple(columns or (f"y{k}" for k in range(values.shape[1])))
        if len(quantiles) > 1:
            if values.shape[1] > 1:
                raise DataError("quantiles_of_one", columns=values.shape[1])
            values = np.repeat(values, len(quantiles), axis=1)
            names = tuple(f"{names[0]}@{quantile:g}" for quantile in quantiles)
        counted = weight > 0
        target = number_target(
            values[counted] if counted.any() else values,
            names,
            weight[counted] if counted.any() else None,
            standardise=self.standardize_target,
            held=self.standardize_target,
        )
        return target, values, weight

    def _values(self, y: Any, rows: int, target: TableTarget) -> Array:
        values = _numbers(y, rows)
        if len(self._quantiles()) > 1 and values.shape[1] == 1:
            values = np.repeat(values, target.outputs, axis=1)
        if values.shape[1] != target.outputs:
            raise DataError("target_columns", came=values.shape[1], expected=target.outputs)
        return values

    def _quantiles(self) -> tuple[float, ...]:
        loss = loss_named(self.loss)
        return loss.quantiles if isinstance(loss, Pinball) else ()

    def _calibrate(
        self, features: Array, values: Any, held_out: tuple[Array, Any, Array] | None
    ) -> None:
        learned: Learned = self.learned_
        self.calibration_ = None
        if held_out is not None:
            bounds, truth = self._bounds(learned.members(held_out[0])), held_out[1]
        elif owners := learned.owners():
            said = [
                self._bounds(learned.members(features[part]), member) for part, member in owners
            ]
            bounds = Bounds(*map(np.concatenate, zip(*map(_parts_of, said), strict=True)))
            truth = values[np.concatenate([part for part, _ in owners])]
        else:
            return
        self.calibration_ = calibrate(bounds, truth[:, : bounds.low.shape[1]])

    def _bounds(self, members: Array, member: int | None = None) -> Bounds:
        """What all networks say together, or one of them, before it is calibrated."""
        said = members.mean(axis=0) if member is None else members[member]
        quantiles = self._quantiles()
        if len(quantiles) < 2:
            return Bounds(said, said, said, members.std(axis=0))
        said = np.sort(said, axis=1)
        middle = int(np.argmin(np.abs(np.sort(quantiles) - 0.5)))
        spread = members.std(axis=0).mean(axis=1, keepdims=True)
        return Bounds(said[:, [middle]], said[:, :1], said[:, -1:], spread)

    def predict(self, X: Any, *, interval: float | None = None, return_std: bool = False) -> Any:
        """The numbers (N,), or (N, D) of several columns, that the networks predict on average.

        interval    0.9: an Interval of prediction, low and high, that holds 90 % of new rows, as
                    held-out rows have shown (`estimators.intervals`)
        return_std  also the standard deviation of the networks' predictions, of the same shape

        With quantiles their columns are in growing order: lines that cross are put in order.
        Raises DataError for an interval where no rows were held out.
        """
        members = self.learned_members(X)
        if interval is not None:
            if return_std:
                raise ConfigurationError("interval_or_std")
            if self.calibration_ is None:
                raise DataError("interval_uncalibrated")
            found = self.calibration_.interval(self._bounds(members), interval)
            return Interval(*map(_flat, found))
        mean = members.mean(axis=0)
        if self._quantiles():
            order = np.argsort(np.argsort(self._quantiles()))
            mean = np.sort(mean, axis=1)[:, order] if mean.shape[1] == len(order) else mean
        return (_flat(mean), _flat(members.std(axis=0))) if return_std else _flat(mean)

    def learned_members(self, X: Any) -> Array:
        """What each network predicts, (K, N, D)."""
        features = self._features(X)
        return self.learned_.members(features)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R²; of several quantiles the mean of their D² (`sklearn.metrics.d2_pinball_score`)."""
        quantiles = self._quantiles()
        if len(quantiles) < 2:
            return float(super().score(X, y, sample_weight))
        scores = [
            d2_pinball_score(y, said, sample_weight=sample_weight, alpha=quantile)
            for said, quantile in zip(self.predict(X).T, quantiles, strict=True)
        ]
        return float(np.mean(scores))

    @classmethod
    def like_mlp(cls, **changes: Any) -> Any:
        """One that trains as scikit-learn's MLPRegressor does."""
        return cls(**{**REGRESSOR_SETTINGS, **changes})


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """Networks that predict one of several classes, or several labels, for each row."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, classes: Any = None
    ) -> Self:
        """One epoch on these rows, from where the fit before ended. `classes`, of the first call,
        are all that there will ever be."""
        return self._fit(X, y, sample_weight, None, going_on=True, epochs=1, classes=classes)

    def _targets(
        self,
        y: Any,
        weight: Array,
        before: Learned | None,
        classes: Any = None,
        columns: Sequence[str] | None = None,
    ) -> tuple[TableTarget, Any, Array]:
        values = _classes(y, len(weight))
        if before is None:
            target = self._target(values, classes, columns)
        else:
            target = self._same_target(before.target, values, classes)
        if self.class_weight is not None:
            if isinstance(target, LabelTarget):
                raise ConfigurationError("class_weight_of_labels")
            ids = target.encode(values, np.float64).reshape(-1).astype(int)
            weight = weight * class_weights(self.class_weight, self.classes_, ids, weight)[ids]
        return target, values, weight

    def _target(self, values: Array, classes: Any, columns: Sequence[str] | None) -> TableTarget:
        if values.ndim == 2:
            self.classes_: Any = [np.array([0, 1])] * values.shape[1]
            return LabelTarget(tuple(columns or (f"y{k}" for k in range(values.shape[1]))))
        self.classes_ = np.unique(values) if classes is None else np.unique(classes)
        if len(self.classes_) < 2:
            raise DataError("class_alone", value=self.classes_.tolist()[0])
        return class_target(self.classes_, columns[0] if columns else "y", single=self.single_logit)

    def _same_target(self, target: TableTarget, values: Array, classes: Any) -> TableTarget:
        """The target that there is, for values of its form and, where they are said, of its
        classes. Raises DataError."""
        is_labels = isinstance(target, LabelTarget)
        expected = target.outputs if is_labels else 1
        came = values.shape[1] if values.ndim == 2 else 1
        if (values.ndim == 2) != is_labels or came != expected:
            raise DataError("target_columns", came=came, expected=expected)
        if classes is not None and isinstance(target, ClassTarget):
            require_same_classes(self.classes_, classes)
        return target

    def _values(self, y: Any, rows: int, target: TableTarget) -> Array:
        values = _classes(y, rows)
        self._same_target(target, values, None)
        return values

    def predict_proba(self, X: Any) -> Array:
        """The probabilities (N, classes), or (N, D) of labels: the networks' average."""
        features = self._features(X)
        return self.learned_.mean(features)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """The likeliest class (N,) of every row, or the labels (N, D) likelier than not."""
        probabilities = self.predict_proba(X)
        if isinstance(self.learned_.target, LabelTarget):
            return (probabilities > 0.5).astype(int)
        likeliest: Array = self.classes_[probabilities.argmax(axis=1)]
        return likeliest

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class, or whose labels all, are right."""
        return float(super().score(X, plain_labels(y), sample_weight))

    @classmethod
    def like_mlp(cls, **changes: Any) -> Any:
        """One that trains as scikit-learn's MLPClassifier does."""
        return cls(**{**CLASSIFIER_SETTINGS, **changes})


def _parts_of(bounds: Bounds) -> tuple[Array, Array, Array, Array]:
    return bounds.prediction, bounds.low, bounds.high, bounds.spread


def _flat(columns: Array) -> Array:
    return columns[:, 0] if columns.shape[1] == 1 else columns


def _given(y: Any) -> Any:
    if y is None:
        raise DataError("target_none")
    return y


def _numbers(y: Any, rows: int) -> Array:
    """Y as numbers (N, D)."""
    require_no_words(_given(y))
    values: Array = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    if len(values) != rows:
        raise DataError("target_rows", rows=rows, came=len(values))
    return values[:, None] if values.ndim == 1 else values


def _classes(y: Any, rows: int) -> Array:
    """Y as classes (N,) or as labels (N, D)."""
    y = plain_labels(_given(y))
    check_array(y, ensure_2d=False, dtype=None, input_name="y")
    check_classification_targets(y)
    if type_of_target(y, input_name="y") == "multilabel-indicator":
        values = check_array(y, dtype=np.float64, input_name="y")
    else:
        values = column_or_1d(y, warn=True)
    if len(values) != rows:
        raise DataError("target_rows", rows=rows, came=len(values))
    found: Array = values
    return found
