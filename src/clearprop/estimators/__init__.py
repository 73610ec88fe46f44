"""Networks for tables: several at once, with defaults that are good, behind scikit-learn's
interface."""

from typing import TYPE_CHECKING, Any

from clearprop.base.dependencies import require

if TYPE_CHECKING:
    from clearprop.estimators.network_estimators import NetworkClassifier as NetworkClassifier
    from clearprop.estimators.network_estimators import NetworkRegressor as NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import, and not everything in this room needs it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("sklearn")
    from clearprop.estimators import network_estimators

    return getattr(network_estimators, name)
