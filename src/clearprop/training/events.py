"""What a training says of itself: its state between two steps, its events, its end."""

from collections.abc import Callable
from typing import Any, NamedTuple

from clearprop.base.arrays import Array, shape_text
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import BackwardPass
from clearprop.engine.optimizers import OptimizerState
from clearprop.training.engine_choice import ASKED_NUMPY, EngineChoice


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
    engine: EngineChoice = ASKED_NUMPY

    @property
    def backward(self) -> BackwardPass:
        """The backward pass of the step, and in it the forward pass, with all records. Made again
        in NumPy at each look: equal to the step's own to the bit where NumPy took it, and but for
        rounding where machine code did. Keep it where it is looked at often."""
        return self.replay(self.before)


class EpochEvent(NamedTuple):
    """The end of an epoch. `loss` is the mean of its steps' losses, weighted by batch size;
    `penalty`, that of what a `Penalized` optimizer adds to them, of the steps since the training's
    begin: 0 of any other."""

    epoch: int
    loss: Any
    state: TrainingState
    engine: EngineChoice = ASKED_NUMPY
    penalty: Any = 0.0


class Training(NamedTuple):
    """A training that has ended. `losses` holds every step's loss from before its update, (steps,)
    or (steps, K); `engine` what ran it, and why."""

    losses: Array
    state: TrainingState
    engine: EngineChoice = ASKED_NUMPY

    @property
    def params(self) -> Array:
        """The parameters after the last update."""
        return self.state.params

    def __repr__(self) -> str:
        # Not every loss and every parameter.
        last = f", last loss {self.losses[-1]:.6g}" if self.losses[-1:].ndim == 1 else ""
        shape = shape_text(self.params.shape)
        return f"Training({len(self.losses)} steps{last}, params {shape}, {self.engine.name})"


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during `fit` or `fit_many`; `training` is what had been done, up to its last whole
    step, and can be gone on with."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training = training

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.training,)
