"""The stages of the forward pass: what every layer takes and makes, and one entry worked out."""

from clearprop.base.arrays import Array, Index
from clearprop.engine.graph import Node, join_path
from clearprop.engine.layers.layer import Layer
from clearprop.engine.nodes import is_activation
from clearprop.engine.records import ForwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.row import OneEntry, applied
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, WalkStage
from clearprop.reading.worked_lines import WorkedLine, label, worked_line


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


def layer_stage(step: Step, node: Node, sample: int) -> WalkStage:
    """One layer's forward."""
    record = step.forward[node.path]
    taken, made = symbols(node.layer)
    arrays = [StageArray(taken, node.source, ArrayRole.SAMPLES, record.input)]
    arrays += [
        StageArray(
            parameter_symbol(node.layer, name), join_path(node.path, name), ArrayRole.WHOLE, values
        )
        for name, values in record.params.items()
    ]
    row = LAYER_ROWS.get(type(node.layer))
    if row is not None:
        arrays += [
            StageArray(name, node.path, ArrayRole.SAMPLES, values)
            for name, values in row.shown(record.cache).items()
        ]
    arrays.append(StageArray(made, node.path, ArrayRole.SAMPLES, record.output))
    arrays += [
        StageArray(name, node.path, ArrayRole.WHOLE, values)
        for name, values in step.forward.state.get(node.path, {}).items()
    ]
    equations = of_layer(node.layer, constant=runs_constant(record)).forward
    return WalkStage(
        part=Part.FORWARD,
        path=node.path,
        name=repr_short(node.layer),
        equations=equations,
        worked=worked_entry(record, sample, None),
        arrays=tuple(arrays),
    )


def _first(output: Array) -> Index:
    """The entry that is worked out: the first of a sample."""
    return (0,) * (output.ndim - 1)


def worked_entry(record: ForwardRecord, sample: int, place: Index | None) -> tuple[WorkedLine, ...]:
    """The entry at `place` of the sample, the first one where none is told, with its numbers;
    nothing for a layer of one's own that is not an activation."""
    index = _first(record.output) if place is None else place
    entry = OneEntry(
        layer=record.layer,
        params=record.params,
        input=record.input[sample],
        output=record.output[sample],
        cache=record.cache,
        sample=sample,
        place=index,
    )
    row = LAYER_ROWS.get(type(record.layer))
    if row is not None:
        lines = row.worked(entry)
    else:
        lines = applied(entry) if is_activation(record.layer) else ()
    return tuple(worked_line(one, label(one.symbol, sample, index)) for one in lines)
