"""ONNX's losses: what our cross-entropy makes of a case's inputs.

ONNX has the classes along the second axis and any axes behind it, (N, C, d1, …); every place of
those is a sample of ours, so they go in as (N·d1·…, C).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import logsumexp

from clearprop import CrossEntropy, LogSoftmax
from clearprop.base.arrays import Array
from clearprop.kinds.kind_tables import LOSS_ROWS
from tests.onnx_nodes.cases import NodeCase
from tests.onnx_nodes.layer_nodes import value


def softmax_cross_entropy(case: NodeCase) -> tuple[Any, ...]:
    logits, _ = _rows(case)
    outputs = (_cross_entropy(case),)
    if len(case.outputs) == 1:
        return outputs
    log_p = value(LogSoftmax(), logits)
    moved = np.moveaxis(case.x, 1, -1).shape
    return *outputs, np.moveaxis(log_p.reshape(moved), -1, 1)


def negative_log_likelihood(case: NodeCase) -> tuple[Any]:
    """ONNX takes x for logarithms of probabilities, and its cases hold any numbers; ours makes
    logarithms of them: −x_t = −(x_t − lse x) − lse x. The last term is reduced as ONNX defines it.
    """
    logits, ids = _rows(case)
    weight = case.input(2, np.ones(logits.shape[1], logits.dtype))
    counted = ids != case.attribute("ignore_index", -100)
    shares = np.where(counted, weight[np.where(counted, ids, 0)], 0)
    moved = shares * logsumexp(logits, axis=1)
    reduction = case.attribute("reduction", "mean")
    if reduction == "none":
        return (_cross_entropy(case) - moved.reshape(case.input(1).shape),)
    total = moved.sum() / shares.sum() if reduction == "mean" else moved.sum()
    return (_cross_entropy(case) - total,)


def _rows(case: NodeCase) -> tuple[Array, Array]:
    """The samples: logits (N, C) and class ids (N,)."""
    return np.moveaxis(case.x, 1, -1).reshape(-1, case.x.shape[1]), case.input(1).reshape(-1)


def _cross_entropy(case: NodeCase) -> Any:
    weight = case.input(2)
    operator = LOSS_ROWS[CrossEntropy].onnx
    assert operator is not None
    settings = operator.settings(case.attribute)
    loss = CrossEntropy(weight=None if weight is None else tuple(weight), **settings)
    result = loss.evaluate(*_rows(case)).value
    return result.reshape(case.input(1).shape) if np.ndim(result) else result


LOSSES: dict[str, Callable[[NodeCase], tuple[Any, ...]]] = {
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
}
