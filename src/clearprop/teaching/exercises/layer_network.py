"""The network of an exercise on convolution, time or attention: its design, with numbers in it."""

from dataclasses import dataclass

from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError
from clearprop.engine.step import Step
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.expressions import Values


@dataclass(frozen=True)
class LayerNetwork(Configurable):
    """The given numbers of one level of a topic, in the order of its design's `givens`.

    Raises ConfigurationError for a topic or level without a design, and for another count.
    """

    topic: str
    level: int
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.topic not in DESIGNS:
            raise ConfigurationError("exercise_topic", name=self.topic, known=", ".join(DESIGNS))
        levels = len(DESIGNS[self.topic])
        if self.level not in range(1, levels + 1):
            raise ConfigurationError("exercise_level", value=self.level, last=levels)
        if len(self.numbers) != len(self.design.givens):
            raise ConfigurationError(
                "exercise_numbers", expected=len(self.design.givens), came=len(self.numbers)
            )

    @property
    def design(self) -> LayerDesign:
        """What is known of this level beside the numbers."""
        return DESIGNS[self.topic][self.level - 1]

    @property
    def samples(self) -> int:
        """How many samples there are: one."""
        return 1

    @property
    def values(self) -> Values:
        """The numbers by name."""
        names = (label.name for label in self.design.givens)
        return dict(zip(names, self.numbers, strict=True))

    def step(self) -> Step:
        """One step of the engine on the mean squared error, recorded."""
        return self.design.step(self.values)
