"""The one table of losses: name → class, with small examples of each.

What runs over every loss (the conformance tests, loading a checkpoint) reads this table. A loss
that is not in it does not exist for them, and a test fails until it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses.binary_cross_entropy import BinaryCrossEntropy
from clearprop.engine.losses.cross_entropy import CrossEntropy
from clearprop.engine.losses.loss import Loss
from clearprop.engine.losses.poisson import PoissonNLL
from clearprop.engine.losses.regression import MAE, MSE, Huber

Draw = Callable[["np.random.Generator", int, int], Array]


def measurements(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers of either sign."""
    return 2 * generator.normal(size=(samples, outputs))


def shares(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers from 0 to 1, each by itself, about half of them 0 or 1 exactly."""
    return np.clip(generator.uniform(-0.5, 1.5, (samples, outputs)), 0, 1)


def classes(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Class ids (N,)."""
    return generator.integers(outputs, size=samples)


def probabilities(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Rows that sum to 1."""
    return generator.dirichlet(np.ones(outputs), samples)


def counts(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Whole numbers from 0, as floats."""
    return generator.poisson(2.0, (samples, outputs)).astype(np.float64)


def rates(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers above 0."""
    return generator.uniform(0.5, 4.0, (samples, outputs))


@dataclass(frozen=True)
class Example:
    """One loss at work: the loss, its number of outputs, and what outputs and targets it takes."""

    loss: Loss
    outputs: int
    target: Draw
    output: Draw = measurements

    def draw(self, generator: "np.random.Generator", samples: int) -> tuple[Array, Array]:
        """An output (N, D) and a target that goes with it, in float64."""
        output = self.output(generator, samples, self.outputs)
        return output, self.target(generator, samples, self.outputs)


EXAMPLES: dict[type[Loss], tuple[Example, ...]] = {
    MSE: (
        Example(MSE(), 3, measurements),
        Example(MSE(), 1, measurements),
        Example(MSE(reduction="sum"), 2, measurements),
    ),
    MAE: (
        Example(MAE(), 3, measurements),
        Example(MAE(reduction="sum"), 1, measurements),
    ),
    Huber: (
        Example(Huber(), 3, measurements),
        Example(Huber(delta=2.5, reduction="sum"), 1, measurements),
    ),
    BinaryCrossEntropy: (
        Example(BinaryCrossEntropy(), 1, shares),
        Example(BinaryCrossEntropy(weight=(1, 0.5, 2), pos_weight=(3, 1, 0.25)), 3, shares),
        Example(BinaryCrossEntropy(reduction="sum"), 2, shares),
    ),
    CrossEntropy: (
        Example(CrossEntropy(), 3, classes),
        Example(CrossEntropy(weight=(1, 0.5, 2), label_smoothing=0.1), 3, classes),
        Example(CrossEntropy(), 4, probabilities),
        Example(CrossEntropy(weight=(1, 0.5, 2), label_smoothing=0.1), 3, probabilities),
        Example(CrossEntropy(reduction="sum"), 2, classes),
    ),
    PoissonNLL: (
        Example(PoissonNLL(), 2, counts),
        Example(PoissonNLL(full=True, reduction="sum"), 1, counts),
        Example(PoissonNLL(log_input=False, full=True), 3, counts, rates),
    ),
}

LOSSES: dict[str, type[Loss]] = {kind.__name__: kind for kind in EXAMPLES}
