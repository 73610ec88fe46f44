"""The stages of the forward pass: what every layer takes and makes, and one entry worked out."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.addresses import Index
from clearprop.engine.graph import join_path
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import ForwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.engine.wires import Node, Sum, is_activation
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.row import Arithmetic, OneEntry, applied
from clearprop.reading.walk.arithmetic import label, sum_of_products
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.stages import NamedArray, Stage, Worked


def symbols(layer: Layer) -> tuple[str, str]:
    """What a layer's input and output are called."""
    equations = of_layer(layer)
    return equations.input, equations.output


def parameter_symbol(layer: Layer, name: str) -> str:
    """What a layer's parameter is called in its equations; its own name for one of one's own."""
    row = LAYER_ROWS.get(type(layer))
    return name if row is None or name not in row.parameters else row.parameters[name].equation


def runs_constant(record: ForwardRecord) -> bool:
    """Whether a layer ran as it does in use: without a draw, or with running statistics."""
    row = LAYER_ROWS.get(type(record.layer))
    return row is not None and row.in_use is not None and row.in_use.ran(record.cache)


def layer_stage(step: Step, node: Node, sample: int) -> Stage:
    """One layer's forward."""
    record = step.forward[node.path]
    taken, made = symbols(node.layer)
    arrays = [NamedArray(taken, node.source, "samples", record.input)]
    arrays += [
        NamedArray(parameter_symbol(node.layer, name), join_path(node.path, name), "whole", values)
        for name, values in node.tree.items()
        if isinstance(values, np.ndarray)
    ]
    row = LAYER_ROWS.get(type(node.layer))
    if row is not None:
        arrays += [
            NamedArray(name, node.path, "samples", values)
            for name, values in row.shown(record.cache).items()
        ]
    arrays.append(NamedArray(made, node.path, "samples", record.output))
    arrays += [
        NamedArray(name, node.path, "whole", values)
        for name, values in _state_at(step.forward.state, node.path).items()
    ]
    worked = _worked(record, node.tree, sample)
    equations = of_layer(node.layer, constant=runs_constant(record)).forward
    return Stage("forward", node.path, repr_short(node.layer), equations, worked, tuple(arrays))


def sum_stage(step: Step, one: Sum, sample: int) -> Stage:
    """The sum of a Residual."""
    wiring = step.wiring
    (x, branch), y = (wiring.values(term) for term in one.terms), wiring.values(one.path)
    index = _first(y)
    entries = float(x[sample][index]), float(branch[sample][index])
    written = tuple(map(brief, entries))
    return Stage(
        "sum",
        one.path,
        "Residual",
        ("y = x + f(x)",),
        (Worked(label("y", sample, index), written, float(y[sample][index])),),
        (
            NamedArray("x", one.terms[0], "samples", x),
            NamedArray("f(x)", one.terms[1], "samples", branch),
            NamedArray("y", one.path, "samples", y),
        ),
    )


def _state_at(state: Tree, path: str) -> Mapping[str, Array]:
    """The state that the layer at `path` returned, by name."""
    found = state
    # A path's parts are the names of children, one below the other.
    for name in path.split(".") if path else ():
        found = found.get(name, {})
    return {name: values for name, values in found.items() if isinstance(values, np.ndarray)}


def _first(output: Array) -> Index:
    """The entry that is worked out: the first of a sample."""
    return (0,) * (output.ndim - 1)


def _worked(record: ForwardRecord, params: Tree, sample: int) -> tuple[Worked, ...]:
    """The first entry of the sample, with its numbers; nothing for a layer of one's own that is
    not an activation."""
    index = _first(record.output)
    entry = OneEntry(
        record.layer,
        params,
        record.input[sample],
        record.output[sample],
        record.cache,
        sample,
        index,
    )
    row = LAYER_ROWS.get(type(record.layer))
    if row is not None:
        lines = row.worked(entry)
    else:
        lines = applied(entry) if is_activation(record.layer) else ()
    return tuple(_line(one, sample, index) for one in lines)


def _line(one: Arithmetic, sample: int, index: Index) -> Worked:
    left = label(one.symbol, sample, index)
    if one.products is None:
        return Worked(left, one.right, one.value)
    return sum_of_products(left, *one.products, one.value, one.right)
