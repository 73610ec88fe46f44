"""How much of a gradient comes through which place of which image, of a parameter that a layer uses
at every place: a kernel's entry, a channel's γ or β.

    ∂L/∂w = Σₙ Σ_p (∂z/∂w at place p of sample n) · ∂C/∂z there

The largest are told one by one, each by the number of the image that it reads; all others are one
rest.
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.numbers import brief, percent, product_text
from clearprop.drawing.diagrams.bar_chart import bars
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.markup import number_markup
from clearprop.engine.addresses import Address
from clearprop.engine.graph import Node
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.window_places import Met, ParameterEntry
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep, indented, titled
from clearprop.reading.explanation.latex import braced, chain, latex_number, rest_braced
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_pictures import named_bar, rest_bars
from clearprop.reading.explanation.witness import Witness, witness_at_one_place
from clearprop.reading.largest_terms import (
    Rest,
    largest_first,
    others_heading,
    rest_of,
    share_of,
)
from clearprop.reading.worked_lines import WorkedLine

# So many places are written out, those with the largest shares.
MOST_PLACES = 12
# So many products stand in an equation.
WRITTEN = 3
# How an entry is written: of a vector, a sequence, an image.
_AXES = ("n,c", "n,c,t", "n,c,i,j")


@dataclass(frozen=True)
class PlaceShare:
    """What one place of one sample gives: value = factor · signal.

    reads   the address of the number that is multiplied there, or that is normalized and then
            multiplied; "" of a bias, which reads none
    factor  ∂z/∂w: what is multiplied, and 1 of a bias
    output  the address of z
    signal  ∂C/∂z
    share   |value| / Σ|values of all places|
    """

    sample: int
    reads: str
    factor: float
    output: str
    signal: float
    value: float
    share: float


@dataclass(frozen=True)
class PlaceShares:
    """Σ places + rest = the gradient, or one sample's share of it.

    places   the largest, largest first
    rest     all others that give anything
    total    their sum
    samples  of how many samples they are
    letter   what is read, x, or x̂ where it is normalized first
    silent   how many places give nothing: the number there, or its signal, is 0
    witness  the loss with the entry moved at the place of the largest share alone; None where
             every share is 0
    """

    places: tuple[PlaceShare, ...]
    rest: Rest
    total: float
    samples: int
    letter: str
    silent: int
    witness: Witness | None

    @property
    def _unwritten(self) -> Rest:
        """What an equation does not write out."""
        hidden = [one.value for one in self.places[WRITTEN:]]
        return Rest(len(hidden), float(sum(hidden)), float(np.abs(hidden).sum())) + self.rest

    def sentences(self, letter: str, language: str) -> list[str]:
        """Where most of it comes from, and the witness."""
        found = [self._largest(letter, language)]
        if self.witness is not None:
            moved = say(language, "place.moved", letter=letter)
            found.append(f"{moved}{self.witness.sentence(language)}")
        return found

    def steps(self, letter: str, language: str) -> list[ExplainedStep]:
        """The same as steps of the explanation."""
        right = tuple(product_text(one.factor, one.signal) for one in self.places[:WRITTEN])
        line = WorkedLine(f"∂L/∂{letter}", right, self.total, self._unwritten)
        symbols = f"Σₙ Σₚ ∂z/∂{letter} · ∂C/∂z"
        told = Chain(line.left, (symbols, line.written(language), brief(self.total)))
        found = [ExplainedStep(self._largest(letter, language), (told,))]
        if self.witness is not None:
            moved = say(language, "place.moved", letter=letter)
            own = self.witness.step_of(letter, language)
            found.append(ExplainedStep(f"{moved}{own.says}", own.chains))
        return found

    def table(self, letter: str, language: str, width: int | None) -> list[str]:
        """The largest places line by line, the rest, and the sum."""
        reading = any(one.reads for one in self.places)
        names = (*(("reads", "factor") if reading else ()), "at", "signal", "product", "part")
        rows = [[say(language, f"place.{name}", letter=letter) for name in names]]
        for one in self.places:
            read = (
                [_entry(self.letter, one.sample, one.reads), brief(one.factor)] if reading else []
            )
            made = [_entry("z", one.sample, one.output), brief(one.signal), brief(one.value)]
            rows.append([*(read if reading else ()), *made, percent(one.share)])
        empty = [""] * (len(names) - 3)
        if self.rest.count:
            name = others_heading(self.rest.count, language).rstrip()
            size = self.rest.size + sum(abs(one.value) for one in self.places)
            part = percent(share_of(self.rest.size, size))
            rows.append([name, *empty, brief(self.rest.value), part])
        rows.append([say(language, "table.sum"), *empty, brief(self.total), ""])
        lines = titled(say(language, "place.title", letter=letter), width)
        if self.places:
            lines += titled(self._names(language), width)
        lines += indented(rows, width)
        if self.silent:
            lines += titled(say(language, "place.silent", count=self.silent), width)
        return lines

    def equation(self, letter: str, language: str) -> str:
        """The sum over places as LaTeX."""
        summands = [
            braced(one.factor, rf"\partial z / \partial {letter}")
            + r" \cdot "
            + braced(one.signal, r"\partial C / \partial z")
            for one in self.places[:WRITTEN]
        ]
        return chain(
            rf"\sum_{{n}} \sum_{{p}} \frac{{\partial z}}{{\partial {letter}}}"
            r" \frac{\partial C}{\partial z}",
            [*summands, *rest_braced(self._unwritten, language)] or "0",
            latex_number(self.total),
        )

    def bars(self, letter: str, language: str) -> list[Item]:
        """The shares as bars, the largest first."""
        rows = [
            named_bar(
                say(language, "place.bar", sample=one.sample, place=one.reads or one.output),
                one.value,
                f"{number_markup(one.value)} ({percent(one.share)})",
            )
            for one in self.places
        ]
        rows += rest_bars(self.rest, language)
        return bars(rows, say(language, "place.title", letter=letter)) if rows else []

    def _names(self, language: str) -> str:
        """What the letters of the table are."""
        one = self.places[0]
        number = one.output.count(",")
        key = "alone" if not one.reads else "names" if self.letter == "x" else "normalized"
        return say(
            language,
            f"place.{key}",
            axes=_AXES[number],
            described=say(language, f"place.axes_{number}"),
            x=_before(one.reads),
            z=_before(one.output),
        )

    def _largest(self, letter: str, language: str) -> str:
        if not self.places:
            return say(language, "place.nothing", letter=letter, count=self.silent)
        one = self.places[0]
        key = "largest_alone" if not one.reads else "largest"
        if one.reads and self.letter != "x":
            key = "largest_normalized"
        return say(
            language,
            f"place.{key}",
            letter=letter,
            count=len(self.places) + self.rest.count,
            samples=self.samples,
            sample=one.sample,
            reads=_in_words(one.reads, language),
            factor=brief(one.factor),
            output=one.output,
            signal=brief(one.signal),
            product=product_text(one.factor, one.signal),
            value=brief(one.value),
            share=percent(one.share),
        )


def _entry(letter: str, sample: int, address: str) -> str:
    """`x[5,1,2,3]`: sample 5 of what an address is of."""
    return f"{letter}[{sample},{address[address.rindex('[') + 1 :]}" if address else ""


def _before(address: str) -> str:
    return address[: address.rindex("[")] if address else ""


def _in_words(address: str, language: str) -> str:
    """`layers[2][1,2,3], channel 1, row 2, column 3`."""
    if not address:
        return ""
    index = address[address.rindex("[") + 1 : -1].split(",")
    key = "image" if len(index) == 3 else "line" if len(index) == 2 else "number"
    names = ("channel", "row", "column") if len(index) == 3 else ("channel", "column")
    return say(language, f"place.{key}", address=address, **dict(zip(names, index, strict=False)))


class UsedAtPlaces:
    """One entry of one parameter of a layer whose row says at which places it is used.

    values  (N, *places) what each place gives
    """

    def __init__(self, step: Step, node: Node, met: Met) -> None:
        self._step, self._node, self.met = step, node, met
        self.signals = step.signals(node.path)[:, met.channel].astype(np.float64)
        self.factors = met.factors.astype(np.float64)
        self.values: Array = self.factors * self.signals

    def output(self, place: Index) -> Index:
        """The index of z at a place."""
        return (self.met.channel, *place)

    def reads(self, place: Index) -> str:
        """The address of the number that is multiplied there; "" where there is none."""
        index = self.met.reads(place)
        return "" if index is None else str(Address(self._node.source, index))

    def shares(self, name: str, index: Index, sample: int | None) -> PlaceShares:
        """The largest of all samples, or of one."""
        values = self.values if sample is None else self.values[sample : sample + 1]
        first = 0 if sample is None else sample
        flat = values.reshape(-1)
        chosen, others = largest_first(flat, MOST_PLACES)
        size = float(np.abs(flat).sum())
        places = []
        for position in chosen:
            row, *place = (int(i) for i in np.unravel_index(position, values.shape))
            at = (row + first, *place)
            places.append(
                PlaceShare(
                    sample=at[0],
                    reads=self.reads(tuple(place)),
                    factor=float(self.factors[at]),
                    output=str(Address(self._node.path, self.output(tuple(place)))),
                    signal=float(self.signals[at]),
                    value=float(self.values[at]),
                    share=share_of(float(self.values[at]), size),
                )
            )
        witness = None
        if places:
            row, *place = (int(i) for i in np.unravel_index(chosen[0], values.shape))
            entry = (self._node.path, name, index)
            at = (row + first, *self.output(tuple(place)))
            one = places[0]
            witness = witness_at_one_place(self._step, entry, at, one.factor, one.value)
        touched = others[flat[others] != 0]
        return PlaceShares(
            places=tuple(places),
            rest=rest_of(flat[touched]),
            total=float(flat.sum()),
            samples=len(values),
            letter=self.met.letter,
            silent=int(np.count_nonzero(flat == 0)),
            witness=witness,
        )


def used_at_places(step: Step, node: Node, name: str, index: Index) -> UsedAtPlaces | None:
    """Where one entry of a layer's parameter is used; None for a layer whose row does not say."""
    row = LAYER_ROWS.get(type(node.layer))
    if row is None or row.meets is None:
        return None
    record = step.forward[node.path]
    entry = ParameterEntry(node.layer, record.params, record.input, record.cache, name, index)
    return UsedAtPlaces(step, node, row.meets(entry))
