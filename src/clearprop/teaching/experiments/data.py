"""The data: the tutorial's line with noise (S3), and a curve on which ReLU has something to do."""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, freeze, keyed_generator
from clearprop.base.dependencies import require


class RegressionData(NamedTuple):
    """Samples in rows: x (N, 1) and target (N, 1)."""

    x: Array
    target: Array

    @property
    def variance(self) -> float:
        """var(t): the mean squared error of always answering the mean."""
        return float(np.var(self.target, dtype=np.float64))


class LeastSquares(NamedTuple):
    """The best straight line, in closed form: no network without activation gets below its mse."""

    slope: float
    intercept: float
    mse: float


def regression_data(dtype: str = "float64") -> RegressionData:
    """scikit-learn's make_regression as the tutorial calls it, the target as a column.

    Raises MissingDependencyError without scikit-learn.
    """
    require("sklearn")
    from sklearn.datasets import make_regression

    x, target = make_regression(100, n_features=1, n_targets=1, noise=10, random_state=3)
    return _data(x, target.reshape(-1, 1), dtype)


CURVED_NOISE = 0.5


def curved_data(dtype: str = "float64") -> RegressionData:
    """A parabola with noise: t = x² + ε, x from U[−3, 3), ε from N(0, ½²), 100 samples."""
    generator = keyed_generator(0, path="curved")
    x = generator.uniform(-3, 3, (100, 1))
    return _data(x, x**2 + generator.normal(0, CURVED_NOISE, x.shape), dtype)


def least_squares(data: RegressionData) -> LeastSquares:
    """The line through the data with the least mean squared error."""
    x, target = data.x.astype(np.float64), data.target.astype(np.float64)
    design = np.hstack([x, np.ones_like(x)])
    (slope, intercept), *_ = np.linalg.lstsq(design, target[:, 0], rcond=None)
    mse = np.mean((design @ [[slope], [intercept]] - target) ** 2)
    return LeastSquares(float(slope), float(intercept), float(mse))


def _data(x: Array, target: Array, dtype: str) -> RegressionData:
    return RegressionData(freeze(x.astype(dtype)), freeze(target.astype(dtype)))
