"""A network of one's own trained for an estimator: epoch by epoch, judged on held-out samples."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import DataError
from clearprop.engine.known_side_inputs import SideInputs
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.estimators.callbacks import anyone_ends
from clearprop.training import DivergenceEvent, DivergenceWarning, TrainingState, train

# So many samples a prediction takes at once, so that its memory does not grow with them.
CHUNK = 1024


class LayerSamples(NamedTuple):
    """Samples as a network and its loss take them, with what stands beside x."""

    x: Array
    target: Array
    weight: Array | None
    beside: SideInputs

    def take(self, rows: Array) -> "LayerSamples":
        """Those of these numbers."""
        weight = None if self.weight is None else self.weight[rows]
        beside = SideInputs(self.beside.take(rows), self.beside.axes)
        return LayerSamples(self.x[rows], self.target[rows], weight, beside)


class LayerEpoch(NamedTuple):
    """One epoch of a training: its number from 0, the mean of its steps' losses, the loss on the
    held-out samples (NaN where there are none), and the state behind it."""

    epoch: int
    loss: float
    validation_loss: float
    state: TrainingState


class LayerTraining(NamedTuple):
    """What came of a training: the epochs' losses, the held-out ones, the parameters and running
    statistics of the best epoch, and the last state."""

    losses: list[float]
    validation_losses: list[float]
    params: Array
    layers: Tree
    state: TrainingState


def train_layers(
    network: Network,
    state: TrainingState,
    samples: LayerSamples,
    held_out: LayerSamples | None,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    patience: int | None,
    engine: str,
    callbacks: Sequence[Callable[[LayerEpoch], Any]],
) -> LayerTraining:
    """Train from `state` for so many epochs, or until `patience` of them have not been better than
    the best before, or one of the callbacks returns True. With held-out samples the best epoch is
    the one that is kept, otherwise the last.

    Raises DataError for a training that diverges before any epoch was good; after one it ends there
    with a DivergenceWarning.
    """
    losses: list[float] = []
    judged: list[float] = []
    best, waited = np.inf, 0
    kept = last = good = state
    for event in train(
        network,
        state,
        samples.x,
        samples.target,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=min(batch_size, len(samples.x)),
        sample_weight=samples.weight,
        side_inputs=samples.beside.arrays or EMPTY,
        engine=engine,
        by="epoch",
    ):
        if isinstance(event, DivergenceEvent):
            if good is state:
                raise DataError("training_diverged", problem=event)
            warnings.warn(DivergenceWarning(event), stacklevel=4)
            kept = kept if held_out is not None else good
            last = good
            break
        if not np.isfinite(event.loss):
            continue  # what happened comes next
        said = float("nan") if held_out is None else _loss_on(network, event.state, held_out, loss)
        # The loss of an epoch is that of the parameters before its steps.
        good, last = last, event.state
        losses.append(float(event.loss))
        judged.append(said)
        score = losses[-1] if held_out is None else said
        waited = 0 if score < best else waited + 1
        if held_out is None or score < best:
            kept = event.state
        best = min(best, score)
        epoch = LayerEpoch(event.epoch, losses[-1], said, event.state)
        if anyone_ends(callbacks, epoch) or (patience is not None and waited > patience):
            break
    return LayerTraining(losses, judged, kept.params, kept.layers, last)


def outputs_of(
    network: Network, params: Array, layers: Tree, x: Array, beside: SideInputs
) -> Array:
    """The network's outputs, so many samples at a time."""
    return np.concatenate(
        [
            network.predict(
                params,
                x[first : first + CHUNK],
                state=layers or None,
                side_inputs=beside.take(slice(first, first + CHUNK)) or EMPTY,
            )
            for first in range(0, len(x), CHUNK)
        ]
    )


def _loss_on(network: Network, state: TrainingState, held_out: LayerSamples, loss: Loss) -> float:
    # A training that diverges is told by its loss, and not by warnings.
    with np.errstate(all="ignore"):
        output = outputs_of(network, state.params, state.layers, held_out.x, held_out.beside)
        result = loss.evaluate(output, held_out.target, sample_weight=held_out.weight)
    return float(result.value)
