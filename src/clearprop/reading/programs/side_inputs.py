"""The masks, lengths and states that a program hands to its forward pass beside x: what they are
called, and their numbers in the text."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.engine.graph import Graph, join_path
from clearprop.engine.known_side_inputs import SideInputs, side_inputs_of_samples
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.kinds.program_lines import INDENT, Symbol
from clearprop.kinds.program_pieces import SideInput
from clearprop.reading.programs.start import filled

SYMBOLS = {
    PADDING: Symbol("padding", "padding"),
    LOOKING: Symbol("mask", "mask"),
    LENGTHS: Symbol("lengths", "lengths"),
    "hidden": Symbol("h_prev", "h₀"),
    "cell": Symbol("c_prev", "c₀"),
}


def settled_side_inputs(graph: Graph, given: Mapping[str, Array], x: Array | None) -> SideInputs:
    """The side inputs of a recipe. Raises ConfigurationError for one that no program has, and for
    any beside samples that are made up, and what `side_inputs_of_samples` raises."""
    for name in given:
        if _kind(name) not in SYMBOLS:
            raise ConfigurationError("program_side_input", name=name, known=", ".join(SYMBOLS))
        if x is None:
            raise ConfigurationError("program_side_input_alone", name=name)
    return side_inputs_of_samples(graph, given, 0 if x is None else len(x))


def symbols_of(given: Mapping[str, Array]) -> dict[str, Symbol]:
    """What each is called in a program, in order; those of one layer alone are numbered."""
    own = [name for name in given if name not in SYMBOLS]
    return {
        name: SYMBOLS[name]
        if name in SYMBOLS
        else SYMBOLS[_kind(name)].through(str(own.index(name) + 1), str(own.index(name) + 1))
        for name in given
    }


def site_of(given: Mapping[str, Array], path: str) -> dict[str, SideInput]:
    """What the lines of the layer at a path are told of them; its own come before those for all."""
    symbols, found = symbols_of(given), {}
    for kind in SYMBOLS:
        own = join_path(path, kind)
        name = own if own in given else kind
        if name in given:
            array = given[name]
            found[kind] = SideInput(symbols[name], array.dtype == bool, array.ndim)
    return found


def read_line(symbol: Symbol, array: Array) -> str:
    """The line from a text of its numbers, a constant, to the array."""
    shape = ", ".join(map(str, array.shape))
    kind = "int" if array.dtype.kind in "iu" else "float"
    read = f"np.array({symbol.name.upper()}.split(), {kind}).reshape({shape})"
    if array.dtype == bool:
        read += " == 1"
    elif array.dtype == np.float32:
        read += ".astype(np.float32)"
    return f"{INDENT}{symbol} = {read}"


def text_of(array: Array) -> list[str]:
    """The numbers of an array as such a text."""
    return filled(map(str, array.ravel().astype(int if array.dtype == bool else array.dtype)))


def _kind(name: str) -> str:
    """A side input's name without the path of its layer."""
    return name.rpartition(".")[2]
