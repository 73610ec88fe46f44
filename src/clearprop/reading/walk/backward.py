"""The stages of the backward pass: what comes to every layer, what goes on and what its parameters
get, with one entry of each worked out."""

import numpy as np

from clearprop.engine.addresses import Index
from clearprop.engine.graph import join_path
from clearprop.engine.network import BackwardRecord
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.engine.wires import Node, Sum, is_activation, is_linear
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.probing import MOST_PROBES, Probe
from clearprop.reading.explanation.signals import Rest
from clearprop.reading.explanation.tracing import rest_of
from clearprop.reading.walk.arithmetic import label, sum_of_numbers, sum_of_products
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.forward import parameter_symbol, runs_constant, symbols
from clearprop.reading.walk.stages import NamedArray, Stage, Worked

# The gradient of a parameter of a layer that is not Linear is asked for sample by sample; of more
# samples than these, it stands there without its summands.
MOST_SAMPLES = 256


def layer_stage(step: Step, node: Node, sample: int) -> Stage:
    """One layer's backward."""
    record = step.backward[node.path]
    taken, made = symbols(node.layer)
    arrays = [NamedArray(f"∂C/∂{made}", node.path, "samples", record.output_gradient)]
    if record.input_gradient is not None:
        arrays.append(NamedArray(f"∂C/∂{taken}", node.source, "samples", record.input_gradient))
    arrays += [
        NamedArray(
            f"∂L/∂{parameter_symbol(node.layer, name)}",
            join_path(node.path, name),
            "whole",
            gradient,
        )
        for name, gradient in record.gradients.items()
    ]
    constant = runs_constant(step.forward[node.path])
    equations = of_layer(node.layer, constant=constant).backward
    worked = [*_signal(step, node, record, sample), *_gradients(step, node, record, sample)]
    return Stage(
        "backward", node.path, repr_short(node.layer), equations, tuple(worked), tuple(arrays)
    )


def split_stage(step: Step, one: Sum, sample: int) -> Stage:
    """A Residual's sum hands what comes to it to both of its terms."""
    signals = step.wiring.gradients(one.path)
    index = (0,) * (signals.ndim - 1)
    value = float(signals[sample][index])
    left = f"{label('∂C/∂f', sample, index)} = {label('∂C/∂x', sample, index)}"
    return Stage(
        "split",
        one.path,
        "Residual",
        ("∂C/∂f = ∂C/∂y,  ∂C/∂x = ∂C/∂y on the way past f",),
        (Worked(left, (), value),),
        (NamedArray("∂C/∂y", one.path, "samples", signals),),
    )


def join_stage(step: Step, one: Sum, sample: int) -> Stage:
    """Where a Residual's two ways part forward, what comes back through both is added."""
    record = step.backward[one.path]
    past, total = record.output_gradient, record.input_gradient
    # A Residual refuses a branch through which nothing goes back.
    total = np.zeros(past.shape) if total is None else total
    through = np.asarray(total - past)
    index = (0,) * (past.ndim - 1)
    entries = [float(one_way[sample][index]) for one_way in (past, through)]
    value = float(total[sample][index])
    worked = sum_of_numbers(label("∂C/∂x", sample, index), np.array(entries), value)
    return Stage(
        "join",
        one.path,
        "Residual",
        ("∂C/∂x = ∂C/∂y + ∂C/∂x through f",),
        (worked,),
        (
            NamedArray("∂C/∂y", one.path, "samples", past),
            NamedArray("∂C/∂x", one.terms[0], "samples", total),
        ),
    )


def _signal(step: Step, node: Node, record: BackwardRecord, sample: int) -> list[Worked]:
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
        weights = node.tree["weight"][index[-1]].astype(np.float64)
        return [sum_of_products(left, weights, dy[sample][index[:-1]].astype(np.float64), value)]
    probe = Probe(step.wiring, node)
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
    return [Worked(left, worked.right, value, rest)]


def _gradients(step: Step, node: Node, record: BackwardRecord, sample: int) -> list[Worked]:
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
            return [Worked(left, (), value)]
        probe = Probe(step.wiring, node)
        path = join_path(node.path, name)
        shares = np.array(
            [float(probe.parameter_of_sample(n, path)[index]) for n in range(step.samples)]
        )
        return [sum_of_numbers(left, shares[shares != 0], value)]
    return []
