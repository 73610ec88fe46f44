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
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import (
    Array,
    freeze,
    frozen,
    keyed_generator,
    require_seed,
    shape_text,
)
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Context, Tree
from clearprop.engine.losses import MSE, Loss, LossResult
from clearprop.engine.network import BackwardPass, Network
from clearprop.engine.optimizers import SGD, Optimizer, OptimizerState

# What each of K networks may have of its own, along a leading axis K.
OWN = ("x", "target", "sample_weight")


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
    own: Collection[str] = (),
) -> Iterator[StepEvent | EpochEvent]:
    """Train from `state` until `epochs` epochs are done; yields an event for every step and epoch.

    x              (N, features), or with any axes between
    target         (N, D) or what the loss takes
    loss           MSE unless told otherwise
    optimizer      SGD(0.01) unless told otherwise
    epochs         counted from the very start: a state that has done 20 of 50 epochs does 30 more
    batch_size     None takes all samples in each step; otherwise they are shuffled anew every
                   epoch, by the state's seed, and the last batch of an epoch may be smaller
    sample_weight  (N,) how much each sample counts; all the same unless told otherwise
    own            of K networks: which of "x", "target" and "sample_weight" have a leading axis K,
                   one for each network; they share the others

    A training that diverges goes on: its losses become infinite or NaN and are yielded as such.
    Raises ConfigurationError, ShapeError and DtypeError before the first step.
    """
    loss = MSE() if loss is None else loss
    optimizer = SGD(0.01) if optimizer is None else optimizer
    data = _data(network, state, x, target, sample_weight, own)
    run = _run(network, state, data, loss, optimizer, epochs, batch_size)
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
    own: Collection[str] = (),
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
        own=own,
    ):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        state = event.state
    return Training(np.array(losses), state)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Data, and whether each network has its own: then the samples' axis is the second."""

    array: Array
    own: bool = False

    @property
    def count(self) -> int:
        return int(self.array.shape[int(self.own)])

    def take(self, rows: Array | None) -> Array:
        """The samples of these numbers; all of them for None."""
        if rows is None:
            return self.array
        return freeze(np.take(self.array, rows, axis=int(self.own)))


class _Data(NamedTuple):
    """What a training learns from."""

    x: _Samples
    target: _Samples
    sample_weight: _Samples | None


@dataclass(frozen=True, eq=False)
class _Run:
    """What stays the same from step to step."""

    network: Network
    data: _Data
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

    def result(self, output: Array, rows: Array | None) -> LossResult:
        """The loss of an output for the samples of a step."""
        weights = self.data.sample_weight
        return self.loss.evaluate(
            output,
            self.data.target.take(rows),
            sample_weight=None if weights is None else weights.take(rows),
            stacked=self.networks is not None,
        )

    def step(
        self, state: TrainingState, rows: Array | None
    ) -> tuple[LossResult, Array, OptimizerState, Tree]:
        """Forward, loss, backward, update: the loss, and what is new."""
        context = Context(
            True, False, state.seed, state.step, "", state.layers, networks=self.networks
        )
        x = self.data.x
        forward = self.network.run(state.params, x.take(rows), context, own_input=x.own)
        result = self.result(forward.output, rows)
        gradient = self.network.gradient(forward, result.gradient)
        params, remembered = self.optimizer.step(state.params, state.optimizer, gradient)
        return result, freeze(params), remembered, forward.state

    def replay(self, state: TrainingState) -> BackwardPass:
        """The backward pass of the step from `state`, with all records."""
        rows = self.rows(state.step, self.order(state.seed, state.step // self.steps_per_epoch))
        x = self.data.x
        forward = self.network.forward(
            state.params,
            x.take(rows),
            seed=state.seed,
            step=state.step,
            state=state.layers,
            own_input=x.own,
        )
        return self.network.backward(forward, self.result(forward.output, rows).gradient)


def _events(run: _Run, state: TrainingState) -> Iterator[StepEvent | EpochEvent]:
    per_epoch = run.steps_per_epoch
    last = run.epochs * per_epoch
    replay = run.replay
    order, ordered = None, -1
    while state.step < last:
        before, step = state, state.step
        epoch = step // per_epoch
        if epoch != ordered:
            order, ordered = run.order(state.seed, epoch), epoch
        # Not around the yield: what the caller computes between two events is the caller's.
        with np.errstate(over="ignore", invalid="ignore"):
            result, params, remembered, layers = run.step(state, run.rows(step, order))
            value = result.value
            total = state.total + _double(result.total)
            weight = state.weight + _double(result.weight)
        if (step + 1) % per_epoch:
            state = TrainingState(params, remembered, layers, step + 1, state.seed, total, weight)
            yield StepEvent(step, epoch, value, before, state, replay)
            continue
        # The sums of the next epoch start at 0.
        state = TrainingState(params, remembered, layers, step + 1, state.seed)
        yield StepEvent(step, epoch, value, before, state, replay)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = total / weight
        yield EpochEvent(epoch, mean, state)


def _double(part: Any) -> Any:
    """A loss total or weight in float64: the sum of many in float32 loses digits."""
    return part.astype(np.float64) if isinstance(part, np.ndarray) else float(part)


def _run(
    network: Network,
    state: TrainingState,
    data: _Data,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None,
) -> _Run:
    _require_count("epochs", epochs)
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    samples = data.x.count
    if batch_size is None:
        batch_size = samples
    else:
        _require_count("batch_size", batch_size)
        if batch_size > samples:
            raise ConfigurationError("batch_size_invalid", samples=samples, value=batch_size)
    networks = len(state.params) if state.params.ndim == 2 else None
    return _Run(network, data, loss, optimizer, epochs, batch_size, networks)


def _data(
    network: Network,
    state: TrainingState,
    x: Array,
    target: Array,
    sample_weight: Array | None,
    own: Collection[str],
) -> _Data:
    networks = len(state.params) if state.params.ndim == 2 else None
    for name in own:
        if name not in OWN or isinstance(own, str):
            raise ConfigurationError("own_unknown", value=own, known=", ".join(OWN))
    given = {"x": x, "target": target, "sample_weight": sample_weight}
    found: dict[str, _Samples] = {}
    for name, value in given.items():
        if value is None:
            continue
        array, is_own = frozen(np.asarray(value)), name in own
        if array.ndim < 1 + is_own or (is_own and len(array) != networks):
            raise ShapeError(
                "own_shape" if is_own else "no_samples_axis",
                name=name,
                networks=networks or 1,
                came=shape_text(array.shape),
            )
        found[name] = _Samples(array, is_own)
    network.require_input(state.params, found["x"].array, own_input="x" in own)
    samples, targets = found["x"].count, found["target"].count
    if samples != targets:
        raise ShapeError("samples_differ", x=samples, target=targets)
    if samples == 0:
        raise ShapeError("no_samples", output=shape_text(found["x"].array.shape))
    weights = found.get("sample_weight")
    if weights is not None and (weights.count != samples or weights.array.ndim != 1 + weights.own):
        raise ShapeError(
            "sample_weight_shape",
            came=shape_text(weights.array.shape),
            expected=shape_text((samples,)),
        )
    return _Data(found["x"], found["target"], weights)


def _require_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError("count_invalid", name=name, least=1, value=value)
