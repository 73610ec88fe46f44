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
from clearprop.training.many import fit_many

__all__ = [
    "EngineChoice",
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingInterrupted",
    "TrainingState",
    "fit",
    "fit_many",
    "start",
    "train",
]
