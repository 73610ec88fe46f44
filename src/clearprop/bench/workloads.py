"""What is measured: networks from the tutorial's to one whose products take all the time."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from clearprop.base.arrays import Array, freeze, keyed_generator
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import MSE, CrossEntropy, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Adam, Optimizer


@dataclass(frozen=True, eq=False)
class Workload:
    """Linear layers of these widths with ReLU between them, and how they are trained.

    samples   all of them are one batch unless `batch` is smaller; then they are shuffled anew in
              every epoch, as `fit` does
    classes   whether the loss is the cross-entropy of class ids, or the squared error
    adam      whether Adam steps, or plain gradient descent
    networks  how many of them, each from a start of its own; None for one
    steps     of one run that is timed
    """

    name: str
    widths: tuple[int, ...]
    samples: int
    batch: int
    classes: bool
    adam: bool
    learning_rate: float
    steps: int
    networks: int | None = None
    dtype: str = "float32"

    @cached_property
    def network(self) -> Network:
        """Ours."""
        layers: list[Layer] = []
        for inputs, outputs in pairwise(self.widths):
            layers += [Linear(inputs, outputs), ReLU()]
        return Network(Sequential(*layers[:-1]))

    @property
    def loss(self) -> Loss:
        """Ours."""
        return CrossEntropy() if self.classes else MSE()

    @property
    def optimizer(self) -> Optimizer:
        """Ours."""
        return Adam(self.learning_rate) if self.adam else SGD(self.learning_rate)

    @property
    def is_shuffled(self) -> bool:
        """Whether a step takes some of the samples."""
        return self.batch < self.samples

    @property
    def steps_per_epoch(self) -> int:
        """How many steps all samples are."""
        return -(-self.samples // self.batch)

    def epochs(self, steps: int) -> int:
        """The epochs of so many steps, which are whole epochs."""
        return steps // self.steps_per_epoch

    @cached_property
    def x(self) -> Array:
        """(samples, features) normally distributed."""
        drawn = keyed_generator(0, 0, "bench.x").standard_normal((self.samples, self.widths[0]))
        return freeze(drawn.astype(self.dtype))

    @cached_property
    def target(self) -> Array:
        """Class ids, (samples,), or numbers, (samples, outputs): what a network can learn."""
        teacher = keyed_generator(0, 0, "bench.teacher")
        slopes = teacher.standard_normal((self.widths[0], self.widths[-1]))
        score = np.tanh(self.x @ slopes.astype(self.dtype))
        return freeze(score.argmax(axis=1)) if self.classes else freeze(score)

    @cached_property
    def start(self) -> Array:
        """(P,), or (networks, P)."""
        seeds = 0 if self.networks is None else range(self.networks)
        return freeze(self.network.initialize(seeds, dtype=self.dtype))

    @cached_property
    def order(self) -> Array | None:
        """(epochs, samples) the shuffles of a timed run, which every peer takes; None where every
        step takes all samples as they are."""
        if not self.is_shuffled:
            return None
        epochs = range(self.epochs(self.steps))
        return np.stack(
            [keyed_generator(0, one, "shuffle").permutation(self.samples) for one in epochs]
        )

    def parameters(self) -> list[tuple[Array, Array]]:
        """Copies of every layer's weight (in, out) and bias (out,), or (networks, in, out) and
        (networks, out)."""
        leading = () if self.networks is None else (self.networks,)
        found, first = [], 0
        for inputs, outputs in pairwise(self.widths):
            between, last = first + inputs * outputs, first + (inputs + 1) * outputs
            weight = self.start[..., first:between].reshape(*leading, inputs, outputs)
            found.append((weight.copy(), self.start[..., between:last].copy()))
            first = last
        return found


def of_dtype(workload: Workload, dtype: str) -> Workload:
    """The same in another dtype."""
    return replace(workload, dtype=dtype)


def _one_batch(name: str, *widths: int, batch: int, steps: int, adam: bool = False) -> Workload:
    rate = 1e-3 if adam else 0.01
    return Workload(name, widths, batch, batch, True, adam, rate, steps)


# In the order of their sizes; steps so that a run takes some tens of milliseconds, and what a call
# takes before its first step is little beside that.
WORKLOADS = {
    one.name: one
    for one in (
        Workload("1-10-1", (1, 10, 1), 100, 100, False, False, 0.01, 10000),
        _one_batch("64-128-10", 64, 128, 10, batch=128, steps=1000),
        _one_batch("64-128-10-adam", 64, 128, 10, batch=128, steps=1000, adam=True),
        _one_batch("784-128-128-10", 784, 128, 128, 10, batch=32, steps=400),
        _one_batch("784-256-10", 784, 256, 10, batch=128, steps=100),
        _one_batch("1024-1024-1024-10", 1024, 1024, 1024, 10, batch=512, steps=2),
        Workload("1000x1-10-1", (1, 10, 1), 100, 100, False, False, 0.01, 200, networks=1000),
        # scikit-learn's digits by their numbers, a whole fit: 200 epochs.
        Workload("digits", (64, 100, 10), 1797, 200, True, True, 1e-3, 1800),
    )
}
