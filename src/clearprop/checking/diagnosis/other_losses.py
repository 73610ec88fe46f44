"""A loss whose gradient is that of another loss."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Hypothesis
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.kinds.kind_tables import LOSSES


def of_another_loss(discrepancy: Discrepancy) -> Iterator[Hypothesis]:
    """The gradients of our losses at the same output and target."""
    evidence = discrepancy.evidence
    arrays = [np.asarray(array) for array in evidence.arrays.values()]
    if evidence.loss is None or len(arrays) != 2:
        return
    name = next(iter(evidence.arrays))
    for kind, loss in LOSSES.items():
        try:
            gradient = loss().evaluate(*arrays).gradient
        except (ClearpropError, TypeError, ValueError, IndexError):
            continue
        values = {"where": type(evidence.loss).__name__, "other": kind}
        yield Hypothesis(
            MistakeKind.OTHER_FUNCTION, {name: np.asarray(gradient, np.float64)}, values
        )
