"""What is wrong with a network in training, as findings: each with its numbers, and what to try.

health = examine(take_step(network, params, x, target, optimizer=SGD(0.05)))
print(health)
"""

from clearprop.reading.health.baselines import Baseline, BaselineKind
from clearprop.reading.health.convergence import Convergence
from clearprop.reading.health.examination import Examination, Looked, LookedAt
from clearprop.reading.health.examining import examine
from clearprop.reading.health.signal_bars import signals_picture
from clearprop.reading.health.signal_sizes import SignalSize
from clearprop.reading.health.stability import Moment, Stability
from clearprop.training.curvature import Curvature, curvature
from clearprop.training.finding import Finding, Severity, Symptom
from clearprop.training.rate_bound import RateRule

__all__ = [
    "Baseline",
    "BaselineKind",
    "Convergence",
    "Curvature",
    "Examination",
    "Finding",
    "Looked",
    "LookedAt",
    "Moment",
    "RateRule",
    "Severity",
    "SignalSize",
    "Stability",
    "Symptom",
    "curvature",
    "examine",
    "signals_picture",
]
