"""Which columns made one row's prediction, back to the table's own units.

The average row b (the mean of the features that the networks were trained on) has a prediction of
its own. On the straight way from b to the row x every feature's slope is collected:

    share of feature j    aⱼ = (xⱼ − bⱼ) ∫₀¹ ∂f/∂xⱼ (b + s (x − b)) ds        Σⱼ aⱼ = f(x) − f(b)

The integral is a sum over STEPS midpoints. A column's share is that of its features. The slope of
a number is ∂f/∂xⱼ at the row times the feature's factor, so it is per unit of the column: the
backward pass through every layer, those of the table's inputs too.

Two witnesses, both of forward passes alone: the shares add up to f(x) − f(b), and every slope is a
central difference, of the column moved by ± MOVED of its spread. Where the network bends right
there, as at the edge of a bin, which is a value of the table, there is a slope on either side; the
backward pass has one of them, and so has the difference on that side.

f is the average of all networks: a number, or the probability of a class or label.

Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.
"""

import math
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.base.numbers import brief
from clearprop.base.product_threads import one_product_thread
from clearprop.data.preparation import NumberInput, Preparation
from clearprop.data.table import Column, Table
from clearprop.data.typing_columns import date_text
from clearprop.estimators.learning import Learned
from clearprop.estimators.row_explanation import ColumnShare, RowExplanation
from clearprop.estimators.table_targets import ClassTarget, LabelTarget

STEPS = 128
MOVED = 1e-5
# Slopes on the two sides that differ by more than this part may be those of a bend.
BENT = 1e-3


@one_product_thread()
def explain_row(
    preparation: Preparation, learned: Learned, table: Table, row: int, output: Any = None
) -> RowExplanation:
    """One row of a table explained; `output` is the place of the column or class, by default the
    likeliest class or the first column. Raises DataError for a row or output that is not there."""
    if not 0 <= row < table.rows:
        raise DataError("row_not_there", row=row, rows=table.rows)
    x = preparation.matrix(table.take(np.array([row])))[0]
    said = learned.mean(x[None])[0]
    if output is None:
        output = int(said.argmax()) if isinstance(learned.target, ClassTarget) else 0
    if not 0 <= output < len(said):
        raise DataError("output_not_there", output=output, outputs=len(said))
    base = learned.average
    way = base + (np.arange(STEPS) + 0.5)[:, None] / STEPS * (x - base)
    slopes = _slopes(learned, np.concatenate([way, x[None]]), output)
    shares = (x - base) * slopes[:-1].mean(axis=0)
    value, average = _values(learned, np.stack([x, base]), output)
    columns: list[ColumnShare] = []
    place = 0
    for one in preparation.inputs:
        last = place + len(one.features)
        slope = witness = None
        bends = False
        column = table[one.column].take(np.array([row]))
        if isinstance(one, NumberInput) and not column.missing[0]:
            slope = float(slopes[-1, place] * one.factor)
            witness, bends = _differences(learned, x, place, output, slopes[-1, place])
            witness *= one.factor
        columns.append(
            ColumnShare(
                one.column, _text(column), float(shares[place:last].sum()), slope, witness, bends
            )
        )
        place = last
    columns.sort(key=lambda found: -abs(found.share))
    return RowExplanation(
        row=row,
        output=_name(learned, output),
        prediction=float(value),
        average=float(average),
        columns=tuple(columns),
        rest=float(value - average - shares.sum()),
        is_probability=isinstance(learned.target, ClassTarget | LabelTarget),
    )


def _values(learned: Learned, features: Array, output: int) -> Array:
    """F of features (N, F), in float64: (N,)."""
    logits = _forward(learned, features).output
    values: Array = learned.target.decode(logits)[..., output].mean(axis=0)
    return values


def _forward(learned: Learned, features: Array) -> Any:
    params = learned.params.astype(np.float64)
    return learned.network.whole.forward(params, features, training=False)


def _slopes(learned: Learned, features: Array, output: int) -> Array:
    """∂f/∂x (N, F) by the backward pass of all networks at once."""
    forward = _forward(learned, features)
    dy = learned.target.slope(forward.output, output) / len(learned.params)
    gradient = learned.network.whole.backward(forward, dy).input_gradient
    if gradient is None:
        return np.zeros_like(features)
    return gradient.sum(axis=0) if gradient.ndim == 3 else gradient


def _differences(
    learned: Learned, x: Array, feature: int, output: int, slope: float
) -> tuple[float, bool]:
    """The slope by a central difference, or at a bend by the difference on one side, and whether
    there is a bend."""
    jump = math.inf
    for step in (MOVED * max(1.0, abs(x[feature])) / part for part in (1, 8)):
        moved = np.stack([x, x, x])
        moved[:, feature] += np.array([-step, 0, step])
        low, here, high = _values(learned, moved, output)
        below, above = float(here - low) / step, float(high - here) / step
        before, jump = jump, abs(above - below)
        if jump <= BENT * max(abs(below), abs(above)):
            return (below + above) / 2, False
    # The slopes on the two sides of a bend are no closer from nearby; those of a curve are.
    noise = 16 * np.finfo(np.float64).eps * max(abs(low), abs(high)) / step
    if jump < before / 2 or jump <= noise:
        return (below + above) / 2, False
    return min(below, above, key=lambda one: abs(one - slope)), True


def _text(column: Column) -> str | None:
    value = column.values[0]
    if column.missing[0]:
        return None
    if column.kind == "date":
        return date_text(value)
    return brief(float(value)) if column.kind == "number" else str(value)


def _name(learned: Learned, output: int) -> str:
    target = learned.target
    if isinstance(target, ClassTarget):
        return f"{target.column} = {target.classes[output]}"
    return target.columns[output]
