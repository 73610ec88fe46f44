"""One sample's share of a gradient, as forward factor × backward factor.

    ∂L/∂w = Σₙ ∂C[n]/∂w                      C[n] carries its 1/N where the loss is a mean
    ∂C[n]/∂w = ∂z/∂w · ∂C[n]/∂z              of a Linear layer: the input that w multiplies (for a
                                             bias: 1) times the signal at its neuron

In any other layer a parameter may touch several outputs y_j of one sample, and may stand in several
layers (tied weights): ∂C[n]/∂w = Σ_j ∂y_j/∂w · ∂C[n]/∂y_j, with ∂y_j/∂w from the layer's own
backward.
"""

from dataclasses import dataclass

from clearprop.base.numbers import brief, percent, product_text
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_steps import by
from clearprop.reading.explanation.signals import Signal
from clearprop.reading.largest_terms import NOTHING, Rest, others_heading


@dataclass(frozen=True)
class FactorPair:
    """Forward factor times backward factor: value = factor · signal.value.

    via     the parameter's address here, which of a tied one is not the address that was asked for
    input   the address of the number that the weight multiplies; "" where it is none, as of a bias
    factor  ∂z/∂w, from the forward pass
    signal  ∂C/∂z, from the backward pass
    """

    via: str
    input: str
    factor: float
    signal: Signal
    value: float


@dataclass(frozen=True)
class SampleShare:
    """One sample's share of a gradient: value = Σ products + rest.

    share   |value| / Σ|shares of all samples|
    """

    sample: int
    value: float
    share: float
    products: tuple[FactorPair, ...]
    rest: Rest = NOTHING

    def factors(self, letter: str, language: str) -> str:
        """The sentence of its largest product; `letter` is what the number is called."""
        one = self.products[0]
        key = "factors.of_input" if one.input else "factors.alone"
        several = len(self.products) > 1 or self.rest.count
        if several:
            key = "factors.places" if one.input else "factors.several"
        elif not one.input and one.factor != 1:
            key = "factors.local"
        return say(
            language,
            key,
            letter=letter,
            input=one.input,
            factor=brief(one.factor),
            place=one.signal.place,
            signal=brief(one.signal.value),
            product=product_text(one.factor, one.signal.value),
            value=brief(one.value),
            count=len(self.products) + self.rest.count,
        )

    def step(self, letter: str, language: str) -> ExplainedStep:
        """The same as a step."""
        one = self.products[0]
        several = len(self.products) > 1 or self.rest.count
        key = "of_input" if one.input else "alone" if one.factor == 1 else "local"
        count = len(self.products) + self.rest.count
        values = {"letter": letter, "input": one.input, "place": one.signal.named, "count": count}
        of_several = "places" if one.input else "several"
        told = say(language, f"step.factors_{of_several if several else key}", **values)
        left = f"∂C[{self.sample}]/∂{letter}"
        behind = by(one.signal)
        product = product_text(one.factor, one.signal.value)
        if several:
            # The largest of several products, and not their sum.
            left = f"∂z/∂{letter} · {behind}"
            return ExplainedStep(told, (Chain(left, (product, brief(one.value))),))
        symbols = behind if key == "alone" else f"∂z/∂{letter} · {behind}"
        right = (symbols, "" if key == "alone" else product, brief(one.value))
        return ExplainedStep(told, (Chain(left, right),))

    def rows(self, language: str) -> list[list[str]]:
        """Its rows of a table: sample, ∂z/∂w, ∂C/∂z, their product, part of all shares."""
        part = percent(self.share)
        single = len(self.products) == 1 and not self.rest.count
        rows = []
        if not single:
            rows.append([str(self.sample), "", "", brief(self.value), part])
        for one in self.products:
            first = str(self.sample) if single else f"  {one.signal.place}"
            numbers = [brief(one.factor), brief(one.signal.value), brief(one.value)]
            rows.append([first, *numbers, part if single else ""])
        if self.rest.count:
            rows.append(
                [
                    f"  {others_heading(self.rest.count, language).rstrip()}",
                    "",
                    "",
                    brief(self.rest.value),
                    "",
                ]
            )
        return rows
