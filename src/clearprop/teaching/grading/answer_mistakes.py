"""What was probably done wrong where an answer is wrong: the blank's formula with one mistake in it
is worked out from the student's own numbers, and gives theirs.

    w·x + b without its bias, 2(y − t) without its 2, ReLU′(z)·∂C/∂a without its ReLU′ …
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Expression,
    Multiplication,
    Name,
    NumberLiteral,
    Subtraction,
    evaluate,
    names,
    rebuilt,
)
from clearprop.teaching.exercises.sheet import Blank, Exercise, is_near


class AnswerMistake(Enum):
    """Every mistake that is looked for; `grading.mistake.<value>` of the message tables has its
    words. Those of a blank's own come first, then the ones that any formula can have, in this
    order."""

    DERIVATIVE_MISSING = "derivative_missing"
    Z_FOR_A = "z_for_a"
    SIGN = "sign"
    ASCENT = "ascent"
    BIAS_MISSING = "bias_missing"
    FACTOR_TWO = "factor_two"
    FACTOR_HALF = "factor_half"
    NOT_SQUARED = "not_squared"
    SUMMED_FOR_MEAN = "summed_for_mean"
    MEAN_FOR_SUM = "mean_for_sum"
    SAMPLE_MISSING = "sample_missing"
    TERM_MISSING = "term_missing"
    INDICES_SWAPPED = "indices_swapped"
    # Of convolution
    KERNEL_TURNED = "kernel_turned"
    BORDER_FORGOTTEN = "border_forgotten"
    ONE_PLACE = "one_place"
    POOL_SPREAD = "pool_spread"
    AVERAGE_FOR_LARGEST = "average_for_largest"
    # Of time
    STATE_FORGOTTEN = "state_forgotten"
    Z_FOR_H = "z_for_h"
    TIME_STOPS = "time_stops"
    SLOPE_SKIPPED = "slope_skipped"
    STATE_BEFORE = "state_before"
    STATE_AFTER = "state_after"
    ONE_TIME = "one_time"
    U_FOR_W = "u_for_w"
    GATE_FUNCTION = "gate_function"
    GATE_MISSING = "gate_missing"
    GATES_SWAPPED = "gates_swapped"
    CELL_FORGOTTEN = "cell_forgotten"
    CELL_AFTER = "cell_after"
    TANH_MISSING = "tanh_missing"
    # Of attention
    SCALE_MISSING = "scale_missing"
    SCALE_TWICE = "scale_twice"
    ROWS_FOR_COLUMNS = "rows_for_columns"
    SOFTMAX_DIAGONAL = "softmax_diagonal"
    SOFTMAX_SUM = "softmax_sum"
    Q_FOR_K = "q_for_k"
    ONE_POSITION = "one_position"
    WAY_FORGOTTEN = "way_forgotten"


def likely_mistake(
    exercise: Exercise,
    blank: Blank,
    answer: float,
    own: Mapping[str, float],
    near: Callable[[float, float], bool] = is_near,
) -> AnswerMistake | None:
    """The first mistake that gives the answer, of a blank whose right answer it is not.

    own   the given numbers, and the student's own before this blank; where nothing comes of them,
          the right ones are tried
    near  whether an answer counts as a value
    """
    if blank.kind == "line":
        return None
    right = {one.name: one.value for one in exercise.blanks}
    for values in (own, {**exercise.given_values, **right}):
        follows = _value(blank.formula, values)
        for mistake, formula in _spoiled(exercise, blank, values):
            value = _value(formula, values)
            if value is not None and value != follows and near(answer, value):
                return mistake
    return None


def _value(formula: Expression, own: Mapping[str, float]) -> float | None:
    try:
        return evaluate(formula, own)
    # A student's own numbers may have no logarithm, or a power that is too large.
    except (KeyError, ArithmeticError, ValueError):
        return None


def _spoiled(
    exercise: Exercise, blank: Blank, own: Mapping[str, float]
) -> Iterator[tuple[AnswerMistake, Expression]]:
    for slip in blank.slips:
        yield AnswerMistake(slip.mistake), slip.formula
    formula, count = blank.formula, exercise.network.samples
    if blank.kind in ("dz", "dw", "db"):
        yield AnswerMistake.DERIVATIVE_MISSING, _without_slopes(formula)
    yield AnswerMistake.Z_FOR_A, _renamed(formula, _counterparts(formula, own))
    yield AnswerMistake.SIGN, _times(-1, formula)
    if blank.kind in ("new_w", "new_b") and isinstance(formula, Subtraction):
        yield AnswerMistake.ASCENT, Addition((formula.left, formula.right))
    if blank.kind in ("z", "y") and isinstance(formula, Addition):
        yield AnswerMistake.BIAS_MISSING, Addition(formula.terms[:-1])
    yield AnswerMistake.FACTOR_TWO, _times(2, formula)
    yield AnswerMistake.FACTOR_HALF, _times(0.5, formula)
    if blank.kind == "C":
        yield AnswerMistake.NOT_SQUARED, _without_squares(formula)
    if count > 1:
        yield AnswerMistake.SUMMED_FOR_MEAN, _times(count, formula)
        yield AnswerMistake.MEAN_FOR_SUM, _times(1 / count, formula)
    if isinstance(formula, Addition):
        of_samples = blank.kind in ("dw", "db") and count > 1
        for k in range(len(formula.terms)):
            left = formula.terms[:k] + formula.terms[k + 1 :]
            kind = AnswerMistake.SAMPLE_MISSING if of_samples else AnswerMistake.TERM_MISSING
            yield kind, Addition(left)
    yield AnswerMistake.INDICES_SWAPPED, _renamed(formula, _transposed(formula, own))


def _times(factor: float, formula: Expression) -> Expression:
    return Multiplication((NumberLiteral(factor), formula))


def _without_slopes(formula: Expression) -> Expression:
    """With 1 in the place of every derivative of an activation: ReLU′(z), a(1 − a) and 1 − a²."""
    match formula:
        case Applied("relu_slope", _):
            return NumberLiteral(1.0)
        case Name(name) if name.startswith("a'("):
            return NumberLiteral(1.0)
        case Multiplication((one, Subtraction(NumberLiteral(1.0), other))) if one == other:
            return NumberLiteral(1.0)
        case Subtraction(NumberLiteral(1.0), Applied("square", Name(_))):
            return NumberLiteral(1.0)
    return rebuilt(formula, _without_slopes)


def _without_squares(formula: Expression) -> Expression:
    if isinstance(formula, Applied) and formula.function == "square":
        return formula.argument
    return rebuilt(formula, _without_squares)


def _counterparts(formula: Expression, own: Mapping[str, float]) -> Mapping[str, str]:
    """The z that becomes each a."""
    pairs = ((name, f"z{name[1:]}") for name in names(formula) if re.match(r"a[\d(\[]|a$", name))
    return {a: z for a, z in pairs if z in own}


def _transposed(formula: Expression, own: Mapping[str, float]) -> Mapping[str, str]:
    """The weight with the other order of indices."""
    pairs = ((name, re.sub(r"^w(\d)(\d)", r"w\2\1", name)) for name in names(formula))
    return {name: other for name, other in pairs if other != name and other in own}


def _renamed(formula: Expression, instead: Mapping[str, str]) -> Expression:
    if isinstance(formula, Name):
        return Name(instead.get(formula.name, formula.name))
    return rebuilt(formula, lambda part: _renamed(part, instead))
