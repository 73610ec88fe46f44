"""The working of every answer of a sheet: the formula in symbols, with its numbers, and the value;
and one weight explained in words."""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from clearprop.reading.explanation import explain_weight
from clearprop.reading.explanation.mathml import mathml
from clearprop.teaching.exercises.expressions import summands
from clearprop.teaching.exercises.generator import worked
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.sheet import DECIMALS, Blank, Exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from clearprop.teaching.reports import exercise_symbols


class Working(NamedTuple):
    """How an answer comes about, as HTML and MathML; `relation` is = or, where it is rounded, ≈."""

    symbol: str
    name: str
    formula: str
    with_numbers: str
    relation: str
    value: str
    points: int


class Words(NamedTuple):
    """One weight in words: its symbol as HTML, its address in the engine, and the paragraph."""

    symbol: str
    address: str
    paragraph: str


def workings(sheet: Exercise, language: str) -> list[Working]:
    """The working of every blank, in order; with a program, also of the numbers on the way to them,
    without points. Raises MissingDependencyError without latex2mathml."""
    asked = {blank.name: blank.points for blank in sheet.blanks}
    sheet = worked(sheet)
    known = {given.name: given.symbol for given in sheet.givens}
    known |= {blank.name: blank.symbol for blank in sheet.blanks}
    values = {**sheet.given_values, **{blank.name: blank.value for blank in sheet.blanks}}
    written = {name: exercise_symbols.latex(symbol, language) for name, symbol in known.items()}
    numbers = {name: exercise_symbols.decimal(value) for name, value in values.items()}
    return [
        _working(replace(blank, points=asked.get(blank.name, 0)), written, numbers, language)
        for blank in sheet.blanks
    ]


def in_words(sheet: Exercise, language: str) -> Words | None:
    """What `explain_weight` says of the first weight of the first layer whose gradient is asked
    for, in an exercise on the chain rule or a whole step."""
    if sheet.topic not in TOPICS_WITH_CODE:
        return None
    if isinstance(sheet.network, LayerNetwork):
        # Where ∂C/∂y is given, the engine's loss is none that the sheet speaks of.
        if sheet.network.design.derivative_given:
            return None
        weight, address = sheet.network.design.explained
        return _in_words(sheet, weight.symbol, address, language)
    shape = DENSE_TOPICS[sheet.topic][sheet.level - 1].shape
    asked = {blank.name for blank in sheet.blanks}
    for i in range(shape.widths[0]):
        for j in range(shape.widths[1]):
            weight = shape.naming.weight(0, i, j)
            if shape.naming.derivative(weight).name in asked:
                address = f"layers[0].weight[{i},{j}]"
                return _in_words(sheet, weight.symbol, address, language)
    return None


def _in_words(sheet: Exercise, symbol: str, address: str, language: str) -> Words:
    told = explain_weight(sheet.network.step(), address).words(language)
    return Words(exercise_symbols.html(symbol, language), address, told)


def _working(
    blank: Blank, written: dict[str, str], numbers: dict[str, str], language: str
) -> Working:
    formula = summands(blank.formula, written.__getitem__, exercise_symbols.decimal)
    with_numbers = summands(blank.formula, numbers.__getitem__, exercise_symbols.decimal)
    exact = abs(blank.value - round(blank.value, DECIMALS)) < 1e-9
    return Working(
        symbol=exercise_symbols.html(blank.symbol, language),
        name=blank.name,
        formula=_inline(formula),
        with_numbers=_inline(with_numbers),
        relation="=" if exact else "≈",
        value=exercise_symbols.printed(blank.value),
        points=blank.points,
    )


# The formulas of a class's variants are the same, and each takes a while to convert.
@lru_cache(maxsize=4096)
def _piece(formula: str) -> str:
    # With nothing before it a plus is a sign, and stands too near to its number.
    infix = f"{{}} {formula}" if formula.startswith("+") else formula
    return mathml(infix).replace('display="block"', 'display="inline"', 1)


def _inline(pieces: list[str]) -> str:
    return " ".join(map(_piece, pieces))
