"""Training: a loop that yields events."""

from clearprop.training.engine_choice import EngineChoice
from clearprop.training.events import (
    EpochEvent,
    StepEvent,
    Training,
    TrainingInterrupted,
    TrainingState,
)
from clearprop.training.loop import fit, start, train

__all__ = [
    "EngineChoice",
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingInterrupted",
    "TrainingState",
    "fit",
    "start",
    "train",
]
