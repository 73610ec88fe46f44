"""ONNX's optimizers (domain ai.onnx.preview.training): what ours make of a case's inputs.

A case has a rate R, a count of steps T, and then every tensor in turn: first all X, then all
gradients G, then each slot of the optimizer. The tensors are parts of one flat array here.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop import SGD, Adagrad, Adam
from clearprop.base.arrays import Array
from clearprop.engine.optimizers.optimizer import Optimizer, OptimizerState
from clearprop.kinds.kind_tables import OPTIMIZER_ROWS
from tests.onnx_nodes.cases import NodeCase


def settings(kind: type[Optimizer], case: NodeCase) -> dict[str, Any]:
    """What a case's attributes say of an optimizer, by its row."""
    operator = OPTIMIZER_ROWS[kind].onnx
    assert operator is not None
    return operator.settings(case.attribute)


def adagrad(case: NodeCase) -> tuple[Array, ...]:
    optimizer = Adagrad(float(case.x), **settings(Adagrad, case))
    return _step(case, optimizer, int(case.input(1)), "square_sum")


def adam(case: NodeCase) -> tuple[Array, ...]:
    """At T = 0, where all cases are, ONNX corrects nothing; ours corrects from its first step on:
    by 1/(1 − α) and 1/(1 − β) there, which are put into the rate and into ε beforehand."""
    assert int(case.input(1)) == 0
    found = settings(Adam, case)
    alpha, beta = case.attribute("alpha", 0.9), case.attribute("beta", 0.999)
    optimizer = Adam(
        float(case.x) * (1 - alpha) / (1 - beta) ** 0.5,
        betas=(alpha, beta),
        eps=found.pop("eps") / (1 - beta) ** 0.5,
        **found,
    )
    return _step(case, optimizer, 0, "mean", "square")


def momentum(case: NodeCase) -> tuple[Array, ...]:
    """At T = 0 ONNX adds the whole gradient to a velocity that is there already, and later β times
    it; ours has no velocity before its first step, so this is a second one, dampened by 1 − β."""
    beta = case.attribute("beta") if int(case.input(1)) > 0 else 1.0
    optimizer = SGD(
        float(case.x),
        dampening=1 - beta,
        nesterov=case.attribute("mode") == "nesterov",
        **settings(SGD, case),
    )
    return _step(case, optimizer, 1, "velocity")


def _step(case: NodeCase, optimizer: Optimizer, steps: int, *slots: str) -> tuple[Array, ...]:
    """The new X and slots, tensor by tensor."""
    tensors = [case.input(place) for place in range(2, len(case.inputs))]
    count = len(tensors) // (2 + len(slots))
    groups = [tensors[first : first + count] for first in range(0, len(tensors), count)]
    params, gradient, *old = (np.concatenate(group) for group in groups)
    state = OptimizerState(steps, dict(zip(slots, old, strict=True)))
    new, after = optimizer.step(params, state, gradient)
    ends = np.cumsum([tensor.size for tensor in groups[0]])[:-1]
    flat: Mapping[str, Array] = {"params": new, **after.slots}
    return tuple(part for name in ("params", *slots) for part in np.split(flat[name], ends))


OPTIMIZERS: dict[str, Callable[[NodeCase], tuple[Array, ...]]] = {
    "Adagrad": adagrad,
    "Adam": adam,
    "Momentum": momentum,
}
