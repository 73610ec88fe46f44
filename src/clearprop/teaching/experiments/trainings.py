"""The tutorial's trainings: S12 without activation, S13 with ReLU as printed and done right."""

import warnings
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.teaching.experiments.data import RegressionData
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.tutorial_networks import (
    tutorial_start,
    with_relu,
    with_relu_as_printed,
    without_activation,
)
from clearprop.training import DivergenceWarning, TrainingState, fit


class TrainingRun(NamedTuple):
    """One training: what was trained, from where, and what came of it.

    losses  (steps,) each from before its update
    state   where it ended; `state.params` are the parameters after the last update
    fit_x, fit_y  the trained network's output over the range of x, (M, 1) each
    """

    name: str
    network: Network
    start: Array
    losses: Array
    state: TrainingState
    fit_x: Array
    fit_y: Array

    @property
    def final_loss(self) -> float:
        """The last step's loss, from before its update."""
        return float(self.losses[-1])

    @property
    def diverged(self) -> bool:
        """Whether any loss or parameter overflowed."""
        return not (np.isfinite(self.losses).all() and np.isfinite(self.state.params).all())


class Trainings(NamedTuple):
    """The three runs, from the same start where their networks have the same parameters."""

    linear: TrainingRun
    relu_as_printed: TrainingRun
    relu: TrainingRun


def train_all(data: RegressionData, settings: ReproductionSettings) -> Trainings:
    """S12 and S13 from the tutorial's start, seed 0, with the settings' steps and rate."""
    start = tutorial_start(range(1), settings.dtype)[0]
    return Trainings(
        run("linear", without_activation(), start, data, settings),
        run("relu_as_printed", with_relu_as_printed(), start, data, settings),
        run("relu", with_relu(), start, data, settings),
    )


def run(
    name: str, network: Network, start: Array, data: RegressionData, settings: ReproductionSettings
) -> TrainingRun:
    """One training of `network` from `start`, and its fit."""
    with warnings.catch_warnings():
        # The report says itself where a training diverges.
        warnings.simplefilter("ignore", DivergenceWarning)
        training = fit(
            network,
            start,
            data.x,
            data.target,
            optimizer=SGD(settings.learning_rate),
            epochs=settings.steps,
            engine=settings.engine,
        )
    fit_x = np.linspace(data.x.min(), data.x.max(), 201, dtype=data.x.dtype)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        fit_y = network.predict(training.params, fit_x)
    return TrainingRun(
        name=name,
        network=network,
        start=start,
        losses=training.losses,
        state=training.state,
        fit_x=fit_x,
        fit_y=fit_y,
    )
