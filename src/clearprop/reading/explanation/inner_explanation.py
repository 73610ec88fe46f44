"""One number inside a layer for one sample: as data, in words, as a table, as equations and as a
picture of the matrix or row that it stands in."""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.numbers import brief
from clearprop.drawing.diagrams.matrix import MatrixPanel, axis_word, draw_matrix
from clearprop.drawing.diagrams.parts import LegendEntry, derivative, explained
from clearprop.drawing.pen.items import Item, bounds, moved
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep, indented, titled
from clearprop.reading.explanation.latex import chain, latex_number
from clearprop.reading.explanation.latex import derivative as latex_derivative
from clearprop.reading.explanation.latex import place as latex_place
from clearprop.reading.explanation.readable import Readable, joined, say
from clearprop.reading.explanation.witness import Witness
from clearprop.reading.worked_lines import WorkedLine

# Two panels stand beside each other with this much between them.
BETWEEN = 46.0


@dataclass(frozen=True, eq=False)
class InnerExplanation(Readable):
    """A number inside a layer, v: how it is made, and how ∂C/∂v adds up from what takes it.

    address    `layers[2].heads[1].weights[4,2]`
    layer      what it is inside of, `MultiheadAttention`
    symbol     what it is called in the lines: w
    sample     of `samples`
    value, gradient   v and ∂C/∂v, over everything inside the layer and behind it
    forward    how v is made, line by line; empty for a layer of one's own without a row
    backward   how ∂C/∂v adds up
    axes       what the axes of the numbers around it are called: ("query", "key")
    around     the numbers at the same place before the name, of the same sample
    signals    ∂C/∂(each of them)
    index      where v stands in them
    witness    the loss with v moved
    """

    address: str
    layer: str
    symbol: str
    sample: int
    samples: int
    value: float
    gradient: float
    forward: tuple[WorkedLine, ...]
    backward: tuple[WorkedLine, ...]
    axes: tuple[str, ...]
    around: Array
    signals: Array
    index: Index
    witness: Witness

    def words(self, language: str = "en") -> str:
        """What it is, what the loss answers, and what the witness says."""
        found = [
            say(
                language,
                "inner.opening",
                address=self.address,
                layer=self.layer,
                sample=self.sample,
                value=brief(self.value),
                gradient=brief(self.gradient),
                effect=self._effect(language),
            )
        ]
        for key, lines in (("made", self.forward), ("gathered", self.backward)):
            if lines:
                told = "; ".join(line.text(language) for line in lines)
                found.append(say(language, f"inner.{key}", lines=told))
        return joined(language, [*found, self.witness.sentence(language)])

    def steps(self, language: str = "en") -> tuple[ExplainedStep, ...]:
        """How it is made, how its gradient adds up, and the witness."""
        named = {"address": self.address, "sample": self.sample}
        found = []
        told = say(language, "step.inner", layer=self.layer, **named)
        made = _chains(self.forward, language) or (Chain(self.symbol, (brief(self.value),)),)
        found.append(ExplainedStep(told, made))
        told = say(language, "step.inner_back", effect=self._effect(language), **named)
        gathered = _chains(self.backward, language)
        gathered = gathered or (Chain(f"∂C/∂{self.symbol}", (brief(self.gradient),)),)
        found.append(ExplainedStep(told, gathered))
        return (*found, self.witness.step_of(self.symbol, language))

    def table(self, language: str = "en", width: int | None = None) -> str:
        """The row that it stands in: every number of it with its gradient."""
        row, signals = (one[self.index[:-1]] for one in (self.around, self.signals))
        axis = axis_word(language, self.axes[-1])
        title = say(language, "inner.row", address=self.address, sample=self.sample, axis=axis)
        rows = [[axis, self.symbol, f"∂C/∂{self.symbol}"]]
        for number, (value, signal) in enumerate(zip(row, signals, strict=True)):
            mark = "→ " if number == self.index[-1] else ""
            rows.append([f"{mark}{number}", brief(float(value)), brief(float(signal))])
        return "\n".join([*titled(title, width), *indented(rows, width)])

    def equations(self, language: str = "en") -> tuple[str, ...]:
        """Each line of how it is made and of how its gradient adds up."""
        found = []
        for lines, last in (
            (self.forward, latex_place(self.address)),
            (self.backward, latex_derivative(self.address, self.sample)),
        ):
            for line in lines:
                left = last if line is lines[-1] else rf"\text{{{line.left}}}"
                summed = rf"\text{{{line.written(language)}}}" if line.right else ""
                found.append(chain(left, *filter(None, [summed]), latex_number(line.value)))
        return (*found, self.witness.equation_of(r"\text{" + self.symbol + "}"))

    def picture(self, language: str = "en") -> Scene:
        """The matrix that it stands in and the gradients of all of it, side by side."""
        items: list[Item] = []
        shift = 0.0
        panels: tuple[tuple[str, Role, Array], ...] = (
            (f"*{self.symbol}*", "forward", self.around),
            (derivative("*C*", f"*{self.symbol}*"), "backward", self.signals),
        )
        for name, role, values in panels:
            drawn = draw_matrix(self._panel(name, role, values), language)
            items += [moved(item, shift, 0) for item in drawn.items]
            shift = bounds(items).right + BETWEEN
        entries = [
            LegendEntry("positive5", 0, say(language, "inner.legend.plus")),
            LegendEntry("negative5", 0, say(language, "inner.legend.minus")),
            LegendEntry("ink", 0, say(language, "inner.legend.marked", address=self.address)),
        ]
        return explained(
            items,
            entries,
            title=say(language, "inner.title", address=self.address, sample=self.sample),
            description=[self.words(language)],
            language=language,
        )

    def _panel(self, name: str, role: Role, values: Array) -> MatrixPanel:
        """The last two axes at the place of the others; one axis alone is one row."""
        matrix = np.atleast_2d(values[self.index[:-2]]) if values.ndim > 1 else values[None]
        lead = self.index[:-2]
        before = self.address[: self.address.rindex("[")]
        alone = values.ndim == 1

        def place(row: int, column: int) -> str:
            index = (column,) if alone else (*lead, row, column)
            return f"{before}[{','.join(map(str, index))}]"

        axes = ("", self.axes[0]) if alone else self.axes[-2:]
        marked = (0 if alone else self.index[-2], self.index[-1])
        return MatrixPanel(name, role, matrix, axes[0], axes[1], place, marked)

    def _effect(self, language: str) -> str:
        direction = "nothing" if self.gradient == 0 else "rises" if self.gradient > 0 else "falls"
        return say(language, f"gradient.{direction}", size=brief(abs(self.gradient)))


def _chains(lines: tuple[WorkedLine, ...], language: str) -> tuple[Chain, ...]:
    return tuple(Chain(line.left, (line.written(language), brief(line.value))) for line in lines)
