"""One sample's share of the loss and of the gradient: as data, in words, as a table, as equations
and as a picture."""

from dataclasses import dataclass

from clearprop.base.numbers import brief, number, percent
from clearprop.base.text_tables import aligned
from clearprop.drawing.diagrams.bar_chart import Bar, bars
from clearprop.drawing.diagrams.parts import derivative, explained
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.explained_steps import (
    Chain,
    ExplainedStep,
    indented,
    titled,
)
from clearprop.reading.explanation.latex import braced, chain, latex_number, place
from clearprop.reading.explanation.readable import Readable, joined, say
from clearprop.reading.explanation.signal_pictures import (
    named_bar,
    rest_bars,
    stacked,
    target_lines,
)
from clearprop.reading.explanation.signal_steps import loss_chains, loss_says
from clearprop.reading.explanation.signals import LossDerivative
from clearprop.reading.formula_symbols import parameter_letter
from clearprop.reading.largest_terms import Rest, others_heading, others_label

# Beyond this cosine a sample pulls clearly with the whole gradient, or clearly against it.
CLEARLY = 0.3


@dataclass(frozen=True)
class SampleOutput:
    """One output of the sample and what the loss says of it; `place` is its address."""

    place: str
    loss: LossDerivative


@dataclass(frozen=True)
class Pull:
    """One parameter entry: this sample's ∂C[n]/∂w, the whole ∂L/∂w, and |value| / Σ|∂C[n]/∂w| over
    all parameters."""

    address: str
    value: float
    gradient: float
    share: float


