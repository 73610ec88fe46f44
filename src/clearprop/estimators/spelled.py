"""Activations and starts by their names, as scikit-learn and the command line spell them."""

from collections.abc import Sequence
from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.engine.initializers import Initializer, XavierUniform
from clearprop.engine.layers.activations import Activation, Identity, Sigmoid
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.kinds.kind_tables import LAYERS
from clearprop.training.arguments import loss_of

# What scikit-learn calls otherwise.
ALIASES: dict[str, type[Layer]] = {"logistic": Sigmoid, "linear": Identity}

LOSS_ALIASES = {"squared_error": "mse", "absolute_error": "mae", "poisson": "poissonnll"}


def loss_named(given: Any) -> Loss | None:
    """A loss, its name or its class; None for None. Raises ConfigurationError."""
    if given is None:
        return None
    return loss_of(LOSS_ALIASES.get(given, given) if isinstance(given, str) else given)


def activations_of(given: Any) -> tuple[Layer, ...]:
    """A name, a layer, or one of them for each hidden layer, as layers. Raises
    ConfigurationError."""
    items: Sequence[Any] = given if isinstance(given, list | tuple) else (given,)
    return tuple(_activation(one) for one in items)


def _activation(given: Any) -> Layer:
    if isinstance(given, Activation):
        return given
    if isinstance(given, type) and issubclass(given, Activation) and given is not Activation:
        return given()
    known = {
        name.lower(): kind
        for name, kind in LAYERS.items()
        if issubclass(kind, Activation) and kind is not Activation
    } | ALIASES
    kind = known.get(str(given).lower().replace("_", "")) if isinstance(given, str) else None
    if kind is None:
        raise ConfigurationError("activation_unknown", value=given, known=", ".join(sorted(known)))
    return kind()


def start_named(name: str) -> Initializer | None:
    """How weights start: None is the network's own way, He's. Raises ConfigurationError."""
    if name not in ("he", "glorot"):
        raise ConfigurationError("start_unknown", value=name)
    return XavierUniform() if name == "glorot" else None
