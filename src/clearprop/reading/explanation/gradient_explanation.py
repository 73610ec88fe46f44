"""Why a number has its gradient: as data, in words, as a table, as equations and as a picture."""

from dataclasses import dataclass
from enum import StrEnum

from clearprop.base.numbers import bracketed, brief, number, percent, product_text
from clearprop.drawing.diagrams.bar_chart import Bar, bars
from clearprop.drawing.diagrams.parts import TextLine, derivative, equation, explained
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.step import Update
from clearprop.reading.explanation.explained_steps import (
    Chain,
    ExplainedStep,
    indented,
    narrowed,
    titled,
)
from clearprop.reading.explanation.latex import (
    braced,
    chain,
    latex_number,
    place,
    rest_braced,
    signal_chains,
)
from clearprop.reading.explanation.paths import paths_of_share
from clearprop.reading.explanation.place_shares import PlaceShares
from clearprop.reading.explanation.readable import Readable, joined, say
from clearprop.reading.explanation.sample_shares import SampleShare
from clearprop.reading.explanation.signal_pictures import (
    draw_paths,
    largest_of,
    named_bar,
    path_legend,
    rest_bars,
    stacked,
)
from clearprop.reading.explanation.signal_steps import signal_steps
from clearprop.reading.explanation.signals import cancellation, sentences, taken_apart
from clearprop.reading.explanation.time_shares import TimeShares
from clearprop.reading.explanation.witness import Witness
from clearprop.reading.formula_symbols import parameter_letter
from clearprop.reading.largest_terms import Rest, others_heading


class GradientKind(StrEnum):
    """Of what a gradient is: a weight or a bias of a Linear layer, a parameter of another layer, or
    a feature of the input."""

    WEIGHT = "weight"
    BIAS = "bias"
    PARAMETER = "parameter"
    INPUT = "input"


