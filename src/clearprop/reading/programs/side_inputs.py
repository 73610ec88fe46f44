"""The masks that a program hands to its forward pass beside x: what they are called, and their
numbers in the text."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.kinds.program_lines import INDENT, Symbol
from clearprop.kinds.program_pieces import SideInput
from clearprop.reading.programs.start import filled

SYMBOLS = {PADDING: Symbol("padding", "padding"), LOOKING: Symbol("mask", "mask")}


def settled_side_inputs(given: Mapping[str, Array], x: Array | None) -> dict[str, Array]:
    """The side inputs of a recipe, by their names. Raises ConfigurationError for one that no
    program has, and for any beside samples that are made up; ShapeError for one that has not an
    entry for every sample."""
    found = {name: np.asarray(array) for name, array in given.items()}
    for name, array in found.items():
        if name not in SYMBOLS:
            raise ConfigurationError("program_side_input", name=name, known=", ".join(SYMBOLS))
        if x is None:
            raise ConfigurationError("program_side_input_alone", name=name)
        if array.shape[:1] != (len(x),):
            raise ShapeError(
                "side_input_samples", name=name, came=shape_text(array.shape), samples=len(x)
            )
    return found


def sites_of(given: Mapping[str, Array]) -> dict[str, SideInput]:
    """What the lines of a layer are told of them."""
    return {
        name: SideInput(SYMBOLS[name], array.dtype == bool, array.ndim)
        for name, array in given.items()
    }


def names_of_side_inputs(given: Mapping[str, Array]) -> list[str]:
    """What they are called in a program, in order."""
    return [SYMBOLS[name].name for name in given]


def read_lines(name: str, array: Array) -> list[str]:
    """The lines from a text of numbers to the array."""
    symbol, shape = SYMBOLS[name], ", ".join(map(str, array.shape))
    read = f"np.array({name.upper()}.split(), float).reshape({shape})"
    if array.dtype == bool:
        read += " == 1"
    elif array.dtype == np.float32:
        read += ".astype(np.float32)"
    return [f"{INDENT}{symbol} = {read}"]


def text_of(array: Array) -> list[str]:
    """The numbers of an array as such a text."""
    return filled(map(str, array.ravel().astype(int if array.dtype == bool else array.dtype)))
