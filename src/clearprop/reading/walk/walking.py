"""The walk through a step: which stages there are, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass

from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step
from clearprop.engine.wires import Sum, parameters_of
from clearprop.reading.explanation.documents import Document
from clearprop.reading.walk import backward, ends, forward, words
from clearprop.reading.walk.stages import Stage


@dataclass(frozen=True, eq=False)
class Walk(Document):
    """One training step, stage by stage.

    sample   the one whose numbers are worked out
    samples  how many took part
    loss     L before the update
    stages   in the order in which a training step computes them
    """

    sample: int
    samples: int
    loss: float
    stages: tuple[Stage, ...]

    def title(self, position: int, language: str = "en") -> str:
        """What a stage is, with its number."""
        return words.title(self.stages[position], position, len(self.stages), language)

    def body(
        self, position: int, language: str = "en", *, width: int = 80, height: int | None = None
    ) -> list[str]:
        """A stage as lines for a terminal: its equations, the same with numbers, its arrays.

        height  how many lines there are; large arrays, and where they do not fit small ones, are
                abbreviated. None is as many as it takes
        """
        return words.body(self.stages[position], self.sample, language, width, height)

    def text(self, language: str = "en") -> str:
        """Every stage, one after the other."""
        stages = [
            "\n".join([self.title(number, language), *self.body(number, language)])
            for number in range(len(self.stages))
        ]
        return "\n\n".join(stages)

    def __str__(self) -> str:
        return self.text()


def walk_step(step: Step, *, sample: int = 0) -> Walk:
    """The stages of a step; one entry of `sample` is worked out in each.

    Raises ConfigurationError where there is no such sample.
    """
    sample = step.check_sample(sample)
    return Walk(sample, step.samples, step.value, tuple(_stages(step, sample)))


def _stages(step: Step, sample: int) -> Iterator[Stage]:
    wiring = step.wiring
    places = list(_places("", step.forward.network.layer))
    for kind, path in places:
        if kind == "layer":
            yield forward.layer_stage(step, wiring.nodes[path], sample)
        elif kind == "sum":
            yield forward.sum_stage(step, wiring.sums[path], sample)
    yield ends.loss_stage(step, sample)
    for kind, path in reversed(places):
        if kind == "layer":
            yield backward.layer_stage(step, wiring.nodes[path], sample)
        else:
            one: Sum = wiring.sums[path]
            stage = backward.split_stage if kind == "sum" else backward.join_stage
            yield stage(step, one, sample)
    for node in wiring.nodes.values():
        if parameters_of(node):
            yield ends.update_stage(step, node)
    after = ends.after_stage(step)
    if after is not None:
        yield after


def _places(path: str, layer: Layer) -> Iterator[tuple[str, str]]:
    """("layer", path), and of a Residual ("fork", path) before its branch and ("sum", path) behind
    it, in the order in which they run."""
    if isinstance(layer, Sequential):
        for name, child in layer.children():
            yield from _places(join_path(path, name), child)
    elif isinstance(layer, Residual):
        yield "fork", path
        yield from _places(join_path(path, "branch"), layer.branch)
        yield "sum", path
    else:
        yield "layer", path
