"""An output that no longer depends on the input.

A constant c costs, by the squared error, mean of (c − t)² = var(t) + (c − mean of t)²: least at the
mean of the targets, and there it is their variance.
"""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses import MSE
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom

# How far apart the outputs of two samples may be for a constant, relative to their size.
SAME = 1e-12


def constant_output(step: Step, *, settled: bool) -> Iterator[Finding]:
    """A finding where samples that differ get the same output.

    `settled` says that the network has converged with every unit alive: then the constant is what
    it learned, because the inputs tell it nothing.
    """
    output = step.forward.output
    if not _is_constant(output) or _is_constant(step.forward.input):
        return
    graph = step.forward.network.graph
    places = [path for path in graph.nodes if _is_constant(step.forward.value(path))]
    values: dict[str, float | int | str] = {
        "layer": places[0] or type(step.forward.network.layer).__name__,
        "samples": step.samples,
        "y": float(output[0].ravel()[0]),
        "loss": step.value,
    }
    if settled:
        yield Finding(Symptom.CONSTANT_BEST, Severity.NOTE, (graph.output,), values)
    elif _weighs_nothing(step, places[0]):
        yield Finding(Symptom.CONSTANT_ZERO, Severity.SERIOUS, (places[0],), values)
    elif isinstance(step.loss, MSE) and step.loss.reduction == "mean":
        target = step.target.astype(np.float64)
        values["mean"] = float(target.mean(axis=0).ravel()[0])
        values["variance"] = float(target.var(axis=0).mean())
        yield Finding(Symptom.CONSTANT_SQUARED, Severity.SERIOUS, (graph.output,), values)
    else:
        yield Finding(Symptom.CONSTANT, Severity.SERIOUS, (graph.output,), values)


def _weighs_nothing(step: Step, path: str) -> bool:
    """Whether all weights of a layer are 0, so that it cannot say anything of its input."""
    weight = step.forward.views[path].get("weight") if path in step.forward.views else None
    return weight is not None and not weight.any()


def _is_constant(array: Array) -> bool:
    """Whether all samples have the same numbers; a single one, or one that is not finite, says
    nothing."""
    if len(array) < 2 or not np.isfinite(array).all():
        return False
    # A rounding may differ from row to row of a product of matrices.
    eps = SAME if array.dtype == np.float64 else 1e-6
    spread = np.ptp(array.astype(np.float64), axis=0).max(initial=0.0)
    return bool(spread <= eps * np.abs(array).max(initial=0.0))
