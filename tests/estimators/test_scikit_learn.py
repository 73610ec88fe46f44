"""scikit-learn's own checks of an estimator, all of them."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from clearprop.estimators import NetworkClassifier, NetworkRegressor
from tests.sweeps import quick_where

CHECKS = parametrize_with_checks([NetworkRegressor(), NetworkClassifier()])
CASES = list(CHECKS.args[1])
OF_REGRESSION = {
    check.func.__name__ for estimator, check in CASES if isinstance(estimator, NetworkRegressor)
}


def is_quick(_: int, case: tuple[Any, Any]) -> bool:
    """What both are asked is asked of one of them: they learn by the same code."""
    estimator, check = case
    return isinstance(estimator, NetworkRegressor) or check.func.__name__ not in OF_REGRESSION


@pytest.mark.parametrize(("estimator", "check"), quick_where(CASES, is_quick), **CHECKS.kwargs)
def test_what_scikit_learn_asks_of_every_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
