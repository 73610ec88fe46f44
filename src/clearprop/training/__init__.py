"""Training: a loop that yields events."""

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
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingState",
    "fit",
    "start",
    "train",
]
