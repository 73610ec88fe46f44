"""A loss whose gradient is that of another loss."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.hypothesis import Hypothesis, Question
from clearprop.kinds.kind_tables import LOSSES


def of_another_loss(question: Question) -> Iterator[Hypothesis]:
    """The gradients of our losses at the same output and target."""
    evidence = question.evidence
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
        yield Hypothesis("other_function", {name: np.asarray(gradient, np.float64)}, values)
