"""What a layer's settings must be, in a layer's own words: `validation` checks them and keeps them
as Python's own numbers. The functions are for `__post_init__` and raise ConfigurationError."""

from clearprop.base.settings import ABOVE_0, FINITE, UP_TO_1, settle_number, settle_whole
from clearprop.engine.layers.layer import Layer


def require_sizes(layer: Layer, *names: str) -> None:
    """The settings of these names are whole numbers >= 1."""
    for name in names:
        settle_whole(layer, name, 1, error="size_invalid")


def require_numbers(layer: Layer, *names: str) -> None:
    """The settings of these names are finite numbers."""
    for name in names:
        settle_number(layer, name, FINITE, error="layer_number_invalid")


def require_positive(layer: Layer, *names: str) -> None:
    """The settings of these names are finite numbers above 0."""
    for name in names:
        settle_number(layer, name, ABOVE_0, error="number_not_positive")


def require_fractions(layer: Layer, *names: str) -> None:
    """The settings of these names are numbers from 0 to 1, both included."""
    for name in names:
        settle_number(layer, name, UP_TO_1, error="fraction_invalid")
