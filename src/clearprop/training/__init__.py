"""Training: a loop that yields events, and checkpoints to go on from."""

from clearprop.training.checkpoints import (
    START_PARAMS,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from clearprop.training.loop import (
    EpochEvent,
    StepEvent,
    Training,
    TrainingState,
    fit,
    start,
    train,
)

__all__ = [
    "START_PARAMS",
    "Checkpoint",
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingState",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
    "start",
    "train",
]
