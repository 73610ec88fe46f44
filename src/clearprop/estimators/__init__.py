"""Networks for tables, several at once, with defaults that are good, and layers of one's own: both
behind scikit-learn's interface."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clearprop.base.dependencies import require

if TYPE_CHECKING:
    from clearprop.estimators.from_elsewhere import from_onnx as from_onnx
    from clearprop.estimators.from_elsewhere import from_sklearn as from_sklearn
    from clearprop.estimators.layer_estimators import LayerClassifier as LayerClassifier
    from clearprop.estimators.layer_estimators import LayerRegressor as LayerRegressor
    from clearprop.estimators.network_estimators import NetworkClassifier as NetworkClassifier
    from clearprop.estimators.network_estimators import NetworkRegressor as NetworkRegressor
    from clearprop.estimators.sweep_results import SweepResults as SweepResults
    from clearprop.estimators.sweep_space import Range as Range
    from clearprop.estimators.sweeping import sweep as sweep

_HOMES = {
    "LayerClassifier": "layer_estimators",
    "LayerRegressor": "layer_estimators",
    "NetworkClassifier": "network_estimators",
    "NetworkRegressor": "network_estimators",
    "Range": "sweep_space",
    "SweepResults": "sweep_results",
    "from_onnx": "from_elsewhere",
    "from_sklearn": "from_elsewhere",
    "sweep": "sweeping",
}
__all__ = [
    "LayerClassifier",
    "LayerRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "Range",
    "SweepResults",
    "from_onnx",
    "from_sklearn",
    "sweep",
]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import, and not everything in this room needs it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("sklearn")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
