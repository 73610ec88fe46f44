"""What every fit here has in common: it leaves nothing half done, and where its numbers are drawn
from."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils import check_random_state

Fit = TypeVar("Fit", bound=Callable[..., Any])


def all_or_nothing(fit: Fit) -> Fit:
    """A fit that does not come to its end leaves the estimator as it was: a model that was good
    before predicts as it did, and not with the classes and columns of the fit that failed."""

    @wraps(fit)
    def whole(self: Any, *given: Any, **named: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *given, **named)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Fit, whole)


def seed_of(model: Any, *, going_on: bool) -> int:
    """The seed that an estimator's `random_state` says. One that is drawn is kept for the fits that
    go on from this one, which hold out the same rows."""
    state = model.random_state
    if isinstance(state, int | np.integer):
        return int(state)
    if not going_on or not hasattr(model, "_seed"):
        model._seed = int(check_random_state(state).randint(2**31 - 1))
    return int(model._seed)
