"""Training: a loop that yields events."""

from clearprop.training.divergence import DivergenceEvent, DivergenceWarning
from clearprop.training.events import EpochEvent, StepEvent, Training, TrainingState
from clearprop.training.loop import fit, start, train

__all__ = [
    "DivergenceEvent",
    "DivergenceWarning",
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingState",
    "fit",
    "start",
    "train",
]
