"""The tutorial's experiments, each a pure function that returns its numbers as data.

from clearprop.teaching.experiments import ReproductionSettings, reproduce

result = reproduce(ReproductionSettings(seeds=20))
"""

from clearprop.teaching.experiments.reproduction import Reproduction, reproduce
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings

__all__ = ["Reproduction", "ReproductionSettings", "reproduce"]
