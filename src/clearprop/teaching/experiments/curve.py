"""A curved data set where ReLU wins: what the tutorial promises, on data that can show it."""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.teaching.experiments.data import (
    CURVED_NOISE,
    LeastSquares,
    RegressionData,
    curved_data,
    least_squares,
)
from clearprop.teaching.experiments.progress import Progress, part, silent
from clearprop.teaching.experiments.studies import Study, study
from clearprop.teaching.experiments.tutorial_networks import with_relu, without_activation

STEPS = 500
LEARNING_RATE = 0.03
SEEDS = range(20)


class CurvedFit(NamedTuple):
    """Both networks on the parabola, from 20 starts each, and their fits from the middle start.

    line          the best straight line: what no network without activation can beat
    noise         the variance of the noise: what no fit can be expected to go much below
    ..._params    (P,): each network trained from the start whose final loss is the median
    fit_x, ...    (M, 1): the range of x, and the output of those networks over it
    """

    data: RegressionData
    line: LeastSquares
    linear: Study
    relu: Study
    noise: float
    linear_params: Array
    relu_params: Array
    fit_x: Array
    linear_fit: Array
    relu_fit: Array


def curved_fit(
    dtype: str = "float64", progress: Progress = silent, *, engine: str = "auto"
) -> CurvedFit:
    """Train both networks on `curved_data` from PyTorch's default distribution of starts."""
    data = curved_data(dtype)
    fit_x = np.linspace(data.x.min(), data.x.max(), 301, dtype=data.x.dtype)[:, None]
    studies: list[Study] = []
    trained: list[Array] = []
    fits: list[Array] = []
    cases = (("linear", without_activation()), ("relu", with_relu()))
    for index, (name, network) in enumerate(cases):
        result = study(
            name,
            network,
            network.initialize(SEEDS, dtype=dtype),
            data,
            learning_rate=LEARNING_RATE,
            steps=STEPS,
            engine=engine,
            progress=part(progress, index, len(cases)),
        )
        middle = np.argsort(result.final)[len(SEEDS) // 2]
        studies.append(result)
        trained.append(result.params[middle])
        fits.append(network.predict(result.params[middle], fit_x))
    return CurvedFit(
        data=data,
        line=least_squares(data),
        linear=studies[0],
        relu=studies[1],
        noise=CURVED_NOISE**2,
        linear_params=trained[0],
        relu_params=trained[1],
        fit_x=fit_x,
        linear_fit=fits[0],
        relu_fit=fits[1],
    )
