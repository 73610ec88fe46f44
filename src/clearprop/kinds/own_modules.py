"""Twins in PyTorch of layers that PyTorch has no module for."""

from typing import Any

from clearprop.engine.layers.layer import Layer


def own_module(nn: Any, layer: Layer, compute: Any, **parameters: Any) -> Any:
    """A module that PyTorch has not, with these parameters; it says which layer it is."""
    made = type(type(layer).__name__, (nn.Module,), {"forward": compute, "layer": layer})()
    for name, value in parameters.items():
        made.register_parameter(name, nn.Parameter(value))
    return made
