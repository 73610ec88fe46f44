"""The stages of the backward pass: what comes to every layer, what goes on and what its parameters
get, with one entry of each worked out."""

from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Index
from clearprop.engine.graph import Node, join_path
from clearprop.engine.nodes import is_activation, is_linear
from clearprop.engine.records import BackwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.largest_terms import Rest, rest_of
from clearprop.reading.probing import MOST_PROBES, Probe
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.forward import parameter_symbol, runs_constant, symbols
from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, WalkStage
from clearprop.reading.worked_lines import WorkedLine, label, sum_of_numbers, sum_of_products

# The gradient of a parameter of a layer that is not Linear is asked for sample by sample; of more
# samples than these, it stands there without its summands.
MOST_SAMPLES = 256


def layer_stage(step: Step, node: Node, sample: int) -> WalkStage:
    """One layer's backward."""
    record = step.backward[node.path]
    taken, made = symbols(node.layer)
    arrays = [StageArray(f"∂C/∂{made}", node.path, ArrayRole.SAMPLES, record.output_gradient)]
    if record.input_gradient is not None:
        arrays.append(
            StageArray(f"∂C/∂{taken}", node.source, ArrayRole.SAMPLES, record.input_gradient)
        )
    arrays += [
        StageArray(
            f"∂L/∂{parameter_symbol(node.layer, name)}",
            join_path(node.path, name),
            ArrayRole.WHOLE,
            gradient,
        )
        for name, gradient in record.gradients.items()
    ]
    constant = runs_constant(step.forward[node.path])
    equations = of_layer(node.layer, constant=constant).backward
    # A gradient is a sum over all samples.
    gradients = [replace(one, of_sample=False) for one in _gradients(step, node, record, sample)]
    worked = [*_signal(step, node, record, sample), *gradients]
    return WalkStage(
        part=Part.BACKWARD,
        path=node.path,
        name=repr_short(node.layer),
        equations=equations,
        worked=tuple(worked),
        arrays=tuple(arrays),
    )


def _signal(step: Step, node: Node, record: BackwardRecord, sample: int) -> list[WorkedLine]:
    """The first entry of what goes on to the left."""
    dx, dy = record.input_gradient, record.output_gradient
    if dx is None:
        return []
    index = (0,) * (dx.ndim - 1)
    name = f"∂C/∂{symbols(node.layer)[0]}"
    left, value = label(name, sample, index), float(dx[sample][index])
    if is_activation(node.layer):
        forward = step.forward[node.path]
        slopes = node.layer.derivative(forward.input[sample], forward.output[sample])
        factors = np.array([float(np.asarray(slopes)[index])])
        return [sum_of_products(left, factors, np.array([float(dy[sample][index])]), value)]
    if is_linear(node.layer):
        weights = step.forward[node.path].params["weight"][index[-1]].astype(np.float64)
        return [sum_of_products(left, weights, dy[sample][index[:-1]].astype(np.float64), value)]
    probe = Probe(step.backward, node.path)
    positions = probe.leading(sample)[:MOST_PROBES]
    factors = np.array([float(probe.slopes(sample, int(p))[index]) for p in positions])
    signals = dy[sample].astype(np.float64).reshape(-1)[positions]
    touched = factors != 0
    worked = sum_of_products(left, factors[touched], signals[touched], value)
    others = np.array([float(probe.through_other_samples(sample)[index])])
    if probe.outputs > len(positions):
        others = np.append(others, float(probe.through_others(sample)[index]))
    others = others[others != 0]
    rest: Rest = worked.rest + rest_of(others) if len(others) else worked.rest
    return [WorkedLine(left, worked.right, value, rest)]


def _gradients(step: Step, node: Node, record: BackwardRecord, sample: int) -> list[WorkedLine]:
    """The first entry of the first parameter's gradient, as a sum over samples."""
    for name, gradient in list(record.gradients.items())[:1]:
        index: Index = (0,) * gradient.ndim
        row = LAYER_ROWS.get(type(node.layer))
        if row is not None and row.ids is not None:
            # The row that the worked sample takes, not the first one, which may never be met.
            index = (int(np.ravel(step.forward[node.path].input[sample])[0]), 0)
        left = f"∂L/∂{parameter_symbol(node.layer, name)}[{','.join(map(str, index))}]"
        value = float(gradient[index])
        if is_linear(node.layer):
            x = step.forward[node.path].input.reshape(-1, node.layer.inputs)[:, 0]
            dy = record.output_gradient.reshape(-1, node.layer.outputs)[:, 0]
            return [sum_of_products(left, x.astype(np.float64), dy.astype(np.float64), value)]
        if step.samples > MOST_SAMPLES:
            return [WorkedLine(left, (), value)]
        probe = Probe(step.backward, node.path)
        shares = np.array(
            [float(probe.parameter_of_sample(n, name)[index]) for n in range(step.samples)]
        )
        return [sum_of_numbers(left, shares[shares != 0], value)]
    return []
