"""Formulas as data: a value, the names that it rests on, and how it is written, all from one tree.

    Addition((Multiplication((Name("w"), Name("x"))), Name("b")))        w·x + b

The answer key writes the tree out, and marking works it out again from a student's own numbers.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias

from clearprop.base.configuration import Configurable

Values: TypeAlias = Mapping[str, float]


def _sigmoid(z: float) -> float:
    # Both branches keep exp's argument at or below 0, so that it cannot overflow.
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


FUNCTIONS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "relu": lambda z: max(z, 0.0),
        "relu_slope": lambda z: float(z > 0),
        "sigmoid": _sigmoid,
        "tanh": math.tanh,
        "square": lambda v: v * v,
        "exp": math.exp,
        "ln": math.log,
        "sqrt": math.sqrt,
    }
)


@dataclass(frozen=True)
class Name(Configurable):
    """A given number or an answer, by its name."""

    name: str


@dataclass(frozen=True)
class NumberLiteral(Configurable):
    """A number that the formula itself brings."""

    type_name: ClassVar[str] = "Constant"

    value: float


@dataclass(frozen=True)
class Addition(Configurable):
    """The sum of the terms."""

    type_name: ClassVar[str] = "Sum"

    terms: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Subtraction(Configurable):
    """Left − right."""

    type_name: ClassVar[str] = "Difference"

    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Multiplication(Configurable):
    """The product of the factors."""

    type_name: ClassVar[str] = "Product"

    factors: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Division(Configurable):
    """Above / below."""

    type_name: ClassVar[str] = "Quotient"

    above: "Expression"
    below: "Expression"


@dataclass(frozen=True)
class Applied(Configurable):
    """A function of `FUNCTIONS` of the argument."""

    function: str
    argument: "Expression"


@dataclass(frozen=True)
class LargestOf(Configurable):
    """The largest of the arguments."""

    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class IsLargest(Configurable):
    """1 where the argument is the largest of all, otherwise 0; of two that are equally large the
    first is."""

    argument: "Expression"
    arguments: "tuple[Expression, ...]"


Expression: TypeAlias = (
    Name
    | NumberLiteral
    | Addition
    | Subtraction
    | Multiplication
    | Division
    | Applied
    | LargestOf
    | IsLargest
)

EXPRESSIONS: Mapping[str, type[Configurable]] = MappingProxyType(
    {
        kind.type_name: kind
        for kind in (
            Name,
            NumberLiteral,
            Addition,
            Subtraction,
            Multiplication,
            Division,
            Applied,
            LargestOf,
            IsLargest,
        )
    }
)


def evaluate(expression: Expression, values: Values) -> float:
    """The number that comes out. Raises KeyError for a name without a value, and ArithmeticError or
    ValueError where there is none, as of a quotient by 0."""
    match expression:
        case Name(name):
            return values[name]
        case NumberLiteral(value):
            return value
        case Addition(terms):
            return sum(evaluate(term, values) for term in terms)
        case Subtraction(left, right):
            return evaluate(left, values) - evaluate(right, values)
        case Multiplication(factors):
            return math.prod(evaluate(factor, values) for factor in factors)
        case Division(above, below):
            return evaluate(above, values) / evaluate(below, values)
        case Applied(function, argument):
            return FUNCTIONS[function](evaluate(argument, values))
        case LargestOf(arguments):
            return max(evaluate(one, values) for one in arguments)
        case IsLargest(argument, arguments):
            found = [evaluate(one, values) for one in arguments]
            return float(arguments[found.index(max(found))] == argument)


def parts(expression: Expression) -> tuple[Expression, ...]:
    """What the expression is made of, one level down."""
    match expression:
        case Addition(terms):
            return terms
        case Multiplication(factors):
            return factors
        case Subtraction(left, right):
            return left, right
        case Division(above, below):
            return above, below
        case Applied(_, argument):
            return (argument,)
        case LargestOf(arguments) | IsLargest(_, arguments):
            return arguments
        case _:
            return ()


def names(expression: Expression) -> Iterator[str]:
    """Every name in it, from the left; one that stands there twice comes twice."""
    if isinstance(expression, Name):
        yield expression.name
    for part in parts(expression):
        yield from names(part)


def rebuilt(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The expression with each of its parts, one level down, replaced by `change` of it."""
    match expression:
        case Addition(terms):
            return Addition(tuple(map(change, terms)))
        case Subtraction(left, right):
            return Subtraction(change(left), change(right))
        case Multiplication(factors):
            return Multiplication(tuple(map(change, factors)))
        case Division(above, below):
            return Division(change(above), change(below))
        case Applied(function, argument):
            return Applied(function, change(argument))
        case LargestOf(arguments):
            return LargestOf(tuple(map(change, arguments)))
        case IsLargest(argument, arguments):
            return IsLargest(change(argument), tuple(map(change, arguments)))
        case _:
            return expression


