"""What is wrong with a network in training, as findings: each with its numbers, and what to try.

health = examine(take_step(network, params, x, target, optimizer=SGD(0.05)))
print(health)
"""

from clearprop.reading.health.curvature import Curvature, curvature
from clearprop.reading.health.examination import Examination, Look, examine
from clearprop.reading.health.finding import NOTE, SERIOUS, WARNING, Finding
from clearprop.reading.health.signals import SignalSize
from clearprop.reading.health.stability import Stability

__all__ = [
    "NOTE",
    "SERIOUS",
    "WARNING",
    "Curvature",
    "Examination",
    "Finding",
    "Look",
    "SignalSize",
    "Stability",
    "curvature",
    "examine",
]
