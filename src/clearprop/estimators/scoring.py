"""What held-out rows are judged by, spelled as scikit-learn spells it: a name, or a scorer."""

from copy import copy
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.estimators.members import Metric
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget


class _Said(BaseEstimator):  # type: ignore[misc]
    """An estimator whose predictions are made already: scorers ask for nothing else."""

    def __init__(self, target: TableTarget | None = None) -> None:
        self.target = target

    def fit(self, X: Any, y: Any = None) -> Any:
        """Nothing is left to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _SaidNumbers(RegressorMixin, _Said):  # type: ignore[misc]
    def predict(self, X: Array) -> Array:
        return X[:, 0] if X.shape[1] == 1 else X


class _SaidClasses(ClassifierMixin, _Said):  # type: ignore[misc]
    @property
    def classes_(self) -> Any:
        target = self.target
        if isinstance(target, ClassTarget):
            return np.array(target.classes)
        return [np.array([0, 1])] * (0 if target is None else target.outputs)

    def predict_proba(self, X: Array) -> Array:
        return X

    def predict(self, X: Array) -> Array:
        if isinstance(self.target, ClassTarget):
            likeliest: Array = self.classes_[X.argmax(axis=1)]
            return likeliest
        return (X > 0.5).astype(int)


def is_scorer(name: str) -> bool:
    """Whether scikit-learn has a scorer of that name."""
    return name in get_scorer_names()


def scorer_named(scoring: Any) -> Any:
    """A name of scikit-learn's, or a scorer (estimator, X, y), as a scorer; None for None. Raises
    ConfigurationError for a name that is not known."""
    if isinstance(scoring, str) and not is_scorer(scoring):
        raise ConfigurationError(
            "scoring_unknown", value=scoring, known=", ".join(get_scorer_names())
        )
    return None if scoring is None else get_scorer(scoring)


def _takes(scorer: Any, name: str) -> bool:
    """Whether a scorer, or the function that makes its score, has such an argument."""
    return name in signature(getattr(scorer, "_score_func", scorer)).parameters


def _of_probabilities(scorer: Any) -> bool:
    """Whether a scorer judges the probabilities of all classes, and is to be told which there are:
    held-out rows need not have all of them."""
    # One method, or several of which the first that there is is taken.
    response = getattr(scorer, "_response_method", "")
    return "predict_proba" in response and _takes(scorer, "labels")


def metric_named(scoring: Any, target: TableTarget, *, weighted: bool = False) -> Metric | None:
    """A name of scikit-learn's or a scorer (estimator, X, y) as what members are judged by; None
    for None. `weighted` says whether one that takes weights of rows is given them. Raises
    ConfigurationError for a name that is not known."""
    scorer = scorer_named(scoring)
    if scorer is None:
        return None
    said: Any = (_SaidNumbers if isinstance(target, NumberTarget) else _SaidClasses)(target)
    weighs = weighted and _takes(scorer, "sample_weight")
    if isinstance(target, ClassTarget) and _of_probabilities(scorer):
        scorer = copy(scorer)
        scorer._kwargs = {"labels": said.classes_, **scorer._kwargs}

    def metric(output: Array, encoded: Array, weight: Array) -> float:
        truth: Any = encoded
        if isinstance(target, NumberTarget):
            # What is judged is the truth itself, also beyond the range that was seen.
            truth = replace(target, held=False).decode(encoded)
            truth = truth[:, 0] if truth.shape[1] == 1 else truth
        elif isinstance(target, ClassTarget):
            truth = said.classes_[np.asarray(encoded).reshape(-1).astype(int)]
        more = {"sample_weight": weight.astype(np.float64)} if weighs else {}
        try:
            return -float(scorer(said, target.decode(output), truth, **more))
        except ValueError as problem:
            if not isinstance(scoring, str):
                raise
            raise ConfigurationError("scoring_failed", value=scoring, problem=problem) from problem

    return metric
