"""Gradient descent as a stream of events: full-batch, or mini-batch with seeded shuffling.

    for event in train(network, start(network, params, optimizer), x, target, optimizer=optimizer):
        ...

Each step runs forward, takes the loss, runs backward and updates, in this order: the loss in an
event is that from before its update, and backward uses the parameters that forward used. Everything
that is needed to go on stands in the event's state. The loop prints nothing and keeps nothing: the
two passes of a step with all their records are made again when an event is asked for them.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import (
    EMPTY,
    Array,
    freeze,
    frozen,
    keyed_generator,
    require_count,
    require_seed,
    shape_text,
)
from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.layer import Context, Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.engine.optimizers.optimizer import require_step
from clearprop.engine.running import run_backward_into, run_forward, settle_output_gradient
from clearprop.training.arguments import Data, data_of, loss_of, optimizer_of, params_of


class TrainingState(NamedTuple):
    """Where a training stands between two steps.

    params     (P,), or (K, P) of K networks
    optimizer  what the optimizer remembers
    layers     what the layers changed (running statistics), by their paths
    step       the number of steps taken
    seed       the key of shuffling and of the layers' random draws
    total      the loss totals of this epoch's steps so far, a number or (K,), in float64
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
    """One step. `loss` is from before the update: a number, or (K,) of K networks.

    step and epoch count from 0; `before` and `state` are from before and after the update.
    """

    step: int
    epoch: int
    loss: Any
    before: TrainingState
    state: TrainingState
    replay: Callable[[TrainingState], BackwardPass]

    @property
    def backward(self) -> BackwardPass:
        """The backward pass of the step, and in it the forward pass, with all records. Made again
        at each look, equal to the step's own to the bit; keep it where it is looked at often."""
        return self.replay(self.before)


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

    def __repr__(self) -> str:
        # Not every loss and every parameter.
        last = f", last loss {self.losses[-1]:.6g}" if self.losses[-1:].ndim == 1 else ""
        shape = shape_text(self.params.shape)
        return f"Training({len(self.losses)} steps{last}, params {shape})"


def start(network: Network, params: Array, optimizer: Optimizer, *, seed: int = 0) -> TrainingState:
    """The state before the first step. Raises ConfigurationError and ContractError."""
    seed = require_seed(seed)
    params = frozen(params_of(params))
    optimizer = optimizer_of(optimizer)
    return TrainingState(params, optimizer.start(params), network.initial_state(params), 0, seed)


def train(
    network: Network,
    state: TrainingState,
    x: Array,
    target: Array,
    *,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    epochs: int = 50,
    batch_size: int | None = None,
    sample_weight: Array | None = None,
    own: Collection[str] = (),
) -> Iterator[StepEvent | EpochEvent]:
    """Train from `state` until `epochs` epochs are done; yields an event for every step and epoch.

    x              (N, features), or with any axes between
    target         (N, D) or what the loss takes
    loss           MSE unless told otherwise; also by its name: "cross_entropy"
    optimizer      SGD(0.01) unless told otherwise; also by its name, with its defaults: "adam"
    epochs         counted from the very start: a state that has done 20 of 50 epochs does 30 more
    batch_size     None takes all samples in each step; otherwise they are shuffled anew every
                   epoch, by the state's seed, and the last batch of an epoch may be smaller
    sample_weight  (N,) how much each sample counts; all the same unless told otherwise
    own            of K networks: which of "x", "target" and "sample_weight" have a leading axis K,
                   one for each network; they share the others

    A training that diverges goes on: its losses become infinite or NaN and are yielded as such.
    Raises ConfigurationError, ShapeError and DtypeError before the first step.
    """
    loss, optimizer = loss_of(loss), optimizer_of(optimizer)
    data = data_of(network, state.params, x, target, sample_weight, own)
    run = _run(network, state, data, loss, optimizer, epochs, batch_size)
    return _events(run, state)


def fit(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    *,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    epochs: int = 50,
    batch_size: int | None = None,
    sample_weight: Array | None = None,
    seed: int = 0,
    own: Collection[str] = (),
) -> Training:
    """Train to the end and return the losses and the last state; the arguments are those of
    `train`."""
    optimizer = optimizer_of(optimizer)
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
        own=own,
    ):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        state = event.state
    return Training(np.array(losses), state)


