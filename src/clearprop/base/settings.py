"""Settings checked once, when a configurable object is made, and kept as Python's own numbers.

    def __post_init__(self) -> None:
        settle_number(self, "momentum", AT_LEAST_0)

A NumPy scalar would turn float32 arrays into float64 ones, and JSON has none; so what is settled is
a float, an int or a bool. Each function raises ConfigurationError with a sentence that names the
class, the setting, the condition and what came; `error` is the key of another sentence for it.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from clearprop.base.arrays import is_finite_number
from clearprop.base.errors import ConfigurationError

# Written as a reader of any language understands them.
FINITE = "|{name}| < ∞"
AT_LEAST_0 = "{name} >= 0"
ABOVE_0 = "{name} > 0"
BELOW_1 = "0 <= {name} < 1"
UP_TO_1 = "0 <= {name} <= 1"
INSIDE_0_1 = "0 < {name} < 1"

# None of them holds for NaN, which stands here for whatever is no finite number.
_CONDITIONS: Mapping[str, Callable[[float], bool]] = {
    FINITE: np.isfinite,
    AT_LEAST_0: lambda value: value >= 0,
    ABOVE_0: lambda value: value > 0,
    BELOW_1: lambda value: 0 <= value < 1,
    UP_TO_1: lambda value: 0 <= value <= 1,
    INSIDE_0_1: lambda value: 0 < value < 1,
}


def settle_number(
    owner: object, name: str, condition: str, *, error: str = "setting_number"
) -> None:
    """Make the setting a float that is finite and keeps the condition."""
    _keep(owner, name, _number(owner, name, getattr(owner, name), condition, error))


def settle_numbers(owner: object, name: str, condition: str, count: int | None = None) -> None:
    """Make the setting a tuple of such floats; `count` of them, or at least one. Raises
    ConfigurationError where that cannot be."""
    values = getattr(owner, name)
    items = tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else ()
    if not items or (count is not None and len(items) != count):
        raise ConfigurationError(
            "setting_numbers",
            owner=type(owner).__name__,
            name=name,
            count="N" if count is None else count,
            value=values,
        )
    settled = (_number(owner, name, item, condition, "setting_number") for item in items)
    _keep(owner, name, tuple(settled))


def settle_whole(owner: object, name: str, least: int, *, error: str = "setting_whole") -> None:
    """Make the setting an int of at least `least`. Raises ConfigurationError for anything else."""
    value = getattr(owner, name)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigurationError(
            error, owner=type(owner).__name__, name=name, least=least, value=value
        )
    _keep(owner, name, int(value))


def settle_flag(owner: object, name: str) -> None:
    """Make the setting a bool. Raises ConfigurationError for anything else."""
    value = getattr(owner, name)
    if not isinstance(value, bool | np.bool_):
        raise ConfigurationError("setting_flag", owner=type(owner).__name__, name=name, value=value)
    _keep(owner, name, bool(value))


def settle_axis(owner: object, name: str = "axis") -> None:
    """Make the setting the number of an axis from the end, −1 or less."""
    axis = getattr(owner, name)
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or axis > -1:
        raise ConfigurationError("axis_invalid", layer=type(owner).__name__, value=axis)
    _keep(owner, name, int(axis))


def settle_choice(
    owner: object, name: str, known: Iterable[str], *, error: str = "setting_choice"
) -> None:
    """Refuse the setting unless it is one of the names that are known. Raises
    ConfigurationError."""
    value, known = getattr(owner, name), tuple(known)
    if not isinstance(value, str) or value not in known:
        raise ConfigurationError(
            error,
            owner=type(owner).__name__,
            name=name,
            known=", ".join(known),
            value=value,
        )


def require_sizes(owner: object, *names: str) -> None:
    """Each of these settings is a whole number >= 1."""
    for name in names:
        settle_whole(owner, name, 1, error="size_invalid")


def require_numbers(owner: object, *names: str) -> None:
    """Each of these settings is a finite number."""
    for name in names:
        settle_number(owner, name, FINITE, error="layer_number_invalid")


def require_positive(owner: object, *names: str) -> None:
    """Each of these settings is a finite number above 0."""
    for name in names:
        settle_number(owner, name, ABOVE_0, error="number_not_positive")


def require_fractions(owner: object, *names: str) -> None:
    """Each of these settings is a number from 0 to 1, both included."""
    for name in names:
        settle_number(owner, name, UP_TO_1, error="fraction_invalid")


def _number(owner: object, name: str, value: object, condition: str, error: str) -> float:
    number = float(value) if is_finite_number(value) else float("nan")  # type: ignore[arg-type]
    if not _CONDITIONS[condition](number):
        raise ConfigurationError(
            error,
            owner=type(owner).__name__,
            name=name,
            condition=condition.format(name=name),
            value=value,
        )
    return number


def _keep(owner: object, name: str, value: object) -> None:
    object.__setattr__(owner, name, value)  # the way of a frozen dataclass's __post_init__
