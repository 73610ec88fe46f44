"""scikit-learn's handwritten digits: 1,797 images of 8 × 8."""

from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require


class Digits(NamedTuple):
    """x (N, 1, 8, 8) from 0 to 1, and what every image shows (N,)."""

    x: Array
    target: Array


def load_digits() -> Digits:
    """The digits. Raises MissingDependencyError without scikit-learn."""
    require("sklearn")
    from sklearn.datasets import load_digits as load

    x, target = load(return_X_y=True)
    return Digits(x.reshape(-1, 1, 8, 8) / 16, target)
