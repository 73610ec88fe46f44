"""What a layer's settings must be: each is checked, and kept as Python's own number, which JSON
knows. The functions are for `__post_init__` and raise ConfigurationError."""

import numpy as np

from clearprop.arrays import is_finite_number
from clearprop.errors import ConfigurationError
from clearprop.layers.contract import Layer


def require_sizes(layer: Layer, *names: str) -> None:
    """The settings of these names are whole numbers >= 1."""
    for name in names:
        size = getattr(layer, name)
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise _refused("size_invalid", layer, name)
        object.__setattr__(layer, name, int(size))


def require_numbers(layer: Layer, *names: str) -> None:
    """The settings of these names are finite numbers."""
    for name in names:
        if not is_finite_number(getattr(layer, name)):
            raise _refused("layer_number_invalid", layer, name)
        object.__setattr__(layer, name, float(getattr(layer, name)))


def require_positive(layer: Layer, *names: str) -> None:
    """The settings of these names are finite numbers above 0."""
    for name in names:
        value = getattr(layer, name)
        if not is_finite_number(value) or value <= 0:
            raise _refused("number_not_positive", layer, name)
        object.__setattr__(layer, name, float(value))


def require_fractions(layer: Layer, *names: str) -> None:
    """The settings of these names are numbers from 0 to 1, both included."""
    for name in names:
        value = getattr(layer, name)
        if not is_finite_number(value) or not 0 <= value <= 1:
            raise _refused("fraction_invalid", layer, name)
        object.__setattr__(layer, name, float(value))


def _refused(key: str, layer: Layer, name: str) -> ConfigurationError:
    return ConfigurationError(
        key, layer=type(layer).__name__, name=name, value=getattr(layer, name)
    )
