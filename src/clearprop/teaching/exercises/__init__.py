"""Exercises for a lesson, as data: a small network with round numbers, blanks to fill in, and the
formula that each answer follows from.

from clearprop.teaching.exercises import exercise

sheet = exercise("chain", 2, seed=7)
other = exercise("chain", 2, seed=7, key="B1234")  # of the same difficulty
"""

from clearprop.teaching.exercises.generator import exercise
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.sheet import DECIMALS, TOLERANCE, Blank, Exercise, Given
from clearprop.teaching.exercises.small_network import SmallNetwork
from clearprop.teaching.exercises.topics import LEVELS, TOPICS

__all__ = [
    "DECIMALS",
    "LEVELS",
    "TOLERANCE",
    "TOPICS",
    "Blank",
    "Exercise",
    "Given",
    "LayerNetwork",
    "SmallNetwork",
    "exercise",
]
