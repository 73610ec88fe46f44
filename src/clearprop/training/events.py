"""What a training says of itself: its state between two steps, its events, its end."""

from collections.abc import Callable
from typing import Any, NamedTuple

from clearprop.base.arrays import Array, shape_text
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import BackwardPass
from clearprop.engine.optimizers import OptimizerState


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
