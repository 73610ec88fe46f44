"""Which columns made one row's prediction, back to the table's own units.

The average row b (the mean of the features that the networks were trained on) has a prediction of
its own. On the straight way from b to the row x every feature's slope is collected:

    share of feature j    aⱼ = (xⱼ − bⱼ) ∫₀¹ ∂f/∂xⱼ (b + s (x − b)) ds        Σⱼ aⱼ = f(x) − f(b)

The integral is a sum over STEPS midpoints. A column's share is that of its features. The slope of
a number is ∂f/∂xⱼ at the row times the feature's factor, so it is per unit of the column: the
backward pass through every layer, those of the table's inputs too.

Two witnesses, both of forward passes alone: the shares add up to f(x) − f(b), and every slope is a
central difference, of the column moved by ± MOVED of its spread.

f is the average of all networks: a number, or the probability of a class or label.

Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.base.numbers import number
from clearprop.base.text_tables import ruled
from clearprop.data.preparation import NumberInput, Preparation
from clearprop.data.table import Column, Table
from clearprop.estimators.learning import Learned
from clearprop.estimators.table_targets import ClassTarget, LabelTarget

STEPS = 128
MOVED = 1e-5

say = messages.within("estimators")


@dataclass(frozen=True)
class ColumnShare:
    """What one column did.

    value    what stands in the row, as text
    share    how much of the prediction's difference to the average row's is the column's
    slope    how much the prediction changes for one unit more; None for a category, and at a
             missing value
    witness  the slope once more, by a central difference
    """

    column: str
    value: str
    share: float
    slope: float | None
    witness: float | None


@dataclass(frozen=True)
class RowExplanation:
    """One prediction in its columns' shares, the largest first.

    output      what is predicted: the target's column, or "column = class"
    prediction  f(x); `average` is f(b)
    rest        f(x) − f(b) less the shares: what the sum over the way is off by
    """

    row: int
    output: str
    prediction: float
    average: float
    columns: tuple[ColumnShare, ...]
    rest: float
    is_probability: bool

    def text(self, language: str = "en") -> str:
        """The explanation in words, in `language` ("en" or "zh-TW")."""
        kind = "probability" if self.is_probability else "number"
        lines = [
            say(
                language,
                f"row.{kind}",
                row=self.row,
                output=self.output,
                prediction=number(self.prediction),
                average=number(self.average),
            ),
            "",
        ]
        head = [say(language, f"row.head.{name}") for name in ("column", "value", "share", "slope")]
        body = [
            [one.column, one.value, _signed(one.share), _dash(one.slope)] for one in self.columns
        ]
        lines += [*ruled([head, *body], left=2), ""]
        checked = [one for one in self.columns if one.slope is not None and one.witness is not None]
        worst = max((abs(one.slope - one.witness) for one in checked), default=0.0)  # type: ignore[operator]
        lines.append(
            say(
                language,
                "row.witness",
                rest=number(self.rest),
                count=len(checked),
                worst=number(worst),
            )
        )
        return "\n".join(lines)


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
        column = table[one.column].take(np.array([row]))
        if isinstance(one, NumberInput) and not column.missing[0]:
            slope = float(slopes[-1, place] * one.factor)
            witness = _difference(learned, x, place, output) * one.factor
        columns.append(
            ColumnShare(one.column, _text(column), float(shares[place:last].sum()), slope, witness)
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


def _difference(learned: Learned, x: Array, feature: int, output: int) -> float:
    ends = np.stack([x, x])
    step = MOVED * max(1.0, abs(x[feature]))
    ends[0, feature] += step
    ends[1, feature] -= step
    high, low = _values(learned, ends, output)
    return float((high - low) / (2 * step))


def _text(column: Column) -> str:
    value = column.values[0]
    if column.missing[0]:
        return "—"
    return number(float(value)) if column.kind == "number" else str(value)


def _name(learned: Learned, output: int) -> str:
    target = learned.target
    if isinstance(target, ClassTarget):
        return f"{target.column} = {target.classes[output]}"
    return target.columns[output]


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _dash(value: float | None) -> str:
    return "—" if value is None else _signed(value)
