"""The first place where a NaN or an infinity arises, in the order in which a step computes: data,
parameters, forward, loss, backward, update."""

from collections.abc import Callable, Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.addresses import Address
from clearprop.engine.graph import INPUT, Node, join_path
from clearprop.engine.nodes import is_activation, is_linear, is_skip, layer_name
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom, Values


def first_nonfinite(step: Step) -> Finding | None:
    """The finding, or None where every number of the step is finite."""
    searches: tuple[Callable[[Step], Iterator[Finding]], ...] = (
        _in_the_data,
        _in_the_parameters,
        _in_forward,
        _in_the_loss,
        _in_backward,
        _in_the_update,
    )
    return next((found for search in searches for found in search(step)), None)


def nonfinite_data(x: Array, target: Array) -> Finding | None:
    """The finding about data alone, (N, ...) both."""
    return next(_of_data(x, target), None)


def _in_the_data(step: Step) -> Iterator[Finding]:
    return _of_data(step.forward.input, step.target)


def _of_data(x: Array, target: Array) -> Iterator[Finding]:
    for name, kind, array in (
        (INPUT, Symptom.NONFINITE_INPUT, x),
        ("target", Symptom.NONFINITE_TARGET, target),
    ):
        where = _first(array)
        if where is not None:
            sample, *index = where
            place = str(Address(name, tuple(index)))
            count = int(np.count_nonzero(~np.isfinite(array)))
            values: Values = {"value": brief(float(array[where])), "sample": sample, "count": count}
            yield Finding(kind, Severity.SERIOUS, (place,), values)


def _in_the_parameters(step: Step) -> Iterator[Finding]:
    named = step.forward.network.named(step.forward.params)
    for kind, arrays in (
        (Symptom.NONFINITE_PARAMETER, named),
        (
            Symptom.NONFINITE_STATE,
            {
                join_path(path, name): array
                for path, state in step.forward.context.state.items()
                for name, array in state.items()
            },
        ),
    ):
        for path, array in arrays.items():
            where = _first(array)
            if where is not None:
                count = int(np.count_nonzero(~np.isfinite(array)))
                values: Values = {
                    "value": brief(float(array[where])),
                    "count": count,
                    "total": int(array.size),
                }
                yield Finding(kind, Severity.SERIOUS, (str(Address(path, where)),), values)


def _in_forward(step: Step) -> Iterator[Finding]:
    forward, graph = step.forward, step.forward.network.graph
    for one in graph.steps:
        output = forward.value(one.path)
        where = _first(output)
        if where is None or any(_first(forward.value(wire)) is not None for wire in one.sources):
            continue
        sample, *index = where
        values: Values = {"value": brief(float(output[where])), "sample": sample}
        symptom = Symptom.NONFINITE_FORWARD_SUM
        if isinstance(one, Node):
            symptom = _operation(one)
            handed = _forward_numbers(step, one, where)
            values = {**values, "name": type(one.layer).__name__, **handed}
        else:
            values = {**values, "name": type(graph.combinator_of(one.path).layer).__name__}
            if not is_skip(graph, one):
                symptom = Symptom.NONFINITE_FORWARD_JOIN
        place = str(Address(one.path, tuple(index)))
        yield Finding(symptom, Severity.SERIOUS, (place,), values)


def _in_the_loss(step: Step) -> Iterator[Finding]:
    result = step.result
    for array in (result.entries, result.gradient):
        where = None if array is None else _first(array)
        if where is not None:
            yield _loss(step, where[0], float(array[where]))
    if not np.isfinite(step.value):
        # Every entry is finite, and their sum is not: the costliest sample stands for it.
        slopes = np.abs(result.gradient).reshape(step.samples, -1).max(axis=1)
        yield _loss(step, int(np.argmax(slopes)), step.value)


def _loss(step: Step, sample: int, value: float) -> Finding:
    y = step.forward.output[sample].ravel()
    t = np.ravel(step.target[sample])
    values: Values = {
        "value": brief(value),
        "sample": sample,
        "name": type(step.loss).__name__,
        "y": brief(float(y[np.argmax(np.abs(y))])),
        "t": brief(float(t[np.argmax(np.abs(t))])),
    }
    return Finding(
        Symptom.NONFINITE_LOSS, Severity.SERIOUS, (step.forward.network.graph.output,), values
    )


def _in_backward(step: Step) -> Iterator[Finding]:
    for node in reversed(list(step.forward.network.graph.nodes.values())):
        record = step.backward[node.path]
        arrays = {join_path(node.path, name): array for name, array in record.gradients.items()}
        kinds = [(Symptom.NONFINITE_SIGNAL, node.source, record.input_gradient)]
        kinds += [(Symptom.NONFINITE_GRADIENT, path, array) for path, array in arrays.items()]
        for kind, path, array in kinds:
            where = None if array is None else _first(array)
            if array is None or where is None or _first(record.output_gradient) is not None:
                continue
            index = where[1:] if kind == Symptom.NONFINITE_SIGNAL else where
            values: dict[str, float | int | str] = {
                "value": brief(float(array[where])),
                "layer": layer_name(node),
                "name": type(node.layer).__name__,
                "largest": float(np.abs(record.output_gradient).max(initial=0.0)),
            }
            if kind == Symptom.NONFINITE_SIGNAL:
                values["sample"] = where[0]
            place = str(Address(path, index))
            yield Finding(kind, Severity.SERIOUS, (place,), values)


def _in_the_update(step: Step) -> Iterator[Finding]:
    if step.stepped is None:
        return
    layout = step.forward.network.layout
    for path in layout.slots:
        after = layout.view(step.stepped, path)
        where = _first(after)
        if where is not None:
            values: Values = {
                "value": brief(float(after[where])),
                "name": type(step.optimizer).__name__,
                "before": float(layout.view(step.forward.params, path)[where]),
                "gradient": float(layout.view(step.backward.gradient, path)[where]),
            }
            yield Finding(
                Symptom.NONFINITE_UPDATE, Severity.SERIOUS, (str(Address(path, where)),), values
            )


def _operation(node: Node) -> Symptom:
    if is_linear(node.layer):
        return Symptom.NONFINITE_FORWARD_PRODUCT
    if is_activation(node.layer):
        return Symptom.NONFINITE_FORWARD_FUNCTION
    return Symptom.NONFINITE_FORWARD_LAYER


def _forward_numbers(step: Step, node: Node, where: tuple[int, ...]) -> Values:
    """What the operation was handed that failed."""
    x = step.forward.value(node.source)
    if is_linear(node.layer):
        row = np.abs(x[where[:-1]].astype(np.float64))
        weights = np.abs(step.forward[node.path].params["weight"][:, where[-1]].astype(np.float64))
        return {"x": float(row.max(initial=0.0)), "w": float(weights.max(initial=0.0))}
    if is_activation(node.layer):
        return {"z": float(x[where])}
    return {"x": float(np.abs(x[where[0]].astype(np.float64)).max(initial=0.0))}


def _first(array: Array) -> tuple[int, ...] | None:
    """Where the first entry stands that is not finite."""
    found = np.argwhere(~np.isfinite(array))
    return tuple(int(i) for i in found[0]) if len(found) else None
