"""Gradient descent as a stream of events: full-batch, or mini-batch with seeded shuffling.

    for event in train(network, start(network, params, optimizer), x, target, optimizer=optimizer):
        ...

Each step runs forward, takes the loss, runs backward and updates, in this order: the loss in an
event is that from before its update, and backward uses the parameters that forward used. Everything
that is needed to go on stands in the event's state. The loop prints nothing and keeps nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, freeze, frozen, keyed_generator, require_seed, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import MSE, Loss, LossResult
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Optimizer, OptimizerState
from clearprop.engine.passes import BackwardPass


class TrainingState(NamedTuple):
    """Where a training stands between two steps.

    params     (P,), or (K, P) of K stacked networks
    optimizer  what the optimizer remembers
    layers     what the layers changed (running statistics), as a tree
    step       the number of steps taken
    seed       the key of shuffling and of the layers' random draws
    total      the loss totals of this epoch's steps so far, a number or (K,)
    weight     the loss weights of the same steps, a number or (K,)
    """

    params: Array
    optimizer: OptimizerState
    layers: Tree
    step: int
    seed: int
    total: Any = 0.0
    weight: Any = 0.0


class StepEvent(NamedTuple):
    """One step. `loss` is from before the update: a number, or (K,) of K stacked networks.

    step and epoch count from 0. `backward` (and in it `backward.forward`) are the records of the
    two passes; `state` is from after the update.
    """

    step: int
    epoch: int
    loss: Any
    backward: BackwardPass
    state: TrainingState


class EpochEvent(NamedTuple):
    """The end of an epoch. `loss` is the mean of its steps' losses, weighted by batch size."""

    epoch: int
    loss: Any
    state: TrainingState


class Training(NamedTuple):
    """A training that has ended. `losses` holds every step's loss from before its update, (steps,)
    or (steps, K)."""

    losses: Array
    state: TrainingState

    @property
    def params(self) -> Array:
        """The parameters after the last update."""
        return self.state.params


@dataclass(frozen=True, eq=False)
class _Samples:
    """Data with an axis of samples, which is behind that of the networks where each has its own."""

    array: Array
    axis: int

    @classmethod
    def of(cls, array: Array, axes: int, *, stacked: bool) -> "_Samples":
        """`axes` is how many the data of one network have."""
        array = frozen(np.asarray(array))
        return cls(array, 1 if stacked and array.ndim > axes else 0)

    @property
    def count(self) -> int:
        return self.array.shape[self.axis] if self.array.ndim else 1

    def take(self, rows: Array | None) -> Array:
        """The samples of these numbers; all of them for None."""
        if rows is None:
            return self.array
        return freeze(np.take(self.array, rows, axis=self.axis))


