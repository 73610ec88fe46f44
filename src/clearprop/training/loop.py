"""Gradient descent as a stream of events: full-batch, or mini-batch with seeded shuffling.

    for event in train(network, start(network, params, optimizer), x, target, optimizer=optimizer):
        ...

Each step runs forward, takes the loss, runs backward and updates, in this order: the loss in an
event is that from before its update, and backward uses the parameters that forward used. Everything
that is needed to go on stands in the event's state. The loop prints nothing and keeps nothing: the
two passes of a step with all their records are made again when an event is asked for them.

Two engines take the steps. NumPy is the reference and takes every training; machine code takes what
`compiled` has kernels for, many times as fast, and its numbers are the same but for rounding.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping

from clearprop.base.arrays import EMPTY, Array, frozen, require_seed
from clearprop.base.errors import ConfigurationError
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training.arguments import optimizer_of, params_of
from clearprop.training.divergence import (
    DivergenceEvent,
    DivergenceWarning,
    divergence_in,
    watched,
)
from clearprop.training.events import EpochEvent, StepEvent, Training, TrainingState
from clearprop.training.preparing import prepare
from clearprop.training.to_the_end import run_to_the_end

BY = ("step", "epoch")


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
    side_inputs: Mapping[str, Array] = EMPTY,
    own: Collection[str] = (),
    engine: str = "auto",
    threads: int | None = None,
    by: str = "step",
    stop_at_nonfinite: bool = False,
) -> Iterator[StepEvent | EpochEvent | DivergenceEvent]:
    """Train from `state` until `epochs` epochs are done; yields an event for every step and epoch.

    x              (N, features), or with any axes between
    target         (N, D) or what the loss takes
    loss           MSE unless told otherwise; also by its name: "cross_entropy"
    optimizer      SGD(0.01) unless told otherwise; also by its name, with its defaults: "adam"
    epochs         counted from the very start: a state that has done 20 of 50 epochs does 30 more
    batch_size     None takes all samples in each step; otherwise they are shuffled anew every
                   epoch, by the state's seed, and the last batch of an epoch may be smaller
    sample_weight  (N,) how much each sample counts; all the same unless told otherwise
    side_inputs    what layers need beside x, taken with the samples: {"lengths": (N,)}; a mask
                   `attn_mask` with two axes (T, T) is shared by all of them
    own            of K networks: which of "x", "target" and "sample_weight" have a leading axis K,
                   one for each network; they share the others
    engine         "numpy"; "compiled", machine code, with a warning and NumPy where it cannot be
                   had; "auto", machine code where it can be had and pays. `event.engine` says which
                   one runs, and why
    threads        how many threads share each step in machine code: as many as are worth it, and
                   at most one for every core, unless told otherwise. Nothing depends on it but the
                   time
    by             "epoch" leaves out the events of the steps: machine code is then many times as
                   fast with small networks, whose state need not be copied after every step
    stop_at_nonfinite
                   end after a step whose loss is infinite or NaN

    Without `stop_at_nonfinite` a training that diverges goes on: its losses become infinite or NaN
    and are yielded as such. Behind the step in which that happens, or in which the loss has run
    away, comes a DivergenceEvent, which says why and which learning rate to try. Raises
    ConfigurationError, ShapeError and DtypeError before the first step.
    """
    if by not in BY:
        raise ConfigurationError("by_unknown", value=by, known=", ".join(BY))
    prepared = prepare(
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
        side_inputs=side_inputs,
        engine=engine,
        threads=threads,
        by_step=by == "step",
    )
    events = prepared.events(by_epoch=by == "epoch", stop_at_nonfinite=stop_at_nonfinite)
    return watched(events, prepared.course, state, prepared.again)


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
    side_inputs: Mapping[str, Array] = EMPTY,
    seed: int = 0,
    own: Collection[str] = (),
    engine: str = "auto",
    threads: int | None = None,
    stop_at_nonfinite: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Training:
    """Train to the end and return the losses and the last state; the arguments are those of
    `train`. Of a training that breaks or runs away it warns, with a DivergenceWarning in the
    language of the locale.

    `progress` is called with the steps that are done and those of the whole training, some thirty
    times a second. Raises TrainingInterrupted, a KeyboardInterrupt that holds what has been done,
    after Ctrl-C.
    """
    optimizer = optimizer_of(optimizer)
    state = start(network, params, optimizer, seed=seed)
    prepared = prepare(
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
        side_inputs=side_inputs,
        engine=engine,
        threads=threads,
    )
    training = run_to_the_end(prepared, stop_at_nonfinite=stop_at_nonfinite, progress=progress)
    diverged = divergence_in(
        training.losses, training.state, prepared.course, state, prepared.again
    )
    if diverged is not None:
        warnings.warn(DivergenceWarning(diverged), stacklevel=2)
    return training
