"""Networks for tables: several at once, with defaults that are good, behind scikit-learn's
interface."""

from typing import TYPE_CHECKING, Any

from clearprop.base.dependencies import require

if TYPE_CHECKING:
    from clearprop.estimators.from_elsewhere import from_onnx as from_onnx
    from clearprop.estimators.from_elsewhere import from_sklearn as from_sklearn
    from clearprop.estimators.network_estimators import NetworkClassifier as NetworkClassifier
    from clearprop.estimators.network_estimators import NetworkRegressor as NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor", "from_onnx", "from_sklearn"]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import, and not everything in this room needs it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("sklearn")
    from clearprop.estimators import from_elsewhere, network_estimators

    return getattr(from_elsewhere if name.startswith("from_") else network_estimators, name)