@dataclass(frozen=True)
class GradientExplanation(Readable):
    """∂L/∂w of one number w: gradient = Σ shares + rest.

    address   where w is
    value     w itself; None of a feature of the input, which differs between samples
    gradient  ∂L/∂w as the backward pass recorded it
    loss      L before the update
    samples   how many samples took part
    shares    the samples that are shown, the largest share first
    rest      all other samples
    size      Σ|shares| over all samples, against which shares are taken
    update    what the optimizer does; None without one, and of a feature
    symbol    what w is called in formulas, w₁₄⁽¹⁾; "" where it has no name there
    times     how much comes through every time, of a layer that goes through time
    places    how much comes through which place of which image, of a kernel and of a channel's γ
    """

    kind: GradientKind
    address: str
    value: float | None
    gradient: float
    loss: float
    samples: int
    shares: tuple[SampleShare, ...]
    rest: Rest
    size: float
    update: Update | None
    witness: Witness
    symbol: str = ""
    times: TimeShares | None = None
    places: PlaceShares | None = None

    @property
    def letter(self) -> str:
        """What the number is called in equations."""
        return "x" if self.kind == GradientKind.INPUT else parameter_letter(self.address)

    @property
    def cancelled(self) -> float:
        """The part of Σ|shares| that cancels: 0 where all samples pull one way, 1 where nothing
        is left of them."""
        return 1 - min(abs(self.gradient) / self.size, 1) if self.size else 0.0

    def words(self, language: str = "en") -> str:
        """The paragraph: gradient, samples, factors, signal, update and witness."""
        found = [self._opening(language)]
        if self.shares:
            first = self.shares[0]
            if self.samples > 1:
                found.append(self._sample(first, language))
            if first.products:
                if self.kind != GradientKind.INPUT:
                    found.append(first.factors(self.letter, language))
                found += sentences(first.products[0].signal, language)
        if self.samples > 1:
            found += cancellation("gradient", self.gradient, self.size, language)
        if self.times is not None:
            found += self.times.sentences(self.letter, language)
        if self.places is not None:
            found += self.places.sentences(self.letter, language)
        if self.update is not None:
            found.append(_update(self.update, language))
        found.append(self.witness.sentence(language))
        return joined(language, found)

    def steps(self, language: str = "en") -> tuple[ExplainedStep, ...]:
        """Gradient, samples, factors, signal, update and witness."""
        letter = self.letter
        found = [self._gradient_step(letter, language)]
        if self.shares:
            first = self.shares[0]
            if self.samples > 1:
                chain = Chain(f"∂C[{first.sample}]/∂{letter}", (brief(first.value),))
                told = self._sample(first, language, "step.sample")
                for more in cancellation("gradient", self.gradient, self.size, language):
                    told = say(language, "then", before=told, after=more)
                found.append(ExplainedStep(told, (chain,)))
            if first.products:
                if self.kind != GradientKind.INPUT:
                    found.append(first.step(letter, language))
                found += signal_steps(first.products[0].signal, language)
        if self.times is not None:
            found.append(self.times.step(letter, language))
        if self.places is not None:
            found += self.places.steps(letter, language)
        if self.update is not None:
            found.append(_update_step(self.update, self.gradient, letter, language))
        return (*found, self.witness.step_of(letter, language))

    def table(self, language: str = "en", width: int | None = None) -> str:
        """The samples line by line with their sum, then the signal of the first one taken apart."""
        names = ("sample", "forward", "backward", "product", "share")
        rows = [[say(language, f"table.{name}", letter=self.letter) for name in names]]
        for share in self.shares:
            rows += share.rows(language)
        if self.rest.count:
            rest, size = self.rest, self.size
            part = percent(rest.size / size) if size else percent(0)
            rows.append(
                [others_heading(rest.count, language).rstrip(), "", "", brief(rest.value), part]
            )
        rows.append([say(language, "table.sum"), "", "", brief(self.gradient), ""])
        if self.kind == GradientKind.INPUT:
            # Every share is a signal, so there are no factors to show.
            rows = [[row[0], row[3], row[4]] for row in rows]
            rows[0][1] = "∂C/∂x"
        title = say(language, "table.title", letter=self.letter, address=self.address)
        text = [*titled(title, width), *indented(rows, width)]
        for share in self.shares[:1]:
            for one in share.products:
                if one.signal.opened:
                    text += ["", *titled(say(language, "table.signal", sample=share.sample), width)]
                    text += narrowed(taken_apart(one.signal, language), width)
        if self.times is not None:
            text += ["", *self.times.table(self.letter, language, width)]
        if self.places is not None:
            text += ["", *self.places.table(self.letter, language, width)]
        return "\n".join(text)

    def equations(self, language: str = "en") -> tuple[str, ...]:
        """The sum over the samples, the first one's product, its signal taken apart, the update and
        the witness."""
        letter, w = self.letter, place(self.address)
        summands = [braced(share.value, f"n = {share.sample}") for share in self.shares]
        summands += rest_braced(self.rest, language)
        found = [
            chain(
                rf"\frac{{\partial L}}{{\partial\, {w}}}",
                rf"\sum_{{n}} \frac{{\partial C[n]}}{{\partial {letter}}}",
                summands,
                latex_number(self.gradient),
            )
        ]
        for share in self.shares[:1]:
            found.append(_product(share, letter, w, language))
            for one in share.products:
                found += signal_chains(one.signal, language)
        if self.places is not None:
            found.append(self.places.equation(letter, language))
        update = self.update
        if update is not None and update.learning_rate is not None:
            eta = braced(update.learning_rate, r"\eta")
            slope = braced(self.gradient, rf"\partial L / \partial {letter}")
            moved = rf"{braced(update.before, letter)} - {eta} \cdot {slope}"
            stepped = rf"{letter} - \eta \frac{{\partial L}}{{\partial {letter}}}"
            found.append(chain(stepped, moved, latex_number(update.after)))
        return (*found, self.witness.equation_of(letter))

    def picture(self, language: str = "en") -> Scene:
        """The shares as bars where there are several samples, then the paths."""
        items: list[Item] = []
        if self.samples > 1:
            title = say(language, "table.title", letter=self.letter, address=self.address)
            items += bars(self._bars(language), title)
        if self.times is not None:
            items = stacked(items, self.times.bars(self.letter, language))
        if self.places is not None:
            items = stacked(items, self.places.bars(self.letter, language))
        entries = []
        for share in self.shares[:1]:
            paths = paths_of_share(share)
            variable = f"*{self.letter}*"
            name = derivative(f"*C*[{share.sample}]", variable)
            root = [TextLine(self.address)]
            if self.value is not None:
                root.append(TextLine(equation(variable, self.value)))
            root.append(TextLine(equation(name, share.value), "backward"))
            drawn = draw_paths(paths, tuple(root), language, variable=variable).items
            items = stacked(items, drawn)
            entries = path_legend(name, largest_of(paths), language)
        return explained(
            items,
            entries,
            title=say(language, "picture.gradient.title", address=self.address),
            description=[self.words(language)],
            language=language,
        )

    def _opening(self, language: str) -> str:
        gradient = self.gradient
        direction = "nothing" if gradient == 0 else "rises" if gradient > 0 else "falls"
        effect = say(language, f"gradient.{direction}", size=brief(abs(gradient)))
        return say(
            language,
            f"gradient.{self.kind}",
            letter=self.letter,
            address=self.address,
            value="" if self.value is None else brief(self.value),
            gradient=brief(gradient),
            effect=effect,
        )

    def _gradient_step(self, letter: str, language: str) -> ExplainedStep:
        gradient = self.gradient
        direction = "nothing" if gradient == 0 else "rises" if gradient > 0 else "falls"
        effect = say(language, f"gradient.{direction}", size=brief(abs(gradient)))
        named = f"{self.address} ({self.symbol})" if self.symbol else self.address
        told = say(language, f"step.{self.kind}", named=named, effect=effect)
        chains = [Chain(letter, (brief(self.value),))] if self.value is not None else []
        summed = f"Σₙ ∂C[n]/∂{letter}" if self.samples > 1 else ""
        return ExplainedStep(told, (*chains, Chain(f"∂L/∂{letter}", (summed, brief(gradient)))))

    def _sample(self, first: SampleShare, language: str, within: str = "sample") -> str:
        values = {
            "sample": first.sample,
            "value": brief(first.value),
            "share": percent(first.share),
        }
        if self.size == 0:
            key = "none"
        elif first.share > 0.5:
            key = "most"
        else:
            # A sample that the caller chose need not be the largest.
            largest = abs(first.value) * self.rest.count >= self.rest.size
            key = "largest" if largest and len(self.shares) > 1 else "chosen"
        return say(language, f"{within}.{key}", samples=self.samples, **values)

    def _bars(self, language: str) -> list[Bar]:
        rows = [
            named_bar(
                say(language, "picture.sample", sample=share.sample),
                share.value,
                f"{number_markup(share.value)} ({percent(share.share)})",
            )
            for share in self.shares
        ]
        total = say(language, "picture.sum")
        whole = named_bar(total, self.gradient, number_markup(self.gradient))
        return [*rows, *rest_bars(self.rest, language), whole]


