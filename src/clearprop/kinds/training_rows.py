"""The rows of what a training has beside its network: optimizers, schedules and initializers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clearprop.base.arrays import Shape
from clearprop.engine.initializers import Initializer
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Rate, Schedule
from clearprop.kinds.counterparts import OnnxOperator
from clearprop.kinds.kernels import NoKernel, OptimizerKernel
from clearprop.kinds.program_pieces import UpdateLines
from clearprop.kinds.row import KindRow


@dataclass(frozen=True, kw_only=True)
class OptimizerRow(KindRow):
    """What is known of an optimizer.

    examples    with every option, for everything that runs over all optimizers
    equations   its update in symbols; the second argument gives those of an optimizer inside
    update      its update as lines of a program; the second argument gives those of one inside
    onnx        the operator that computes the same, if there is one
    compiled    what the compiled trainer calls it; the second argument gives that of one inside
    """

    kind: type[Optimizer]
    examples: tuple[Optimizer, ...]
    equations: Callable[[Any, Callable[[Optimizer], tuple[str, ...]]], tuple[str, ...]]
    update: Callable[[Any, Callable[[Optimizer], UpdateLines]], UpdateLines]
    onnx: OnnxOperator | None
    compiled: Callable[
        [Any, Callable[[Optimizer], OptimizerKernel | NoKernel]], OptimizerKernel | NoKernel
    ]


# From a rate, the code of a step's number and its name in equations to the lines of a function.
RateLines = Callable[[Rate, str, str], list[str]]


@dataclass(frozen=True, kw_only=True)
class ScheduleRow(KindRow):
    """What is known of a schedule.

    examples   for everything that runs over all schedules
    lines      from the schedule, the code of a step's number and its name in equations to the
               lines that return η, each return with its equation above it; the last argument
               writes the rate of a schedule inside
    """

    kind: type[Schedule]
    examples: tuple[Schedule, ...]
    lines: Callable[[Any, str, str, RateLines], list[str]]


@dataclass(frozen=True, kw_only=True)
class InitializerRow(KindRow):
    """What is known of an initializer.

    draw   from it, a shape, fan-in and fan-out to the code that draws, its equation, and whether
           it takes random numbers
    """

    kind: type[Initializer]
    draw: Callable[[Any, Shape, int, int], tuple[str, str, bool]]
