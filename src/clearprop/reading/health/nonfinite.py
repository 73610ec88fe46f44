"""The first place where a NaN or an infinity arises, in the order in which a step computes: data,
parameters, forward, loss, backward, update."""

from collections.abc import Callable, Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.addresses import Address
from clearprop.engine.graph import join_path
from clearprop.engine.layers.layer import Tree
from clearprop.engine.step import Step
from clearprop.engine.wires import INPUT, Node, is_activation, is_linear
from clearprop.reading.health.finding import SERIOUS, Finding, Values


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


def _in_the_data(step: Step) -> Iterator[Finding]:
    for name, array in (("input", step.forward.input), ("target", step.target)):
        where = _first(array)
        if where is not None:
            sample, *index = where
            place = str(Address(name, tuple(index)))
            count = int(np.count_nonzero(~np.isfinite(array)))
            values: Values = {"value": brief(float(array[where])), "sample": sample, "count": count}
            yield Finding(f"nonfinite_{name}", SERIOUS, (place,), values)


def _in_the_parameters(step: Step) -> Iterator[Finding]:
    named = step.forward.network.named(step.forward.params)
    for kind, arrays in (
        ("parameter", named),
        ("state", dict(_flat(step.forward.context.state, ""))),
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
                yield Finding(f"nonfinite_{kind}", SERIOUS, (str(Address(path, where)),), values)


def _in_forward(step: Step) -> Iterator[Finding]:
    for node in step.wiring.nodes.values():
        output = step.wiring.values(node.path)
        where = _first(output)
        if where is None or _first(step.wiring.values(node.source)) is not None:
            continue
        sample, *index = where
        yield Finding(
            f"nonfinite_forward_{_operation(node)}",
            SERIOUS,
            (str(Address(node.path, tuple(index))),),
            {
                "value": brief(float(output[where])),
                "sample": sample,
                "name": type(node.layer).__name__,
                **_forward_numbers(step, node, where),
            },
        )
    for path, one in step.wiring.sums.items():
        total = step.wiring.values(path)
        where = _first(total)
        if where is None or any(_first(step.wiring.values(t)) is not None for t in one.terms):
            continue
        sample, *index = where
        values: Values = {"value": brief(float(total[where])), "sample": sample}
        place = str(Address(path, tuple(index)))
        yield Finding("nonfinite_forward_sum", SERIOUS, (place,), values)


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
    return Finding("nonfinite_loss", SERIOUS, (step.wiring.output,), values)


def _in_backward(step: Step) -> Iterator[Finding]:
    for node in reversed(list(step.wiring.nodes.values())):
        record = step.backward[node.path]
        arrays = {join_path(node.path, name): array for name, array in record.gradients.items()}
        kinds = [("signal", node.source or INPUT, record.input_gradient)]
        kinds += [("gradient", path, array) for path, array in arrays.items()]
        for kind, path, array in kinds:
            where = None if array is None else _first(array)
            if array is None or where is None or _first(record.output_gradient) is not None:
                continue
            index = where[1:] if kind == "signal" else where
            values: dict[str, float | int | str] = {
                "value": brief(float(array[where])),
                "layer": node.path or type(node.layer).__name__,
                "name": type(node.layer).__name__,
                "largest": float(np.abs(record.output_gradient).max(initial=0.0)),
            }
            if kind == "signal":
                values["sample"] = where[0]
            place = str(Address(path, index))
            yield Finding(f"nonfinite_{kind}", SERIOUS, (place,), values)


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
            yield Finding("nonfinite_update", SERIOUS, (str(Address(path, where)),), values)


def _operation(node: Node) -> str:
    if is_linear(node.layer):
        return "product"
    return "function" if is_activation(node.layer) else "layer"


def _forward_numbers(step: Step, node: Node, where: tuple[int, ...]) -> Values:
    """What the operation was handed that failed."""
    x = step.wiring.values(node.source)
    if is_linear(node.layer):
        row = np.abs(x[where[:-1]].astype(np.float64))
        weights = np.abs(node.tree["weight"][:, where[-1]].astype(np.float64))
        return {"x": float(row.max(initial=0.0)), "w": float(weights.max(initial=0.0))}
    if is_activation(node.layer):
        return {"z": float(x[where])}
    return {"x": float(np.abs(x[where[0]].astype(np.float64)).max(initial=0.0))}


def _first(array: Array) -> tuple[int, ...] | None:
    """Where the first entry stands that is not finite."""
    found = np.argwhere(~np.isfinite(array))
    return tuple(int(i) for i in found[0]) if len(found) else None


def _flat(tree: Tree, path: str) -> Iterator[tuple[str, Array]]:
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            yield join_path(path, name), value
        else:
            yield from _flat(value, join_path(path, name))
