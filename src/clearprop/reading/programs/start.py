"""Where a training begins: the parameters drawn as clearprop draws them, or written as numbers."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.engine.initializers import (
    Constant,
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from clearprop.engine.layers.layer import Parameter
from clearprop.kinds.program_lines import INDENT, WIDTH, Line, Symbol, in_equation, number

# So many numbers are written into a program; more stand in a file beside it.
LITERALS = 1000


@dataclass(frozen=True, eq=False)
class NamedArray:
    """An array of the program and its value."""

    symbol: Symbol
    value: Array


@dataclass(frozen=True, eq=False)
class Numbers:
    """Arrays written as numbers: the text constant that holds them, or the file beside."""

    constant: str
    arrays: tuple[NamedArray, ...]

    @property
    def flat(self) -> Array:
        """All numbers one after another."""
        return np.concatenate([one.value.ravel() for one in self.arrays])


def drawn(symbol: Symbol, path: str, parameter: Parameter, dtype: np.dtype[Any]) -> list[Line]:
    """The lines that draw a parameter array with the generator of its path."""
    code, equation, random = _DRAWS[type(parameter.initializer)](
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
    return type(initializer) in _DRAWS


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


def sliced(arrays: Sequence[NamedArray]) -> list[str]:
    """The lines that cut named arrays out of the array `numbers`."""
    lines, position = [], 0
    for one in arrays:
        stop = position + one.value.size
        lines.append(
            f"{INDENT}{one.symbol} = numbers[{position}:{stop}].reshape{_shape(one.value.shape)}"
        )
        position = stop
    return lines


def _shape(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"


Draw = Callable[[Any, Shape, int, int], tuple[str, str, bool]]


def _uniform(low: str, high: str, low_math: str, high_math: str, shape: Shape) -> Any:
    return f"rng.uniform({low}, {high}, {_shape(shape)})", f"~ U[{low_math}, {high_math})", True


def _bounded(bound: str, bound_math: str, shape: Shape) -> Any:
    return _uniform(f"-{bound}", bound, f"−{bound_math}", bound_math, shape)


def _constant(value: float, shape: Shape) -> Any:
    made = {0.0: "np.zeros(", 1.0: "np.ones("}.get(value)
    code = f"{made}{_shape(shape)})" if made else f"np.full({_shape(shape)}, {number(value)})"
    return code, f"= {in_equation(value)}", False


_DRAWS: dict[type[Initializer], Draw] = {
    Uniform: lambda i, shape, *_: _uniform(
        number(i.low), number(i.high), in_equation(i.low), in_equation(i.high), shape
    ),
    FanInUniform: lambda _, shape, fan_in, __: (
        _bounded("1", "1", shape)
        if fan_in == 1
        else _bounded(f"1 / np.sqrt({fan_in})", f"1/√{fan_in}", shape)
    ),
    XavierUniform: lambda _, shape, fan_in, fan_out: _bounded(
        f"np.sqrt(6 / {fan_in + fan_out})", f"√(6/{fan_in + fan_out})", shape
    ),
    XavierNormal: lambda _, shape, fan_in, fan_out: (
        f"rng.normal(0, np.sqrt(2 / {fan_in + fan_out}), {_shape(shape)})",
        f"~ N(0, 2/{fan_in + fan_out})",
        True,
    ),
    KaimingUniform: lambda _, shape, fan_in, __: _bounded(
        f"np.sqrt(6 / {fan_in})", f"√(6/{fan_in})", shape
    ),
    KaimingNormal: lambda _, shape, fan_in, __: (
        f"rng.normal(0, np.sqrt(2 / {fan_in}), {_shape(shape)})",
        f"~ N(0, 2/{fan_in})",
        True,
    ),
    Normal: lambda i, shape, *_: (
        f"rng.normal({number(i.mean)}, {number(i.deviation)}, {_shape(shape)})",
        f"~ N({in_equation(i.mean)}, {in_equation(i.deviation)}²)",
        True,
    ),
    Constant: lambda i, shape, *_: _constant(i.value, shape),
    Zeros: lambda _, shape, *__: _constant(0.0, shape),
}
