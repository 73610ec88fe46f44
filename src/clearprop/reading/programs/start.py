"""Where a training begins: the parameters drawn as clearprop draws them, or written as numbers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Parameter
from clearprop.kinds.kind_tables import INITIALIZER_ROWS
from clearprop.kinds.program_lines import INDENT, WIDTH, Line, Symbol, gathered

# So many numbers are written into a program; more stand in a file beside it.
LITERALS = 1000


@dataclass(frozen=True, eq=False)
class ProgramArray:
    """An array of the program and its value."""

    symbol: Symbol
    value: Array


def drawn(symbol: Symbol, path: str, parameter: Parameter, dtype: np.dtype[Any]) -> list[Line]:
    """The lines that draw a parameter array with the generator of its path."""
    row = INITIALIZER_ROWS[type(parameter.initializer)]
    code, equation, random = row.draw(
        parameter.initializer, parameter.shape, parameter.fan_in, parameter.fan_out
    )
    cast = "" if dtype == np.float64 else f".astype(np.{dtype})"
    equation = f"{symbol:math} {equation}"
    line = f"{symbol} = {code}{cast}"
    if not random:
        return [Line(line, equation)]
    return [Line(generator(path, "0"), equation), Line(line, "")]


def can_draw(initializer: Initializer) -> bool:
    """Whether an initializer is of the catalogue."""
    return type(initializer) in INITIALIZER_ROWS


def generator(path: str, step: str) -> str:
    """The line that makes the generator of a place in a step."""
    return f"rng = np.random.default_rng([SEED, {step}, {key(path)}])"


def key(path: str) -> int:
    """The number that stands for a place in a generator's seed: see `arrays.keyed_generator`."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "little")


def filled(numbers: Iterable[str]) -> list[str]:
    """Numbers in lines of a text, as many as a line holds."""
    lines, line = [], ""
    for item in numbers:
        if line and len(line) + 1 + len(item) > WIDTH:
            lines.append(line)
            line = item
        else:
            line = f"{line} {item}".strip()
    return [*lines, line] if line else lines


def sliced(arrays: Sequence[ProgramArray]) -> list[str]:
    """The lines that cut named arrays out of the array `numbers`."""
    lines, position = [], 0
    for one in arrays:
        stop = position + one.value.size
        lines.append(
            f"{INDENT}{one.symbol} = numbers[{position}:{stop}].reshape{gathered(one.value.shape)}"
        )
        position = stop
    return lines
