"""What a loss is held against: what no network at all would reach on the same samples.

The best constant is what answers every sample alike at the least cost: the mean of the targets for
the squared error, the shares of the classes for the cross-entropy. The best line, y = x W + b by
least squares, is what a network without a bend can reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.engine.losses import MSE
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LOSS_ROWS
from clearprop.training.finding import Finding, Severity, Symptom, shown

# A least-squares problem takes N F² operations; beyond these, a second or so, there is no line.
MOST_OPERATIONS = 4e8
# A loss that is above its baseline by less than this is about as good.
MARGIN = 0.01


class BaselineKind(StrEnum):
    """What a baseline is: the key of its sentence, `health.baseline.KEY`."""

    MEAN = "mean"
    SHARES = "shares"
    CONSTANT = "constant"
    LINE = "line"


@dataclass(frozen=True)
class Baseline:
    """The loss of something simple on the samples of the step."""

    kind: BaselineKind
    loss: float

    def sentence(self, language: str) -> str:
        """What it is, and its loss."""
        return messages.text(language, f"health.baseline.{self.kind}", loss=shown(self.loss))


def baselines(step: Step) -> tuple[Baseline, ...]:
    """The best constant, of sequences one for every time, and for the squared error of a table the
    best line; nothing for a loss that has no row, and where data are not finite."""
    row = LOSS_ROWS.get(type(step.loss))
    output, target = step.forward.output, step.target
    # float32 would leave too few digits to compare.
    target = target.astype(np.float64) if target.dtype.kind == "f" else target
    if row is None or output.ndim not in (2, 3) or not np.isfinite(target).all():
        return ()
    # Of sequences every time is a row, as of a table every sample.
    outputs = output.shape[-1]
    rows = target.reshape(-1) if target.ndim < output.ndim else target.reshape(-1, outputs)
    constant = row.constant(step.loss, rows, outputs)
    kind = BaselineKind.CONSTANT
    if isinstance(step.loss, MSE):
        kind = BaselineKind.MEAN
    elif row.takes_classes:
        kind = BaselineKind.SHARES
    found = [Baseline(kind, _loss(step, np.broadcast_to(constant, output.shape), target))]
    line = _line(step, target)
    if line is not None:
        found.append(Baseline(BaselineKind.LINE, _loss(step, line, target)))
    return tuple(found)


def worse_than_simple(
    step: Step, found: tuple[Baseline, ...], rounding: float, *, converged: bool
) -> Iterator[Finding]:
    """A finding where a network costs more than a baseline: the best line if it is one that beats
    the network, for it is the stronger one. While training may still go on that is a note.

    `rounding` is that of the loss, which is no difference.
    """
    beaten = [one for one in found if step.value > one.loss * (1 + MARGIN) + rounding]
    if not beaten:
        return
    best = beaten[-1]
    symptom = Symptom.WORSE_THAN_CONSTANT
    if best.kind == BaselineKind.LINE:
        symptom = Symptom.WORSE_THAN_LINE
    values = {"loss": step.value, "baseline": best.loss}
    severity = Severity.WARNING if converged else Severity.NOTE
    yield Finding(symptom, severity, (step.forward.network.graph.output,), values)


def _loss(step: Step, output: Array, target: Array) -> float:
    result = step.loss.evaluate(np.array(output, np.float64), target)
    return float(result.total / result.weight)


def _line(step: Step, target: Array) -> Array | None:
    """The output (N, D) of the best line; None where there is none to speak of."""
    x = step.forward.input
    if not isinstance(step.loss, MSE) or x.ndim != 2 or x.dtype.kind != "f":
        return None
    samples, features = x.shape
    if samples <= features + 1 or samples * (features + 1.0) ** 2 > MOST_OPERATIONS:
        return None
    if not np.isfinite(x).all():
        return None
    with_bias = np.column_stack([x.astype(np.float64), np.ones(samples)])
    weights = np.linalg.lstsq(with_bias, target, rcond=None)[0]
    found: Array = with_bias @ weights
    return found
