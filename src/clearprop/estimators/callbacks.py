"""Those who are told of every epoch, and may end the training."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.base.errors import ConfigurationError


def callbacks_of(given: Any) -> tuple[Callable[[Any], Any], ...]:
    """One function, several, or None for none. Raises ConfigurationError for anything else."""
    if given is None:
        return ()
    several = tuple(given) if isinstance(given, list | tuple) else (given,)
    for one in several:
        if not callable(one):
            raise ConfigurationError("callback_not_callable", value=one)
    return several


def anyone_ends(callbacks: Sequence[Callable[[Any], Any]], epoch: Any) -> bool:
    """Tell all of them, also those behind one that ends the training; whether one of them answered
    True, Python's or NumPy's. Any other answer says nothing."""
    answers = [callback(epoch) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)
