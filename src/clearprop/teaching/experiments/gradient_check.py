"""The tutorial's printed backward pass against finite differences, and what gives the mistake away.

For every parameter array: the printed gradient, the right one and the one by central differences.
Then the evidence: ∂C/∂W₂ as printed equals zᵀ dz₂ to the last digit, where aᵀ dz₂ is right; the two
differ in the units of which z is negative for some sample.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.witnesses.finite_differences import Differences, network_differences
from clearprop.engine.losses import MSE
from clearprop.engine.network import Network
from clearprop.teaching.experiments.data import RegressionData
from clearprop.teaching.experiments.tutorial_networks import (
    tutorial_start,
    with_relu,
    with_relu_as_printed,
)

# The names of the tutorial, in the order of the flat array.
ARRAYS = {"W1": slice(0, 10), "b1": slice(10, 20), "W2": slice(20, 30), "b2": slice(30, 31)}
# Central differences in float64 leave about ten digits of a well-scaled gradient.
TOLERANCE = 1e-6


class ArrayCheck(NamedTuple):
    """One parameter array against finite differences: the largest difference, divided by the
    array's own largest entry, for the printed and for the right backward."""

    name: str
    printed_error: float
    right_error: float

    @property
    def printed_is_right(self) -> bool:
        """Whether finite differences let the printed gradient pass."""
        return self.printed_error <= TOLERANCE


class GradientCheck(NamedTuple):
    """The check of all arrays, and the gradients (31,) that it compared.

    z_explains  the largest difference between the printed ∂C/∂W₂ and zᵀ dz₂, relative
    negative    (10,) for how many samples each hidden unit's z is negative
    """

    arrays: tuple[ArrayCheck, ...]
    printed: Array
    right: Array
    differences: Differences
    z_explains: float
    negative: Array


def check_printed_backward(data: RegressionData, seed: int = 0) -> GradientCheck:
    """Check both backward passes at the tutorial's start; data in float64."""
    params = tutorial_start(range(seed, seed + 1))[0]
    network = with_relu()
    printed, right = (_gradient(one, params, data) for one in (with_relu_as_printed(), network))
    differences = network_differences(network, params, data.x, data.target, MSE())
    forward = network.forward(params, data.x)
    z = forward["layers[0]"].output
    dz2 = MSE().evaluate(forward.output, data.target).gradient
    checks = tuple(
        ArrayCheck(
            name,
            _error(printed[part], differences.gradient[part]),
            _error(right[part], differences.gradient[part]),
        )
        for name, part in ARRAYS.items()
    )
    z_explains = _error((z.T @ dz2).ravel(), printed[ARRAYS["W2"]])
    return GradientCheck(
        arrays=checks,
        printed=printed,
        right=right,
        differences=differences,
        z_explains=z_explains,
        negative=(z < 0).sum(axis=0),
    )


def _gradient(network: Network, params: Array, data: RegressionData) -> Array:
    forward = network.forward(params, data.x)
    result = MSE().evaluate(forward.output, data.target)
    return network.backward(forward, result.gradient).gradient


def _error(values: Array, reference: Array) -> float:
    return float(np.max(np.abs(values - reference)) / np.max(np.abs(reference)))