def inlined(expression: Expression, known: Mapping[str, Expression]) -> Expression:
    """The expression with every name in `known` replaced by its own expression, all the way."""
    if isinstance(expression, Name):
        return inlined(known[expression.name], known) if expression.name in known else expression
    return rebuilt(expression, lambda part: inlined(part, known))


def latex(
    expression: Expression, write: Callable[[str], str], number: Callable[[float], str]
) -> str:
    """The formula as LaTeX; `write` says what stands for a name, `number` how a number is written.

    A negative number behind an operator, and a sum in a product, are put in parentheses.
    """

    def operand(part: Expression) -> str:
        text = latex(part, write, number)
        open_sum = isinstance(part, Addition | Subtraction)
        return rf"\left( {text} \right)" if open_sum or text.startswith("-") else text

    match expression:
        case Name(name):
            return write(name)
        case NumberLiteral(value):
            return number(value)
        case Addition():
            return " ".join(summands(expression, write, number))
        case Subtraction(left, right):
            return f"{latex(left, write, number)} - {operand(right)}"
        case Multiplication(factors):
            return r" \cdot ".join(operand(factor) for factor in factors)
        case Division(above, below):
            over, under = latex(above, write, number), latex(below, write, number)
            return rf"\dfrac{{{over}}}{{{under}}}"
        case Applied("square", argument):
            return rf"{{{_enclosed(argument, write, number)}}}^{{2}}"
        case Applied("exp", argument):
            return rf"e^{{{latex(argument, write, number)}}}"
        case Applied("relu_slope", argument):
            return rf"\text{{ReLU}}'\left( {latex(argument, write, number)} \right)"
        case Applied("sqrt", argument):
            return rf"\sqrt{{{latex(argument, write, number)}}}"
        case LargestOf(arguments):
            listed = ", ".join(latex(one, write, number) for one in arguments)
            return rf"\max\left( {listed} \right)"
        case IsLargest(argument, arguments):
            largest = latex(LargestOf(arguments), write, number)
            return rf"\left[ {latex(argument, write, number)} = {largest} \right]"
        case Applied(function, argument):
            name = {
                "relu": r"\text{ReLU}",
                "tanh": r"\tanh",
                "sigmoid": r"\sigma",
                "ln": r"\ln",
            }[function]
            return rf"{name}\left( {latex(argument, write, number)} \right)"


def summands(
    expression: Expression, write: Callable[[str], str], number: Callable[[float], str]
) -> list[str]:
    """The formula of `latex` in pieces, before each of which a line may be broken: the terms of a
    sum, on its own or as the last factor of a product, with their plus signs; or all of it."""
    if isinstance(expression, Multiplication) and isinstance(expression.factors[-1], Addition):
        *before, last = expression.factors
        factor = latex(Multiplication(tuple(before)), write, number)
        pieces = summands(last, write, number)
        pieces[0] = rf"{factor} \cdot ( {pieces[0]}"
        pieces[-1] = f"{pieces[-1]} )"
        return pieces
    if not isinstance(expression, Addition):
        return [latex(expression, write, number)]
    first, *rest = (latex(term, write, number) for term in expression.terms)
    signed = (rf"\left( {term} \right)" if term.startswith("-") else term for term in rest)
    return [first, *(f"+ {term}" for term in signed)]


def _enclosed(
    expression: Expression, write: Callable[[str], str], number: Callable[[float], str]
) -> str:
    text = latex(expression, write, number)
    if (
        isinstance(expression, Name | NumberLiteral)
        and not text.startswith("-")
        and "frac" not in text
        and not text.endswith("]")
    ):
        return text
    return rf"\left( {text} \right)"