@dataclass(frozen=True)
class SampleExplanation(Readable):
    """One sample: L = Σₙ C[n], and its part in the gradient.

    cost        C[n], with its 1/N where the loss is a mean
    loss        L = cost + others
    others      the costs of all other samples, summed
    share       |C[n]| / Σ|costs|
    rank        1 for the costliest sample
    outputs     the outputs with the largest |∂C/∂y|, largest first
    unlisted    the ∂C/∂y of all other outputs
    pulls       the parameter entries that it pulls hardest at, hardest first
    rest        its ∂C[n]/∂w at all other entries
    alignment   the cosine between its gradient and the whole one: 1 pulls the same way, −1 against
                it; None where one of them is 0
    """

    sample: int
    samples: int
    cost: float
    loss: float
    others: float
    share: float
    rank: int
    outputs: tuple[SampleOutput, ...]
    unlisted: Rest
    pulls: tuple[Pull, ...]
    rest: Rest
    alignment: float | None

    def words(self, language: str = "en") -> str:
        """The paragraph: what the sample costs, why, and what it pulls at."""
        values = {
            "sample": self.sample,
            "cost": brief(self.cost),
            "loss": brief(self.loss),
            "share": percent(self.share),
            "rank": self.rank,
            "samples": self.samples,
        }
        key = "only" if self.samples == 1 else "first" if self.rank == 1 else "ranked"
        found = [say(language, f"cost.{key}", **values), _output(self.outputs[0], language)]
        if self.pulls:
            pull = self.pulls[0]
            numbers = {"value": brief(pull.value), "gradient": brief(pull.gradient)}
            found.append(say(language, "pull.hardest", address=pull.address, **numbers))
        else:
            found.append(say(language, "pull.none"))
        if self.alignment is not None and self.samples > 1:
            cosine = number(self.alignment, 2)
            found.append(say(language, f"pull.{self._way}", cosine=cosine))
        return joined(language, found)

    def steps(self, language: str = "en") -> tuple[ExplainedStep, ...]:
        """What the sample costs, why, and what it pulls at."""
        n = self.sample
        key = "only" if self.samples == 1 else "first" if self.rank == 1 else "ranked"
        values = {"sample": n, "rank": self.rank, "samples": self.samples}
        told = say(language, f"step.cost_{key}", share=percent(self.share), **values)
        costs = [Chain(f"C[{n}]", (brief(self.cost),)), Chain("L", (brief(self.loss),))]
        found = [ExplainedStep(told, tuple(costs[: 1 if self.samples == 1 else 2]))]
        first = self.outputs[0]
        told = say(language, "step.output", place=first.place, loss=first.loss.loss)
        told = say(language, "then", before=told, after=loss_says(first.loss, language))
        found.append(ExplainedStep(told, loss_chains(first.loss, language)))
        if not self.pulls:
            return (*found, ExplainedStep(say(language, "pull.none")))
        pull = self.pulls[0]
        letter = parameter_letter(pull.address)
        chains = (
            Chain(f"∂C[{n}]/∂{letter}", (brief(pull.value),)),
            Chain(f"∂L/∂{letter}", (brief(pull.gradient),)),
        )
        told = say(language, "step.pull", address=pull.address)
        found.append(ExplainedStep(told, chains))
        if self.alignment is not None and self.samples > 1:
            chain = Chain("cos", (number(self.alignment, 2),))
            told = say(language, f"step.{self._way}")
            found.append(ExplainedStep(told, (chain,)))
        return tuple(found)

    @property
    def _way(self) -> str:
        """Whether the sample pulls with the whole gradient, against it, or across."""
        cosine = 0.0 if self.alignment is None else self.alignment
        return "with" if cosine > CLEARLY else "against" if cosine < -CLEARLY else "across"

    def table(self, language: str = "en", width: int | None = None) -> str:
        """The loss as a sum, the outputs, and what the sample pulls hardest at."""
        n = {"sample": self.sample}
        text = titled(say(language, "table.title_cost", **n), width)
        costs = [[f"C[{self.sample}]", brief(self.cost)]]
        if self.samples > 1:
            heading = others_heading(self.samples - 1, language).rstrip()
            costs.append([heading, brief(self.others)])
        costs.append(["L", brief(self.loss)])
        text += [f"  {line}" for line in aligned(costs)]

        rows = [[say(language, "table.output_name"), "y", "t", "∂C/∂y"]]
        for one in self.outputs:
            target = _target(one.loss)
            rows.append([one.place, brief(one.loss.output), target, brief(one.loss.value)])
        if self.unlisted.count:
            rest = self.unlisted
            rows.append([others_heading(rest.count, language).rstrip(), "", "", brief(rest.value)])
        text += ["", *titled(say(language, "table.title_outputs", **n), width)]
        text += indented(rows, width)

        if self.pulls:
            head = [say(language, "table.parameter"), f"∂C[{self.sample}]/∂θ"]
            rows = [[*head, say(language, "table.share"), "∂L/∂θ"]]
            for pull in self.pulls:
                numbers = [brief(pull.value), percent(pull.share), brief(pull.gradient)]
                rows.append([pull.address, *numbers])
            if self.rest.count:
                rest = self.rest
                rows.append(
                    [others_heading(rest.count, language).rstrip(), brief(rest.value), "", ""]
                )
            text += ["", *titled(say(language, "table.title_pulls", **n), width)]
            text += indented(rows, width)
        return "\n".join(text)

    def equations(self, language: str = "en") -> tuple[str, ...]:
        """L as a sum, the loss's derivative at each output, and the pull at each weight."""
        n = self.sample
        summands = [braced(self.cost, f"C[{n}]")]
        if self.samples > 1:
            summands.append(braced(self.others, rf"\sum_{{k \ne {n}}} C[k]"))
        found = [chain("L", r"\sum_{k} C[k]", summands, latex_number(self.loss))]
        for one in self.outputs:
            left = rf"\frac{{\partial C[{n}]}}{{\partial\, {place(one.place)}}}"
            found.append(rf"{left} = {latex_number(one.loss.value)}")
        for pull in self.pulls:
            left = rf"\frac{{\partial L}}{{\partial\, {place(pull.address)}}}"
            letter = parameter_letter(pull.address)
            own = braced(pull.value, rf"\partial C[{n}] / \partial {letter}")
            others = braced(pull.gradient - pull.value, rf"k \ne {n}")
            found.append(chain(left, [own, others], latex_number(pull.gradient)))
        return tuple(found)

    def picture(self, language: str = "en") -> Scene:
        """Three groups of bars: the loss, the outputs, the pulls."""
        groups = [
            (self._cost_bars(language), say(language, "table.title_cost", sample=self.sample)),
            (self._output_bars(language), say(language, "picture.outputs", sample=self.sample)),
            (self._pull_bars(language), say(language, "picture.pulls", sample=self.sample)),
        ]
        items: list[Item] = []
        for rows, heading in groups:
            if rows:
                items = stacked(items, bars(rows, heading))
        return explained(
            items,
            [],
            title=say(language, "picture.sample_title", sample=self.sample),
            description=[self.words(language)],
            language=language,
        )

    def _cost_bars(self, language: str) -> list[Bar]:
        own = f"{number_markup(self.cost)} ({percent(self.share)})"
        rows = [named_bar(say(language, "picture.sample", sample=self.sample), self.cost, own)]
        if self.samples > 1:
            name = others_label(self.samples - 1, language)
            rows.append(named_bar(name, self.others, number_markup(self.others)))
        return rows

    def _output_bars(self, language: str) -> list[Bar]:
        rows = []
        for one in self.outputs:
            written = f"{derivative('*C*', '*y*')} = {number_markup(one.loss.value)},  *y* = "
            written += number_markup(one.loss.output)
            written += "".join(f",  {line.content}" for line in target_lines(one.loss))
            rows.append(named_bar(one.place, one.loss.value, written))
        return [*rows, *rest_bars(self.unlisted, language)]

    def _pull_bars(self, language: str) -> list[Bar]:
        rows = []
        for pull in self.pulls:
            variable = f"*{parameter_letter(pull.address)}*"
            whole = f"{derivative('*L*', variable)} = {number_markup(pull.gradient)}"
            written = f"{number_markup(pull.value)} ({percent(pull.share)}),  {whole}"
            rows.append(named_bar(pull.address, pull.value, written))
        return [*rows, *rest_bars(self.rest, language)] if rows else []


def _output(one: SampleOutput, language: str) -> str:
    values = {"place": one.place, "y": brief(one.loss.output), "loss": one.loss.loss}
    values["derivative"] = brief(one.loss.value)
    if one.loss.wanted is not None:
        told = say(language, "cost.output_without_target", **values)
        return say(language, "then", before=told, after=one.loss.wanted.sentence(language))
    if one.loss.target is None:
        return say(language, "cost.output_without_target", **values)
    return say(language, "cost.output", t=brief(one.loss.target), **values)


def _target(loss: LossDerivative) -> str:
    """The target of an output as a cell: the class by its name where it is one."""
    if loss.wanted is not None:
        return loss.wanted.name
    return "—" if loss.target is None else brief(loss.target)
