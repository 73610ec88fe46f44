"""Many equal networks at once: 16 of them in the SIMD lanes, over threads."""

import ctypes

from clearprop.base.arrays import Array
from clearprop.compiled.plan import Plan
from clearprop.compiled.running import Ran
from clearprop.engine.layers.layer import Tree
from clearprop.engine.optimizers import OptimizerState


def has_lanes(plan: Plan) -> bool:
    """Whether networks of this plan can share the lanes; if not, run each by `running.run`."""
    return False


class Stack:
    """K networks of one plan in the lanes, their data and their settings.

    x, target, sample_weight  one for all, or (K, N, ...) for those named in `own`
    settings                  by the name of an optimizer's field (`learning_rate`, `weight_decay`)
                              K numbers in place of the optimizer's own
    """


def run_stack(
    plan: Plan,
    library: ctypes.CDLL,
    stack: Stack,
    *,
    steps: int,
    step: int,
    seed: int = 0,
    order: Array | None = None,
    threads: int = 1,
) -> Ran:
    """Take `steps` steps of all networks; `totals` and `weights` are (steps, K)."""
    raise NotImplementedError


def put_stack(
    plan: Plan, stack: Stack, params: Array, optimizer: OptimizerState, layers: Tree
) -> None:
    """Write the state (K, P) of a training into the stack."""
    raise NotImplementedError


def take_stack(plan: Plan, stack: Stack) -> tuple[Array, OptimizerState, Tree]:
    """The state (K, P) of the training."""
    raise NotImplementedError
