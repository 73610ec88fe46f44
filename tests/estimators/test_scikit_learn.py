"""scikit-learn's own checks of an estimator, all of them."""

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from clearprop.estimators import NetworkClassifier, NetworkRegressor


@parametrize_with_checks([NetworkRegressor(), NetworkClassifier()])  # type: ignore[untyped-decorator]
def test_what_scikit_learn_asks_of_every_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