class _Batches(NamedTuple):
    """Which samples each step takes: all of them in order, or a shuffled part."""

    samples: int
    size: int
    seed: int

    @property
    def per_epoch(self) -> int:
        return -(-self.samples // self.size)

    def rows(self, step: int) -> Array | None:
        """The samples of `step`; None where it takes all. Keyed by epoch, so any step can be
        made again."""
        if self.size == self.samples:
            return None
        epoch, position = divmod(step, self.per_epoch)
        order = keyed_generator(self.seed, epoch, "shuffle").permutation(self.samples)
        return order[position * self.size : (position + 1) * self.size]


def start(network: Network, params: Array, optimizer: Optimizer, *, seed: int = 0) -> TrainingState:
    """The state before the first step."""
    seed = require_seed(seed)
    params = frozen(params)
    return TrainingState(params, optimizer.start(params), network.initial_state(params), 0, seed)


def train(
    network: Network,
    state: TrainingState,
    x: Array,
    target: Array,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 50,
    batch_size: int | None = None,
    sample_weight: Array | None = None,
    records: bool = True,
) -> Iterator[StepEvent | EpochEvent]:
    """Train from `state` until `epochs` epochs are done; yields an event for every step and epoch.

    x              (N, features), or (K, N, features) where each of K networks has its own
    target         (N, D) or what the loss takes, or a stack of K of these
    loss           MSE unless told otherwise
    optimizer      SGD(0.01) unless told otherwise
    epochs         counted from the very start: a state that has done 20 of 50 epochs does 30 more
    batch_size     None takes all samples in each step; otherwise they are shuffled anew every
                   epoch, by the state's seed, and the last batch of an epoch may be smaller
    sample_weight  (N,) or (K, N) how much each sample counts; all the same unless told otherwise

    A training that diverges goes on: its losses become infinite or NaN and are yielded as such.
    Raises ConfigurationError, ShapeError and DtypeError before the first step.
    """
    _require_count("epochs", epochs)
    loss = MSE() if loss is None else loss
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    stacked = state.params.ndim == 2
    inputs = _Samples.of(x, 2, stacked=stacked)
    targets = _Samples.of(target, loss.target_axes(np.asarray(target)), stacked=stacked)
    run = _Run(
        network,
        inputs,
        targets,
        None if sample_weight is None else _weights(sample_weight, inputs, stacked=stacked),
        _batches(inputs, targets, batch_size, state.seed),
        loss,
        SGD(0.01) if optimizer is None else optimizer,
        epochs,
        records,
        stacked,
    )
    return _events(run, state)


def fit(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 50,
    batch_size: int | None = None,
    sample_weight: Array | None = None,
    seed: int = 0,
) -> Training:
    """Train to the end and return the losses and the last state; the arguments are those of
    `train`."""
    optimizer = SGD(0.01) if optimizer is None else optimizer
    state = start(network, params, optimizer, seed=seed)
    losses = []
    for event in train(
        network,
        state,
        x,
        target,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        sample_weight=sample_weight,
        records=False,
    ):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        state = event.state
    return Training(np.array(losses), state)


@dataclass(frozen=True, eq=False)
class _Run:
    """What stays the same from step to step."""

    network: Network
    x: _Samples
    target: _Samples
    sample_weight: _Samples | None
    batches: _Batches
    loss: Loss
    optimizer: Optimizer
    epochs: int
    records: bool
    stacked: bool

    def step(self, state: TrainingState) -> tuple[LossResult, BackwardPass, TrainingState]:
        """Forward, loss, backward, update."""
        rows = self.batches.rows(state.step)
        forward = self.network.forward(
            state.params,
            self.x.take(rows),
            records=self.records,
            seed=state.seed,
            step=state.step,
            state=state.layers,
        )
        weights = None if self.sample_weight is None else self.sample_weight.take(rows)
        result = self.loss.evaluate(
            forward.output,
            self.target.take(rows),
            sample_weight=weights,
            stacked=self.stacked,
        )
        backward = self.network.backward(forward, result.gradient)
        params, remembered = self.optimizer.step(state.params, state.optimizer, backward.gradient)
        return (
            result,
            backward,
            TrainingState(
                freeze(params),
                remembered,
                forward.state,
                state.step + 1,
                state.seed,
                state.total + result.total,
                state.weight + result.weight,
            ),
        )


def _events(run: _Run, state: TrainingState) -> Iterator[StepEvent | EpochEvent]:
    per_epoch = run.batches.per_epoch
    while state.step < run.epochs * per_epoch:
        step = state.step
        epoch = step // per_epoch
        # Not around the yield: what the caller computes between two events is the caller's.
        with np.errstate(over="ignore", invalid="ignore"):
            result, backward, state = run.step(state)
            value = result.value
        if state.step % per_epoch:
            yield StepEvent(step, epoch, value, backward, state)
            continue
        mean = state.total / state.weight
        # The sums of the next epoch start at 0.
        state = TrainingState(*state[:5])
        yield StepEvent(step, epoch, value, backward, state)
        yield EpochEvent(epoch, mean, state)


def _weights(sample_weight: Array, x: _Samples, *, stacked: bool) -> _Samples:
    weights = _Samples.of(sample_weight, 1, stacked=stacked)
    if weights.count != x.count:
        raise ShapeError(
            "sample_weight_shape",
            came=shape_text(weights.array.shape),
            expected=shape_text((x.count,)),
        )
    return weights


def _batches(x: _Samples, target: _Samples, batch_size: int | None, seed: int) -> _Batches:
    samples = x.count
    if samples != target.count:
        raise ShapeError("samples_differ", x=samples, target=target.count)
    if samples == 0:
        raise ShapeError("no_samples", output=shape_text(x.array.shape))
    if batch_size is None:
        return _Batches(samples, samples, seed)
    _require_count("batch_size", batch_size)
    if batch_size > samples:
        raise ConfigurationError("batch_size_invalid", samples=samples, value=batch_size)
    return _Batches(samples, batch_size, seed)


def _require_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError("count_invalid", name=name, least=1, value=value)
