"""Every diagram of a step by its name: of the whole network, of a neuron, of a sample.

Those of the whole network, the neuron in reverse, `neuron`, `paths` and `sample` are drawn of any
network; `inside`, `unrolled`, `channels` and `kernel` of one that has such layers; the others are
the textbook's, of a chain of Linear layers.
"""

import difflib
from collections.abc import Sequence

import numpy as np

from clearprop.base.errors import ConfigurationError, UnknownNameError
from clearprop.drawing import DIAGRAMS, Scene
from clearprop.drawing.diagrams.neuron_diagrams import hidden_neuron, neuron_forward, output_cases
from clearprop.engine.addresses import Address, InnerAddress, neuron_address, number_address
from clearprop.engine.graph import INPUT
from clearprop.engine.nodes import is_activation, is_linear
from clearprop.engine.step import Step
from clearprop.reading.explanation.channels_picture import draw_channels
from clearprop.reading.explanation.explaining_neurons import explain_neuron
from clearprop.reading.explanation.explaining_samples import explain_sample
from clearprop.reading.explanation.inside_picture import draw_inside
from clearprop.reading.explanation.kernel_picture import draw_kernel
from clearprop.reading.explanation.neuron_explanation import NeuronExplanation
from clearprop.reading.explanation.unrolled_picture import draw_unrolled

WHOLE = ("network_forward", "forward_factors", "network_backward")
TEXTBOOK = {
    "neuron_forward": neuron_forward,
    "hidden_neuron": hidden_neuron,
    "output_cases": output_cases,
}
OF_A_NEURON = {
    "neuron": NeuronExplanation.picture,
    "reversed_neuron": NeuronExplanation.reversed_picture,
    "paths": NeuronExplanation.paths_picture,
}
INSIDE = {"inside": draw_inside, "channels": draw_channels}
# Those of what only some layers have.
OF_SOME_LAYERS = ("inside", "unrolled", "channels", "kernel")
KINDS = (*WHOLE, "neuron", "reversed_neuron", "paths", "sample", *OF_SOME_LAYERS, *TEXTBOOK)

# How deep the paths are followed: to the loss, in any network that can be looked at.
PATHS_DEPTH = 4


def draw(
    step: Step,
    kind: str | None = None,
    *,
    sample: int | None = None,
    neuron: str | None = None,
    weight: str | None = None,
    units: Sequence[int] = (),
    times: tuple[int | None, int | None] | None = None,
    language: str = "en",
) -> Scene:
    """One diagram of a step.

    kind    one of KINDS; without it `neuron` where one is named, `inside` where the name is that of
            a number inside a layer, `kernel` where a weight is named, `unrolled` where units or
            times are, otherwise `network_backward`
    sample  the first unless told otherwise; of a kernel that with its largest share
    weight  `layers[3].weight[2,1,0,2]`, for the diagram of a kernel
    neuron  `layers[0][3]`; for a diagram of one neuron, that of the first layer with the largest
            |∂C/∂z| unless told otherwise
    units   of the diagram `unrolled`: which ones, counted from 0; all of them as matrices unless
            told, or an address says which
    times   of the same: the first, and the one behind the last; all of them unless told

    Raises UnknownNameError for a kind or a neuron that does not exist, with the nearest;
    ConfigurationError for a sample that does not exist and for a neuron handed to a diagram that
    is of none; and what the diagram raises.
    """
    through_time = bool(units) or times is not None
    kind = known_kind(kind or ("unrolled" if through_time else _kind_of(step, neuron, weight)))
    if through_time and kind != "unrolled":
        raise ConfigurationError("diagram_of_no_time", kind=kind)
    if weight is not None and kind != "kernel":
        raise ConfigurationError("diagram_of_no_weight", kind=kind)
    if kind == "kernel":
        if neuron is not None:
            raise ConfigurationError("diagram_of_a_weight")
        own = None if sample is None else step.check_sample(sample)
        return draw_kernel(step, weight, sample=own, language=language)
    sample = step.check_sample(0 if sample is None else sample)
    if kind in WHOLE or kind == "sample":
        if neuron is not None:
            raise ConfigurationError("diagram_of_no_neuron", kind=kind)
        if kind == "sample":
            return explain_sample(step, sample).picture(language)
        return DIAGRAMS[kind](step.backward, sample=sample, language=language)
    if kind == "unrolled":
        return draw_unrolled(
            step, neuron, sample=sample, units=units, times=times, language=language
        )
    if kind in INSIDE:
        return INSIDE[kind](step, neuron, sample=sample, language=language)
    address = largest_neuron(step, sample) if neuron is None else neuron
    if kind in TEXTBOOK:
        layer, unit = _linear_unit(step, kind, address)
        return TEXTBOOK[kind](
            step.backward, sample=sample, layer=layer, unit=unit, language=language
        )
    depth = PATHS_DEPTH if kind == "paths" else 1
    return OF_A_NEURON[kind](explain_neuron(step, address, sample=sample, depth=depth), language)


def _kind_of(step: Step, neuron: str | None, weight: str | None) -> str:
    if weight is not None:
        return "kernel"
    if neuron is None:
        return "network_backward"
    return "inside" if isinstance(number_address(step, neuron), InnerAddress) else "neuron"


def known_kind(name: str) -> str:
    """`name` itself; a hyphen may stand for an underscore. Raises UnknownNameError."""
    kind = name.strip().replace("-", "_")
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=3, cutoff=0.4) or KINDS[:3]
        raise UnknownNameError(
            "diagram_unknown", kind=name, nearest=", ".join(near), known=", ".join(KINDS)
        )
    return kind


def largest_neuron(step: Step, sample: int) -> str:
    """The neuron of the first layer, or where there is none of the input, with the largest |∂C/∂z|
    for one sample."""
    wire = next(iter(step.forward.network.graph.nodes), INPUT)
    signals = np.abs(step.signals(wire)[sample])
    index = np.unravel_index(int(np.argmax(signals)), signals.shape)
    return str(Address(wire, tuple(int(i) for i in index)))


def _linear_unit(step: Step, kind: str, address: str) -> tuple[int, int]:
    """Which Linear layer, counted from 0, and which of its neurons an address names."""
    place = neuron_address(step, address)
    graph = step.forward.network.graph
    node = graph.nodes.get(graph.wire(place.path))
    if node is not None and is_activation(node.layer):
        node = graph.nodes.get(node.source)
    linears = [path for path, one in graph.nodes.items() if is_linear(one.layer)]
    if node is None or node.path not in linears:
        raise ConfigurationError("diagram_not_linear", kind=kind, neuron=address)
    layer = linears.index(node.path)
    if kind != "neuron_forward" and len(linears) > 1 and layer == len(linears) - 1:
        raise ConfigurationError("diagram_not_hidden", kind=kind, neuron=address)
    return layer, place.index[0]
