"""Run a plan: many steps without returning to Python."""

import ctypes
from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.compiled.plan import Plan
from clearprop.engine.layers.layer import Tree
from clearprop.engine.optimizers import OptimizerState


class Ran(NamedTuple):
    """What a run of steps gives back.

    totals, weights   of every step that was done, (steps,) in float64: the loss is their quotient
    stop              "done"; "not_finite" after a step whose loss is infinite or NaN, where that
                      was asked for; "weights_zero" before a step whose samples all count nothing,
                      for which the NumPy engine has the sentence
    """

    totals: Array
    weights: Array
    stop: str

    @property
    def steps(self) -> int:
        """The number of steps done."""
        return len(self.totals)


class Buffers:
    """The memory of a plan: one arena, and the caller's data, which is read where it lies."""

    def __init__(
        self, plan: Plan, x: Array, target: Array, sample_weight: Array | None = None
    ) -> None:
        raise NotImplementedError


def put(
    plan: Plan, buffers: Buffers, params: Array, optimizer: OptimizerState, layers: Tree
) -> None:
    """Write a training's state into the buffers."""
    raise NotImplementedError


def take(plan: Plan, buffers: Buffers) -> tuple[Array, OptimizerState, Tree]:
    """The state of the training after the last whole step: new, read-only arrays."""
    raise NotImplementedError


def run(
    plan: Plan,
    library: ctypes.CDLL,
    buffers: Buffers,
    *,
    steps: int,
    step: int,
    seed: int = 0,
    order: Array | None = None,
    stop_at_nonfinite: bool = False,
) -> Ran:
    """Take `steps` steps, the first of them the training's step number `step`.

    order  the numbers of the samples, int64, as the epochs have shuffled them, from the first
           sample of step `step` on: at least as many as the steps take; None where every step takes
           all samples as they are
    """
    raise NotImplementedError
