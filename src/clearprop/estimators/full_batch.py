"""L-BFGS: SciPy's solver on the whole of the loss, network by network."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.estimators.evaluation_log import EvaluationLog
from clearprop.estimators.members import Rows
from clearprop.estimators.table_recipe import TableRecipe


def minimize_members(
    network: Network,
    starts: Array,
    rows: Rows,
    parts: list[Array],
    loss: Loss,
    recipe: TableRecipe,
    spans: tuple[tuple[int, int], ...] = (),
    log: EvaluationLog | None = None,
) -> tuple[Array, Array, Array]:
    """Each network from its start: parameters (K, P), iterations (K,), and the losses
    (iterations, K), where a network that has ended keeps its last.

    parts  the rows that each network holds out
    log    what was answered before, and is written down, so that the training can be gone on with

    Raises MissingDependencyError without SciPy.
    """
    require("scipy")
    from scipy.optimize import minimize

    ends, counts, courses = [], [], []
    l2 = recipe.l2 / len(rows.x)
    for start, part in zip(starts, parts, strict=True):
        weight = rows.weight.copy()
        weight[part] = 0
        losses: list[float] = []

        def value_and_gradient(flat: Any, weight: Array = weight) -> tuple[float, Array]:
            params = flat.astype(starts.dtype)
            forward = network.forward(params, rows.x, training=False)
            result = loss.evaluate(forward.output, rows.target, sample_weight=weight)
            gradient = network.backward(forward, result.gradient).gradient.astype(np.float64)
            value = float(result.value)
            for first, end in spans:
                part = flat[first:end]
                value += 0.5 * l2 * float(part @ part)
                gradient[first:end] += l2 * part
            return value, gradient

        def note(result: Any, losses: list[float] = losses) -> None:
            losses.append(float(result.fun))

        def answered(flat: Any, evaluate: Any = value_and_gradient) -> tuple[float, Array]:
            answer: tuple[float, Array] = (
                evaluate(flat) if log is None else log.answer(flat, evaluate)
            )
            return answer

        found = minimize(
            answered,
            start.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=lambda intermediate_result: note(intermediate_result),
            options={"maxiter": recipe.epochs, "gtol": recipe.tolerance or 1e-5},
        )
        ends.append(found.x.astype(starts.dtype))
        counts.append(found.nit)
        # A start that cannot be bettered takes no iteration and has a loss all the same.
        courses.append(losses or [float(found.fun)])
    longest = max(map(len, courses))
    padded = [one + one[-1:] * (longest - len(one)) for one in courses]
    return np.array(ends), np.array(counts), np.array(padded).T
