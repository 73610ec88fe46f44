"""What the numbers of a small network are called: in a form (ASCII) and in print (markup).

    w11(1)     *w*_[11]^[(1)]     the weight from input 1 to neuron 1 of layer 1
    z2(1)      *z*_[2]^[(1)]      what neuron 2 of layer 1 sums up
    dC/dw1     ∂*C*/∂*w*_[1]      of a single neuron: no layer and no second index
    z1(1)[2]   *z*_[1]^[(1)][2]   of sample 2; raised, it would be a power

Symbols count from 1; what stands in brackets counts from 0, as in every address. An index that says
nothing is left out.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Label(NamedTuple):
    """A number's name in a form, and its symbol in the markup of `pen.markup`."""

    name: str
    symbol: str


@dataclass(frozen=True)
class Naming:
    """The names in a network of these `widths` with so many `samples`. Layers, units and samples
    are counted from 0 here, layers and units from 1 in what is written."""

    widths: tuple[int, ...]
    samples: int = 1

    @property
    def cost(self) -> str:
        """C of one sample, L of several."""
        return "C" if self.samples == 1 else "L"

    def of_input(self, letter: str, i: int, sample: int) -> Label:
        """A feature of the input: x."""
        index = str(i + 1) if self.widths[0] > 1 else ""
        return _label(letter, index, "", self._sample(sample))

    def of_output(self, letter: str, j: int, sample: int) -> Label:
        """A number at an output: y, t or the error e."""
        index = str(j + 1) if self.widths[-1] > 1 else ""
        return _label(letter, index, "", self._sample(sample))

    def of_sample(self, letter: str, sample: int) -> Label:
        """A number of a whole sample: the sum S of softmax."""
        return _label(letter, "", "", self._sample(sample))

    def of_unit(self, letter: str, layer: int, j: int, sample: int | None = None) -> Label:
        """A number of one neuron: z, a or b; b has no sample."""
        index = "" if self._single_file else str(j + 1)
        return _label(letter, index, self._layer(layer), self._sample(sample))

    def weight(self, layer: int, i: int, j: int) -> Label:
        """The weight from input i to neuron j."""
        if not self._single_file:
            index = f"{i + 1}{j + 1}"
        else:
            index = str(i + 1) if self.widths[layer] > 1 else ""
        return _label("w", index, self._layer(layer), "")

    def derivative(self, by: Label) -> Label:
        """∂C/∂ of a number, or ∂L/∂."""
        return Label(f"d{self.cost}/d{by.name}", f"∂*{self.cost}*/∂{by.symbol}")

    @property
    def _single_file(self) -> bool:
        return all(width == 1 for width in self.widths[1:])

    def _layer(self, layer: int) -> str:
        return str(layer + 1) if len(self.widths) > 2 else ""

    def _sample(self, sample: int | None) -> str:
        return "" if sample is None or self.samples == 1 else str(sample)


def updated(of: Label) -> Label:
    """A parameter after the update."""
    return Label(f"new {of.name}", f"{of.symbol}^[ new]")


def of_program(of: Label) -> Label:
    """A number as a program with a mistake computes it."""
    return Label(f"program {of.name}", f"{of.symbol}^[ program]")


def slope(of: Label) -> Label:
    """The activation's derivative at a z."""
    return Label(f"a'({of.name})", f"*a*′({of.symbol})")


def product(one: Label, other: Label) -> Label:
    """The product of two numbers."""
    return Label(f"{one.name}*{other.name}", f"{one.symbol} {other.symbol}")


def _label(letter: str, index: str, layer: str, sample: str) -> Label:
    name = letter + index + (f"({layer})" if layer else "") + (f"[{sample}]" if sample else "")
    symbol = f"*{letter}*" + (f"_[{index}]" if index else "") + (f"^[({layer})]" if layer else "")
    return Label(name, symbol + (f"[{sample}]" if sample else ""))