@dataclass(frozen=True, eq=False)
class _Run:
    """What stays the same from step to step."""

    network: Network
    data: Data
    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    networks: int | None

    @property
    def samples(self) -> int:
        return self.data.x.count

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.samples // self.batch_size)

    def order(self, seed: int, epoch: int) -> Array | None:
        """The shuffled samples of an epoch, keyed so that any step can be made again; None where
        every step takes all of them as they are."""
        if self.batch_size == self.samples:
            return None
        return keyed_generator(seed, epoch, "shuffle").permutation(self.samples)

    def rows(self, step: int, order: Array | None) -> Array | None:
        """The samples of a step within the order of its epoch."""
        if order is None:
            return None
        first = step % self.steps_per_epoch * self.batch_size
        return order[first : first + self.batch_size]

    def replay(self, state: TrainingState) -> BackwardPass:
        """The backward pass of the step from `state`, with all records."""
        order = self.order(state.seed, state.step // self.steps_per_epoch)
        x, target, sample_weight = self.data.take(self.rows(state.step, order))
        # As in the step itself.
        with np.errstate(over="ignore", invalid="ignore"):
            forward = self.network.forward(
                state.params,
                x,
                seed=state.seed,
                step=state.step,
                state=state.layers,
                own_input=self.data.x.own,
            )
            result = self.loss.evaluate(
                forward.output,
                target,
                sample_weight=sample_weight,
                stacked=self.networks is not None,
            )
            return self.network.backward(forward, result.gradient)


def _events(run: _Run, state: TrainingState) -> Iterator[StepEvent | EpochEvent]:
    per_epoch, replay, layout = run.steps_per_epoch, run.replay, run.network.layout
    loss, optimizer = run.loss, run.optimizer
    gradient_name = f"{type(loss).__name__}.gradient"
    data, own_input = run.data, run.data.x.own
    x, target, sample_weight = data.take(None)
    stacked = run.networks is not None
    is_shuffled, order, ordered = run.batch_size < run.samples, None, -1
    last = run.epochs * per_epoch
    places = layout.gradient_places(state.params)
    params, remembered, layers, step, seed, total, weight = state
    while step < last:
        epoch = step // per_epoch
        if is_shuffled:
            if epoch != ordered:
                order, ordered = run.order(seed, epoch), epoch
            x, target, sample_weight = data.take(run.rows(step, order))
        # Not around the yield: what the caller computes between two events is the caller's.
        with np.errstate(over="ignore", invalid="ignore"):
            context = Context(True, False, seed, step, "", layers, EMPTY, run.networks)
            ran = run_forward(layout, params, x, context, own_input=own_input)
            result = loss.evaluate(ran.output, target, sample_weight=sample_weight, stacked=stacked)
            dy = settle_output_gradient(result.gradient, ran.output, where=gradient_name)
            gradient = run_backward_into(layout.graph, ran, dy, places)
            holders = getrefcount(places.flat)
            stepped, remembered = optimizer.step(params, remembered, gradient)
            if stepped.dtype is not params.dtype or stepped.shape != params.shape:
                require_step(optimizer, params, stepped)
            params = stepped
            # An optimizer of one's own may keep the gradient or a view of it, wherever it likes:
            # then the next step must not write into it.
            if getrefcount(places.flat) > holders:
                places = layout.gradient_places(params)
            value = result.value
            # In float64: the sum of many in float32 loses digits.
            if stacked:
                total = total + np.asarray(result.total, np.float64)
                weight = weight + np.asarray(result.weight, np.float64)
            else:
                total, weight = total + float(result.total), weight + float(result.weight)
            mean = total / weight
        before, layers, step = state, ran.state, step + 1
        if step % per_epoch:
            state = TrainingState(freeze(params), remembered, layers, step, seed, total, weight)
            yield StepEvent(step - 1, epoch, value, before, state, replay)
            continue
        # The sums of the next epoch start at 0.
        total = weight = 0.0
        state = TrainingState(freeze(params), remembered, layers, step, seed)
        yield StepEvent(step - 1, epoch, value, before, state, replay)
        yield EpochEvent(epoch, mean, state)


def _run(
    network: Network,
    state: TrainingState,
    data: Data,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None,
) -> _Run:
    require_count("epochs", epochs)
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    samples = data.x.count
    if batch_size is None:
        batch_size = samples
    else:
        require_count("batch_size", batch_size)
        if batch_size > samples:
            raise ConfigurationError("batch_size_invalid", samples=samples, value=batch_size)
    networks = len(state.params) if state.params.ndim == 2 else None
    return _Run(network, data, loss, optimizer, epochs, batch_size, networks)
