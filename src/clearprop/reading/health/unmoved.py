"""Weights that never move: their gradient is exactly 0 for every sample, or the optimizer leaves
them where they are.

A gradient is a sum over samples, and a sum may be 0 by cancelling. backward is linear in ∂C/∂y, so
the samples are weighed anew, each with a random number, and sent back once more: what was 0 by
cancelling is so no longer, and what is 0 for every sample still is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.addresses import Address
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.nodes import is_linear, layer_name
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.health.channels import keeps_channels
from clearprop.reading.health.rounding import Rounding
from clearprop.reading.health.units import Units
from clearprop.training.curvature import left_to_gain
from clearprop.training.finding import Finding, Severity, Symptom


def unmoved_weights(
    steps: tuple[Step, ...], units: list[Units], rounding: Rounding, *, converged: bool
) -> Iterator[Finding]:
    """A finding for every parameter and every reason why entries of it never move.

    A gradient that is no more than rounding has nothing to move by; where the whole network has
    converged, that is said of it once, and not of every parameter.
    """
    step = steps[0]
    if not np.isfinite(step.backward.gradient).all():
        return
    weighed = [_weighed(one) for one in steps]
    still = np.logical_and.reduce(
        [
            (one.backward.gradient == 0) & (other == 0)
            for one, other in zip(steps, weighed, strict=True)
        ]
    )
    layout, graph = step.forward.network.layout, step.forward.network.graph
    dead: dict[str, Array] = {}
    for one in units:
        # What several layers take is blocked where all of them are dead.
        dead[one.node.source] = dead.get(one.node.source, np.True_) & one.dead
    for node in reversed(list(graph.nodes.values())):
        # A norm and a pool hand every channel on by itself, and nothing where that is dead behind.
        if node.path in dead and keeps_channels(node) and graph.takers(node.source) == (node,):
            dead[node.source] = dead[node.path]
    if still.size and still.all() and not np.any(step.backward.output_gradient):
        yield Finding(Symptom.UNMOVED_FLAT, Severity.NOTE, (graph.output,), {"loss": step.value})
        return
    for node in graph.nodes.values():
        for name, slot in node.parameters.items():
            path = slot.path
            entries = layout.view(still, path)
            reasons = _reasons(steps, node, name, entries, dead)
            for reason, (severity, mask) in reasons.items():
                if mask.any():
                    yield _finding(reason, severity, path, node, mask)
    if converged:
        return
    for node in graph.nodes.values():
        yield from _lost_in_rounding(step, node, weighed[0], still, rounding)
    yield from _left_by_the_optimizer(step, rounding)


def _weighed(step: Step) -> Array:
    """The gradient (P,) with every sample weighed by a random number near 1."""
    dy = step.backward.output_gradient
    draws = keyed_generator(0, path="health.samples").uniform(0.5, 1.5, len(dy)).astype(dy.dtype)
    weights = draws.reshape(-1, *(1,) * (dy.ndim - 1))
    return step.forward.network.backward(step.forward, np.asarray(dy * weights)).gradient


def _reasons(
    steps: tuple[Step, ...], node: Node, name: str, still: Array, dead: dict[str, Array]
) -> dict[Symptom, tuple[Severity, Array]]:
    """(severity, which entries) by reason; the entries of a reason are those that no earlier one
    explains."""
    if not still.any():
        return {}
    signals = np.concatenate([step.signals(node.path) for step in steps])
    values = np.concatenate([step.forward.value(node.source) for step in steps])
    row = LAYER_ROWS.get(type(node.layer))
    if row is not None and row.ids is not None:
        met = np.isin(np.arange(row.ids(node.layer)), values)
        return _in_turn(
            still,
            {
                Symptom.UNMOVED_IDS: (Severity.NOTE, ~met[:, None]),
                Symptom.UNMOVED_NO_SIGNAL: (Severity.WARNING, True),
            },
        )
    if node.layer.images and name in ("weight", "bias"):
        return _of_image_layer(node, name, still, signals, values, dead)
    if not (is_linear(node.layer) and still.ndim == 2):
        nothing = not np.any(signals)
        return _in_turn(
            still,
            {
                Symptom.UNMOVED_NO_SIGNAL: (Severity.WARNING, nothing),
                Symptom.UNMOVED_ELSEWHERE: (Severity.NOTE, True),
            },
        )
    columns = _never(signals)
    blocked = columns & _dead_at(node, columns, dead)
    reasons: dict[Symptom, tuple[Severity, Array | bool]] = {
        Symptom.UNMOVED_DEAD_BEHIND: (Severity.NOTE, blocked[None]),
        Symptom.UNMOVED_NO_SIGNAL: (Severity.WARNING, columns[None]),
    }
    if name != "bias":
        rows = _never(values)[:, None]
        if node.source == INPUT:
            reasons[Symptom.UNMOVED_ZERO_COLUMN] = (Severity.WARNING, rows)
        else:
            reasons[Symptom.UNMOVED_SILENT_BEFORE] = (Severity.NOTE, rows)
    return _in_turn(still, {**reasons, Symptom.UNMOVED_NEVER_TOGETHER: (Severity.NOTE, True)})


def _of_image_layer(
    node: Node, name: str, still: Array, signals: Array, values: Array, dead: dict[str, Array]
) -> dict[Symptom, tuple[Severity, Array]]:
    """The same of a kernel or of a channel's γ and β, where the unit is a channel."""
    row = LAYER_ROWS[type(node.layer)]
    silent = _never(np.moveaxis(signals, 1, -1))
    blocked = silent & _dead_at(node, silent, dead)
    # Channels stand first in a kernel (O, C, …), last in a bias, in γ and in β.
    is_kernel = row.weighted and name == "weight"
    along = (-1, *(1,) * (still.ndim - 1)) if is_kernel else (1, -1)
    reasons: dict[Symptom, tuple[Severity, Array | bool]] = {
        Symptom.UNMOVED_DEAD_BEHIND: (Severity.NOTE, blocked.reshape(along)),
        Symptom.UNMOVED_NO_SIGNAL: (Severity.WARNING, silent.reshape(along)),
    }
    if is_kernel and node.source != INPUT:
        reads = _never(np.moveaxis(values, 1, -1)).reshape(-1, still.shape[1])
        groups = np.repeat(reads, len(still) // len(reads), axis=0)
        kernel = groups.reshape(*groups.shape, *(1,) * (still.ndim - 2))
        reasons[Symptom.UNMOVED_SILENT_BEFORE] = (Severity.NOTE, kernel)
    return _in_turn(still, {**reasons, Symptom.UNMOVED_ELSEWHERE: (Severity.NOTE, True)})


def _dead_at(node: Node, silent: Array, dead: dict[str, Array]) -> Array:
    """(F,) which of a node's units, or channels, lead to dead ones alone."""
    found = dead.get(node.path)
    # A Linear one along the rows of an image has columns, and what takes it channels.
    return found if found is not None and found.shape == silent.shape else np.zeros_like(silent)


def _never(array: Array) -> Array:
    """(F,) whether an entry is 0 for every sample."""
    found: Array = (array.reshape(-1, array.shape[-1]) == 0).all(axis=0)
    return found


def _in_turn(
    still: Array, reasons: Mapping[Symptom, tuple[Severity, Array | bool]]
) -> dict[Symptom, tuple[Severity, Array]]:
    left = still
    found = {}
    for name, (severity, mask) in reasons.items():
        found[name] = (severity, left & mask)
        left = left & ~np.broadcast_to(mask, left.shape)
    return found


def _finding(kind: Symptom, severity: Severity, path: str, node: Node, mask: Array) -> Finding:
    where = [tuple(int(i) for i in index) for index in np.argwhere(mask)]
    values: dict[str, float | int | str] = {
        "path": path,
        "count": len(where),
        "total": int(mask.size),
        "layer": layer_name(node),
        "source": node.source,
        "columns": len({index[-1] for index in where}),
        "rows": len({index[0] for index in where}),
    }
    return Finding(kind, severity, tuple(str(Address(path, index)) for index in where), values)


def _lost_in_rounding(
    step: Step, node: Node, weighed: Array, still: Array, rounding: Rounding
) -> Iterator[Finding]:
    """Entries of a Linear layer whose samples cancel down to rounding, though not to an exact 0:
    what they add is taken off again behind them."""
    if not is_linear(node.layer):
        return
    layout = step.forward.network.layout
    for slot in node.parameters.values():
        path = slot.path
        gradient = layout.view(step.backward.gradient, path)
        largest = np.maximum(np.abs(gradient), np.abs(layout.view(weighed, path)))
        mask = (largest <= layout.view(rounding.gradient, path)) & ~layout.view(still, path)
        # By chance one entry may be so small; where all of a parameter are, there is a reason.
        if mask.all():
            found = _finding(Symptom.UNMOVED_ROUNDING, Severity.NOTE, path, node, mask)
            numbers = {**found.values, "largest": float(np.abs(gradient).max())}
            yield replace(found, values=numbers)


def _left_by_the_optimizer(step: Step, rounding: Rounding) -> Iterator[Finding]:
    """Entries that have a gradient and stay where they are, although the loss would show it if they
    moved: what is less than its rounding is no matter."""
    stepped = step.stepped
    if stepped is None or step.optimizer is None:
        return
    params, gradient = step.forward.params, step.backward.gradient
    layout = step.forward.network.layout
    for path in layout.slots:
        old, new, slope = (layout.view(one, path) for one in (params, stepped, gradient))
        left = (old == new) & (np.abs(slope) > layout.view(rounding.gradient, path))
        alone = np.zeros_like(gradient)
        layout.view(alone, path)[left] = slope[left]
        if left_to_gain(step, alone) <= rounding.loss:
            continue
        where = [tuple(int(i) for i in index) for index in np.argwhere(left)]
        values: dict[str, float | int | str] = {
            "path": path,
            "count": len(where),
            "total": int(left.size),
            "name": type(step.optimizer).__name__,
            "largest": float(np.abs(slope[left]).max()),
        }
        # A few entries whose gradient is lost in the last digit are no matter.
        severity = Severity.WARNING if left.all() else Severity.NOTE
        places = tuple(str(Address(path, index)) for index in where)
        yield Finding(Symptom.UNMOVED_OPTIMIZER, severity, places, values)