def _update(update: Update, language: str) -> str:
    values = {
        "optimizer": update.optimizer,
        "before": number(update.before, 6),
        "after": number(update.after, 6),
        "change": brief(update.change),
    }
    if update.learning_rate is None:
        return say(language, "update.other", **values)
    return say(language, "update.plain", rate=brief(update.learning_rate), **values)


def _update_step(update: Update, gradient: float, letter: str, language: str) -> ExplainedStep:
    before, after = number(update.before, 6), number(update.after, 6)
    if update.learning_rate is None:
        told = say(language, "step.update_other", optimizer=update.optimizer)
        moved = f"{before} + {bracketed(update.change)}"
        return ExplainedStep(told, (Chain(f"{letter}′", (moved, after)),))
    rate = brief(update.learning_rate)
    told = say(language, "step.update", optimizer=update.optimizer, rate=rate)
    moved = f"{before} − {product_text(update.learning_rate, gradient)}"
    symbols = f"{letter} − η · ∂L/∂{letter}"
    return ExplainedStep(told, (Chain(f"{letter}′", (symbols, moved, after)),))


def _product(share: SampleShare, letter: str, w: str, language: str) -> str:
    summands = [
        braced(one.factor, rf"\partial z / \partial {letter}")
        + r" \cdot "
        + braced(one.signal.value, rf"\partial C / \partial\, {place(one.signal.place)}")
        for one in share.products
    ]
    summands += rest_braced(share.rest, language)
    left = rf"\frac{{\partial C[{share.sample}]}}{{\partial\, {w}}}"
    return chain(left, summands or "0", latex_number(share.value))
