"""One neuron for one sample, worked out: what it takes, what it makes of it, what comes back."""

import numpy as np

from clearprop.base.arrays import Array, Index, require_count
from clearprop.engine.addresses import Address, every_sample, neuron_address
from clearprop.engine.graph import INPUT
from clearprop.engine.nodes import is_activation, is_linear, terms_behind
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.neuron_explanation import NeuronExplanation, NeuronInput
from clearprop.reading.explanation.tracing import DEPTH, MOST, Tracer
from clearprop.reading.largest_terms import NOTHING, Rest, largest_first, rest_of, share_of


def explain_neuron(
    step: Step, address: str, *, sample: int | None = None, depth: int = DEPTH, most: int = MOST
) -> NeuronExplanation:
    """What one neuron takes, makes and gets back, for one sample.

    address  `layers[0][3]`: an entry of what a layer puts out
    sample   the one with the largest |∂C/∂z| unless told otherwise
    depth    how many lines deep its signal is taken apart, at least 1
    most     how many inputs, and how many terms of a line, are listed one by one

    Raises UnknownNameError, ShapeError or ConfigurationError for what is not there, DtypeError for
    an input of integers.
    """
    tracer = Tracer(step, require_count("most", most))
    require_count("depth", depth)
    place = neuron_address(step, address)
    graph = step.forward.network.graph
    wire = graph.wire(place.path)
    node = graph.nodes.get(wire)
    if node is not None and is_activation(node.layer):
        wire = node.source
    gradients = step.signals(wire)
    if sample is None:
        sample = int(np.argmax(np.abs(gradients[every_sample(place.index)])))
    sample = step.check_sample(sample)
    bias, inputs, rest, adds_up = _inputs(tracer, wire, sample, place.index)
    return NeuronExplanation(
        address=str(Address(wire, place.index)),
        sample=sample,
        samples=step.samples,
        z=float(step.forward.value(wire)[sample][place.index]),
        bias=bias,
        inputs=inputs,
        rest=rest,
        adds_up=adds_up,
        signal=tracer.signal(wire, sample, place.index, depth),
        silent=tracer.silent(wire, place.index),
    )


def _inputs(
    tracer: Tracer, wire: str, sample: int, index: Index
) -> tuple[float | None, tuple[NeuronInput, ...], Rest, bool]:
    """The bias, the largest inputs and the rest of them, and whether they add up to z."""
    step = tracer.step
    graph, forward = step.forward.network.graph, step.forward
    if wire == INPUT:
        return None, (), NOTHING, False
    if wire in graph.joins:
        terms = terms_behind(graph.joins[wire], forward, index)
        x = np.array([float(forward.value(one.path)[sample][one.index]) for one in terms])
        return None, *_chosen(tracer, list(map(str, terms)), np.ones(len(terms)), x), True
    node = graph.nodes[wire]
    if step.backward.gradient_at(node.source) is None:
        return None, (), NOTHING, False
    values = forward.value(node.source)[sample].astype(np.float64)
    sources = [str(Address(node.source, place)) for place in np.ndindex(values.shape)]
    if is_linear(node.layer) and len(index) == 1:
        params = forward[node.path].params
        bias = float(params["bias"][0, index[0]]) if node.layer.bias else None
        weights = params["weight"][:, index[0]].astype(np.float64)
        return bias, *_chosen(tracer, sources, weights, values), True
    probe = tracer.probe(node.path)
    position = int(np.ravel_multi_index(index, probe.dy.shape[1:]))
    slopes = probe.slopes(sample, position).astype(np.float64).reshape(-1)
    # What has no influence is no input: a kernel takes what lies under it.
    touched = np.flatnonzero(slopes)
    taken = [sources[i] for i in touched]
    row = LAYER_ROWS.get(type(node.layer))
    is_sum = row is not None and row.weighted
    own = forward[node.path].params.get("bias") if is_sum else None
    bias = None if own is None else float(own[0, index[0]])
    return bias, *_chosen(tracer, taken, slopes[touched], values.reshape(-1)[touched]), is_sum


def _chosen(
    tracer: Tracer, sources: list[str], factors: Array, x: Array
) -> tuple[tuple[NeuronInput, ...], Rest]:
    values = factors * x
    size = float(np.abs(values).sum())
    chosen, others = largest_first(values, tracer.most)
    inputs = tuple(
        NeuronInput(
            source=sources[i],
            factor=float(factors[i]),
            x=float(x[i]),
            value=float(values[i]),
            share=share_of(float(values[i]), size),
        )
        for i in chosen
    )
    return inputs, rest_of(values[others])
