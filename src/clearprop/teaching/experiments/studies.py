"""Many starts at once: how far the result depends on the weights that a training starts from.

K starts are one array (K, 31) and train as one network with a leading axis: an ordinary use of the
engine. Recipe: seeds 0 to K − 1; the final loss is the last step's, from before its update.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.formats import torch_twin
from clearprop.teaching.experiments.data import RegressionData
from clearprop.teaching.experiments.progress import Progress, part, silent
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.tutorial_networks import (
    ReLUThenLinearAsPrinted,
    tutorial_start,
    with_relu,
    with_relu_as_printed,
    without_activation,
)
from clearprop.training import fit_many

# What became of a training from one start.
TrainingOutcome: TypeAlias = Literal["trained", "grown", "dead", "overflow"]


class Study(NamedTuple):
    """K trainings of one network.

    losses    (steps, K) each from before its update
    params    (K, P) after the last update
    overflow  (K,) a loss or a parameter is not finite
    dead      (K,) finite, and every ReLU gives 0 for every sample: no gradient is left
    """

    name: str
    learning_rate: float
    losses: Array
    params: Array
    overflow: Array
    dead: Array

    @property
    def final(self) -> Array:
        """(K,) the last step's losses; NaN or infinite where a training overflowed."""
        final: Array = self.losses[-1]
        return final

    @property
    def finite(self) -> Array:
        """The final losses that are numbers."""
        return self.final[np.isfinite(self.final)]

    @property
    def grown(self) -> Array:
        """(K,) overflowed, or ended with a larger loss than it started with."""
        grown: Array = self.overflow | (self.losses[-1] > self.losses[0])
        return grown

    @property
    def outcomes(self) -> Mapping[TrainingOutcome, Array]:
        """(K,) masks, one outcome for every start: trained, ended worse, died, overflowed."""
        grown = self.grown & ~self.overflow & ~self.dead
        return {
            "trained": ~(grown | self.dead | self.overflow),
            "grown": grown,
            "dead": self.dead,
            "overflow": self.overflow,
        }


def study(
    name: str,
    network: Network,
    starts: Array,
    data: RegressionData,
    *,
    learning_rate: float,
    steps: int,
    progress: Progress = silent,
) -> Study:
    """Train from every row of `starts` (K, P) at once."""
    trained = fit_many(
        network,
        starts,
        data.x,
        data.target,
        optimizer=SGD(learning_rate),
        epochs=steps,
        progress=progress,
    )
    history = trained.losses
    finite = np.isfinite(history).all(axis=0) & np.isfinite(trained.params).all(axis=1)
    overflow = np.logical_not(np.asarray(finite))
    dead = _dead(network, trained.params, data) & ~overflow
    return Study(
        name=name,
        learning_rate=learning_rate,
        losses=history,
        params=trained.params,
        overflow=overflow,
        dead=dead,
    )


def seed_studies(
    data: RegressionData, settings: ReproductionSettings, progress: Progress = silent
) -> tuple[Study, ...]:
    """The tutorial's start without activation, with ReLU as printed and right; then PyTorch's start
    without activation and with ReLU. Where PyTorch is not used, our own draws of the same
    distribution stand in for it."""
    seeds = range(settings.seeds)
    tutorial = tutorial_start(seeds, settings.dtype)
    pytorch = pytorch_starts(settings)
    rate = settings.learning_rate
    cases = [
        ("tutorial_linear", without_activation(), tutorial, rate),
        ("tutorial_relu_as_printed", with_relu_as_printed(), tutorial, rate),
        ("tutorial_relu", with_relu(), tutorial, rate),
        ("pytorch_linear", without_activation(), pytorch, rate),
        ("pytorch_relu", with_relu(), pytorch, rate),
    ]
    return _one_after_another(cases, data, settings, progress)


def learning_rate_studies(
    data: RegressionData,
    settings: ReproductionSettings,
    rates: tuple[float, ...],
    progress: Progress = silent,
) -> tuple[Study, ...]:
    """Both networks from the tutorial's start at every rate; names "linear" and "relu"."""
    starts = tutorial_start(range(settings.seeds), settings.dtype)
    cases = [
        (name, network, starts, rate)
        for name, network in (("linear", without_activation()), ("relu", with_relu()))
        for rate in rates
    ]
    return _one_after_another(cases, data, settings, progress)


def pytorch_starts(settings: ReproductionSettings) -> Array:
    """(K, 31): `torch.manual_seed(seed)` and torch's default start, or ours without PyTorch."""
    network, seeds = with_relu(), range(settings.seeds)
    if settings.with_torch and is_installed("torch"):
        starts = [torch_twin.default_start(network, seed, settings.dtype) for seed in seeds]
        return np.array(starts)
    return network.initialize(seeds, dtype=settings.dtype)


def _one_after_another(
    cases: list[tuple[str, Network, Array, float]],
    data: RegressionData,
    settings: ReproductionSettings,
    progress: Progress,
) -> tuple[Study, ...]:
    """The studies of (name, network, starts, learning rate)."""
    return tuple(
        study(
            name,
            network,
            starts,
            data,
            learning_rate=rate,
            steps=settings.steps,
            progress=part(progress, index, len(cases)),
        )
        for index, (name, network, starts, rate) in enumerate(cases)
    )


def _dead(network: Network, params: Array, data: RegressionData) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        forward = network.forward(params, data.x)
        activations = [
            record.cache.a
            for record in forward.records
            if isinstance(record.layer, ReLU | ReLUThenLinearAsPrinted)
        ]
        if not activations:
            return np.zeros(len(params), bool)
        dead: Array = np.any([~(a > 0).any(axis=(-2, -1)) for a in activations], axis=0)
    return dead
