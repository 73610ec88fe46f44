"""What a written program is made of: names, and lines with their equations.

A name stands in the code as `z1` and in an equation as z₁; its gradient is `dz1`, ∂L/∂z₁.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from clearprop.base.numbers import SUBSCRIPTS, SUPERSCRIPTS

INDENT = "    "
# ruff's and Black's own limit: what fits it is formatted alike under every larger one.
WIDTH = 88


@dataclass(frozen=True)
class Symbol:
    """A variable: its name in the code, and in equations with f"{symbol:math}"."""

    name: str
    math: str

    def __format__(self, spec: str) -> str:
        return self.math if spec == "math" else self.name

    def __str__(self) -> str:
        return self.name

    @property
    def d(self) -> "Symbol":
        """The gradient of the loss by this variable."""
        return Symbol(f"d{self.name}", f"∂L/∂{self.math}")

    def numbered(self, number: int) -> "Symbol":
        """The variable of a group of layers: z becomes z1, z₁."""
        return Symbol(f"{self.name}{number}", f"{self.math}{subscript(number)}")

    def through(self, name: str, math: str) -> "Symbol":
        """The part of a gradient that comes back on one of several ways."""
        return Symbol(f"{self.name}_{name}", f"{self.math}|{math}")


class Line(NamedTuple):
    """One line of code and the equation that it computes."""

    code: str
    equation: str


def loop(head: str, *lines: Line) -> Line:
    """A loop and what it repeats, each line with its equation above it."""
    inside = [text for line in lines for text in (f"# {line.equation}", line.code)]
    return Line("\n".join([head, *(f"{INDENT}{text}" for text in inside)]), "")


def subscript(number: int) -> str:
    """A number in small figures below the line: ₁₂."""
    return str(number).translate(SUBSCRIPTS)


def literal(value: float) -> str:
    """A number as Python code that gives exactly this number, a whole one without its .0."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value)


def in_equation(value: float) -> str:
    """The number in an equation: at most four digits, and powers of ten as people write them."""
    text = literal(value)
    if len(text) > 8:
        text = f"{value:.4g}"
    mantissa, _, power = text.partition("e")
    if power:
        ten = f"10{str(int(power)).translate(SUPERSCRIPTS)}"
        text = ten if mantissa == "1" else f"{mantissa}·{ten}"
    return text.replace("-", "−")


def listed(before: str, items: Iterable[object], after: str, indent: str = INDENT) -> list[str]:
    """`before` a, b, c `after` in one line, or one item a line where that is too long."""
    names = [str(item) for item in items]
    line = f"{indent}{before}{', '.join(names)}{after}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{before}", *(f"{indent}{INDENT}{name}," for name in names), indent + after]


def unpacked(names: Iterable[object], source: str, indent: str = INDENT) -> list[str]:
    """`a, b = source`."""
    items = [str(name) for name in names]
    if len(items) == 1:
        return [f"{indent}({items[0]},) = {source}"]
    line = f"{indent}{', '.join(items)} = {source}"
    return [line] if len(line) <= WIDTH else listed("(", items, f") = {source}", indent)


def returned(names: Iterable[object], indent: str = INDENT) -> list[str]:
    """`return a, b`."""
    items = [str(name) for name in names]
    line = f"{indent}return {', '.join(items)}"
    return [line] if len(line) <= WIDTH else listed("return (", items, ")", indent)


def gathered(names: Iterable[object]) -> str:
    """The code of a tuple, which needs a comma where it has one item."""
    items = [str(name) for name in names]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def names_read(code: str) -> list[str]:
    """The names that a piece of code reads, in order, each once."""
    found = [
        node.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    return list(dict.fromkeys(found))


def names_assigned(lines: Iterable[Line]) -> list[str]:
    """The names that the lines assign, in order."""
    return [
        node.id
        for line in lines
        for node in ast.walk(ast.parse(line.code))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
