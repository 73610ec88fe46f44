"""The table of the diagrams: name → function, in the order in which they are explained."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

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
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.network import BackwardPass


class Diagram(Protocol):
    """A picture of one sample of a pass. Raises ConfigurationError for what cannot be drawn."""

    def __call__(
        self, backward: BackwardPass, *, sample: int = 0, language: str = "en"
    ) -> Scene: ...


DIAGRAMS: Mapping[str, Diagram] = MappingProxyType(
    {
        "neuron_forward": neuron_forward,
        "network_forward": network_forward,
        "forward_factors": forward_factors,
        "hidden_neuron": hidden_neuron,
        "reversed_neuron": reversed_neuron,
        "output_cases": output_cases,
        "network_backward": network_backward,
    }
)
