"""A backward pass in NumPy with one planted mistake, and what is asked about it: the number of the
wrong line, and the right value of a gradient that it spoils.

The statements run as they are printed. A mistake is planted only where it changes a gradient whose
right value is asked for in an ordinary sheet, so that it can be seen in the numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.expressions import Expression, NumberLiteral, inlined
from clearprop.teaching.exercises.quantities import NetworkShape, quantities
from clearprop.teaching.exercises.sheet import TOLERANCE, Blank, Exercise
from clearprop.teaching.exercises.small_network import SmallNetwork

TOPIC = "bug"
# How the blank for the wrong line is called and written.
LINE, LINE_SYMBOL = "line", "(#)"
POINTS = 2


class Bug(NamedTuple):
    """A statement of a program, counted from 1, and what stands there instead."""

    line: int
    instead: str


class Listing(NamedTuple):
    """The right statements, and the mistakes that can be planted."""

    statements: tuple[str, ...]
    mistakes: tuple[Bug, ...]


_LINEAR = Listing(
    (
        "y = x @ W + b",
        "dy = 2 * (y - t)",
        "dW = x.T @ dy",
        "db = dy.sum(axis=0)",
        "dx = dy @ W.T",
    ),
    (
        Bug(2, "dy = 2 * (t - y)"),
        Bug(2, "dy = y - t"),
        Bug(3, "dW = W @ dy"),
        Bug(5, "dx = dy @ x"),
    ),
)
_BENT = (
    "z1 = x @ W1 + b1",
    "a1 = np.maximum(z1, 0)",
    "y = a1 @ W2 + b2",
    "dy = 2 * (y - t)",
    "dW2 = a1.T @ dy",
    "db2 = dy.sum(axis=0)",
    "da1 = dy @ W2.T",
    "dz1 = da1 * (z1 > 0)",
    "dW1 = x.T @ dz1",
    "db1 = dz1.sum(axis=0)",
    "dx = dz1 @ W1.T",
)
# Of level 1, 2 and 3; on level 3 the cost is a mean over two outputs.
PROGRAMS = (
    _LINEAR,
    Listing(
        _BENT,
        (
            Bug(4, "dy = 2 * (t - y)"),
            Bug(4, "dy = y - t"),
            Bug(5, "dW2 = W2 @ dy"),
            Bug(7, "da1 = dy @ a1"),
            Bug(8, "dz1 = da1 * z1"),
            Bug(8, "dz1 = da1"),
            Bug(9, "dW1 = a1.T @ dz1"),
        ),
    ),
    Listing(
        tuple("dy = y - t" if line.startswith("dy") else line for line in _BENT),
        (
            Bug(4, "dy = 2 * (y - t)"),
            Bug(4, "dy = t - y"),
            Bug(7, "da1 = dy @ W2"),
            Bug(8, "dz1 = da1 * a1"),
            Bug(8, "dz1 = da1"),
            Bug(9, "dW1 = a1.T @ dz1"),
        ),
    ),
)


def planted(sheet: Exercise, shape: NetworkShape, generator: np.random.Generator) -> Exercise:
    """The sheet with a program in the place of its blanks, one mistake in it, and what is asked.

    Raises ConfigurationError where none of the mistakes can be seen in the numbers.
    """
    program = PROGRAMS[sheet.level - 1]
    right = run(program.statements, sheet.linear_layers)
    answers = {blank.name: blank for blank in sheet.blanks}
    for choice in generator.permutation(len(program.mistakes)).tolist():
        mistake = program.mistakes[choice]
        statements = with_mistake(program.statements, mistake)
        wrong = run(statements, sheet.linear_layers)
        for name, array, place in _places(shape, sheet.linear_layers.layer_names):
            off = abs(wrong[array][place] - right[array][place])
            if name in answers and off > 5 * TOLERANCE:
                asked = _from_givens(answers[name], sheet, shape)
                return replace(
                    sheet, blanks=(line_blank(mistake.line), asked), program=numbered(statements)
                )
    raise ConfigurationError("exercise_not_found", topic=sheet.topic, level=sheet.level)


def run(statements: tuple[str, ...], network: SmallNetwork) -> Mapping[str, Array]:
    """Every array of the program, run on the network's numbers."""
    arrays: dict[str, Array] = {"x": np.array(network.x), "t": np.array(network.t)}
    layers = zip(network.layer_names, network.weights, network.biases, strict=True)
    for name, weight, bias in layers:
        arrays |= {f"W{name}": np.array(weight), f"b{name}": np.array(bias)}
    # The statements are those above: no text from outside is ever run.
    exec("\n".join(statements), {"np": np}, arrays)
    return arrays


def correction(sheet: Exercise) -> tuple[int, str, str]:
    """The number of the wrong line, what stands there, and what should; of a sheet with a
    program."""
    line = wrong_line(sheet)
    wrong = printed_line(sheet, line)
    # The programs of one input and two hidden neurons, and of two, are the same.
    plain = sheet.topic == TOPIC and sheet.level == 1
    index = 0 if plain else 1 if sheet.linear_layers.widths[-1] == 1 else 2
    return line, wrong, PROGRAMS[index].statements[line - 1]


def wrong_line(sheet: Exercise) -> int:
    """The number of the wrong line of a sheet with a program."""
    return next(int(blank.value) for blank in sheet.blanks if blank.name == LINE)


def printed_line(sheet: Exercise, line: int) -> str:
    """What stands in a line of the program, without its number."""
    return sheet.program.splitlines()[line - 1].partition("#")[0].strip()


def with_mistake(statements: tuple[str, ...], mistake: Bug) -> tuple[str, ...]:
    """The statements with the mistake in the place of its line."""
    before, behind = statements[: mistake.line - 1], statements[mistake.line :]
    return (*before, mistake.instead, *behind)


def numbered(statements: tuple[str, ...]) -> str:
    """The statements as a text, the number of each behind it."""
    width = max(map(len, statements)) + 2
    return "\n".join(f"{text:<{width}}# ({k})" for k, text in enumerate(statements, 1))


def _places(
    shape: NetworkShape, numbers: tuple[str, ...]
) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """The gradients by weights and inputs: the name in the form, the array, and the place there."""
    naming = shape.naming
    for layer in range(shape.last, -1, -1):
        for i in range(shape.widths[layer]):
            for j in range(shape.widths[layer + 1]):
                name = naming.derivative(naming.weight(layer, i, j)).name
                yield name, f"dW{numbers[layer]}", (i, j)
    for i in range(shape.widths[0]):
        yield naming.derivative(naming.of_input("x", i, 0)).name, "dx", (0, i)


def line_blank(line: int) -> Blank:
    """What asks for the number of the wrong line."""
    return Blank(
        name=LINE,
        symbol=LINE_SYMBOL,
        kind="line",
        formula=NumberLiteral(float(line)),
        value=float(line),
        points=POINTS,
    )


def _from_givens(blank: Blank, sheet: Exercise, shape: NetworkShape) -> Blank:
    formulas: dict[str, Expression] = {
        one.label.name: one.formula
        for one in quantities(shape)
        if one.label.name not in sheet.given_values
    }
    return replace(blank, formula=inlined(blank.formula, formulas), points=POINTS)
