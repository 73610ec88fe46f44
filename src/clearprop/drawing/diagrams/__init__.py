"""A network and its numbers as a picture: the whole of it, or one neuron."""

from clearprop.drawing.diagrams.cost_diagram import sample_cost
from clearprop.drawing.diagrams.diagram_catalogue import DIAGRAMS, Diagram
from clearprop.drawing.diagrams.network_diagrams import (
    forward_factors,
    network_backward,
    network_forward,
)
from clearprop.drawing.diagrams.neuron_diagrams import (
    hidden_neuron,
    neuron_forward,
    output_cases,
    reversed_neuron,
)

__all__ = [
    "DIAGRAMS",
    "Diagram",
    "forward_factors",
    "hidden_neuron",
    "network_backward",
    "network_forward",
    "neuron_forward",
    "output_cases",
    "reversed_neuron",
    "sample_cost",
]
