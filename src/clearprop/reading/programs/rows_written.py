"""The lines of a loss, an optimizer and a schedule, as their rows write them.

What has no row is refused: nobody can say how a function of somebody's own is written.
"""

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Rate, Schedule
from clearprop.kinds.kind_tables import (
    LOSS_ROWS,
    LOSSES,
    OPTIMIZER_ROWS,
    OPTIMIZERS,
    SCHEDULE_ROWS,
    SCHEDULES,
)
from clearprop.kinds.program_lines import in_equation, literal
from clearprop.kinds.program_pieces import LossLines, UpdateLines
from clearprop.kinds.schedule_kinds import rate_lines


def loss_lines(loss: Loss, target: Array, output: Array) -> LossLines:
    """The lines of a loss at outputs and targets such as these.

    Raises ContractError for a loss that is not of the catalogue, ConfigurationError for one that
    is not reduced to a number.
    """
    row = LOSS_ROWS.get(type(loss))
    if row is None:
        known = ", ".join(LOSSES)
        raise ContractError("program_loss_own", name=type(loss).__name__, known=known)
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    return row.lines(loss, target, output)


def update_lines(optimizer: Optimizer) -> UpdateLines:
    """The lines of an optimizer. Raises ContractError for one that is not of the catalogue."""
    row = OPTIMIZER_ROWS.get(type(optimizer))
    if row is None:
        known = ", ".join(OPTIMIZERS)
        raise ContractError("program_optimizer_own", name=type(optimizer).__name__, known=known)
    return row.update(optimizer, update_lines)


def schedule_lines(schedule: Schedule) -> list[str]:
    """The body of `learning_rate(step)`, each return with its equation above it.

    Raises ContractError for a schedule that is not of the catalogue.
    """
    return _rate_lines(schedule, "step", "s")


def _rate_lines(rate: Rate, step: str, math: str) -> list[str]:
    if isinstance(rate, float):
        return rate_lines(literal(rate), in_equation(rate))
    row = SCHEDULE_ROWS.get(type(rate))
    if row is None:
        known = ", ".join(SCHEDULES)
        raise ContractError("program_schedule_own", name=type(rate).__name__, known=known)
    return row.lines(rate, step, math, _rate_lines)
