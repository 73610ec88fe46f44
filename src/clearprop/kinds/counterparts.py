"""What a kind is called elsewhere: PyTorch's module, ONNX's operator, the arrays of Keras and Flax.

Packages of others are handed to these functions as arguments, so that nothing here imports them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from clearprop.engine.layers.layer import Layer


def _never(*_: object) -> bool:
    return False


class TorchTwin(NamedTuple):
    """A layer's twin in PyTorch.

    module      from `torch.nn` and the layer to the module that computes the same
    reads       the modules that such a layer computes the same as, by their classes' names in
                `torch.nn`: from the module to the layer, None for settings that it has not
    transposed  the parameters that torch keeps transposed, by the layer's names
    tables      those that torch keeps with both axes; of every other one (1, D) it has a vector
    leading     those (1, D) that torch keeps as (1, 1, D)
    renamed     what torch calls an array of the layer's state, where that is not its own name
    differs     from the layer, the number of x's axes and the mode: whether the twin computes
                something else there
    """

    module: Callable[[Any, Any], Any]
    reads: Mapping[str, Callable[[Any], Layer | None]] = {}
    transposed: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = {}
    differs: Callable[[Any, int, bool], bool] = _never


class OnnxAttribute(NamedTuple):
    """An attribute of an ONNX operator, and what it is where it is left out."""

    name: str
    default: Any


class OnnxOperator(NamedTuple):
    """The ONNX operator that computes the same, and its attributes by our settings' names.

    A setting that is not there has no attribute of the same value: it is one of the operator's
    inputs, or is counted otherwise. `since` is the operator set that has it.
    """

    name: str
    attributes: Mapping[str, OnnxAttribute] = {}
    since: int = 1

    def settings(self, attribute: Callable[[str, Any], Any]) -> dict[str, Any]:
        """Our settings, given a function from an attribute's name and default to its value."""
        return {ours: attribute(*theirs) for ours, theirs in self.attributes.items()}


class ArrayNames(NamedTuple):
    """A layer's arrays in a library that keeps them by name, as Keras and Flax do.

    kind        what its class is called there
    parameters  what its parameters are called, by our names
    state       likewise its running statistics
    """

    kind: str
    parameters: Mapping[str, str]
    state: Mapping[str, str] = {}
