"""What the diagrams read of a pass: one sample's way through a chain of Linear layers, each with
an activation or none.

Nothing is computed anew that a record holds; a'(z) is asked of the activation, and one sample's
∂C/∂w = input · ∂C/∂z is the product that the record sums over all samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.stations import check_sample
from clearprop.engine.combinators import Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Combinator, Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass

MOST_LAYERS = 6
MOST_NEURONS = 10

# A longer name of somebody's own activation is cut; it has to fit over a column.
LONGEST_NAME = 18


@dataclass(frozen=True, eq=False)
class Stage:
    """A Linear layer and the activation behind it, for one sample: every array is one row.

    layer       the number of the Linear layer, from 1
    path        where it is: `layers[0]`
    input       what the layer takes: x, or the a of the stage before
    weight      (in, out)
    bias        (out,), or None
    z, a        (out,); the same where there is no activation
    slope       a'(z), (out,)
    activation  its name as it is written in formulas; None where there is none
    dz, da      ∂C/∂z and ∂C/∂a, (out,)
    """

    layer: int
    path: str
    input: Array
    weight: Array
    bias: Array | None
    z: Array
    a: Array
    slope: Array
    activation: str | None
    dz: Array
    da: Array

    @property
    def weight_gradient(self) -> Array:
        """∂C/∂w of this sample's cost alone, (in, out)."""
        return np.outer(self.input, self.dz)

    @property
    def inputs(self) -> int:
        """How many numbers come in."""
        return len(self.input)

    @property
    def outputs(self) -> int:
        """How many neurons the layer has."""
        return len(self.z)


def stages(backward: BackwardPass, sample: int) -> tuple[Stage, ...]:
    """The stages of one sample's pass, in the order in which they ran.

    Raises ConfigurationError for a network that is no chain of Linear layers and activations, a
    stack of networks, a sample that does not exist, and a pass without records.
    """
    check_sample(backward, sample)
    forward = backward.forward
    groups = _groups(forward.network.layer)
    found = []
    forwards, backwards = iter(forward.records), iter(backward.records)
    for index, (linear, activation) in enumerate(groups):
        ahead, back = next(forwards), next(backwards)
        parameters = {
            name: forward.network.layout.view(forward.params, join_path(ahead.path, name))
            for name in linear.parameters()
        }
        z = a = ahead.output[sample]
        dz = da = back.output_gradient[sample]
        slope = np.ones_like(z)
        if activation is not None:
            bent, signal = next(forwards), next(backwards)
            a, da = bent.output[sample], signal.output_gradient[sample]
            slope = activation.derivative(bent.input, bent.output)[sample].astype(z.dtype)
        found.append(
            Stage(
                index + 1,
                ahead.path,
                ahead.input[sample],
                parameters["weight"],
                parameters["bias"][0] if "bias" in parameters else None,
                z,
                a,
                slope,
                None if activation is None else _function_name(activation),
                dz,
                da,
            )
        )
    return tuple(found)


def is_small_chain(layer: Layer) -> bool:
    """Whether a network is a chain of Linear layers and activations, and so small that its neurons
    are drawn one by one."""
    try:
        groups = _groups(layer)
    except ConfigurationError:
        return False
    widths = [groups[0][0].inputs, *(linear.outputs for linear, _ in groups)]
    return len(groups) <= MOST_LAYERS and max(widths) <= MOST_NEURONS


def _groups(layer: Layer) -> list[tuple[Linear, Activation | None]]:
    groups: list[tuple[Linear, Activation | None]] = []
    for leaf in _leaves(layer):
        if isinstance(leaf, Linear):
            groups.append((leaf, None))
        elif isinstance(leaf, Activation) and groups and groups[-1][1] is None:
            groups[-1] = (groups[-1][0], leaf)
        else:
            raise _no_chain(leaf)
    return groups


def _leaves(layer: Layer) -> Iterator[Layer]:
    if isinstance(layer, Sequential):
        for child in layer.layers:
            yield from _leaves(child)
    elif isinstance(layer, Combinator):
        raise _no_chain(layer)
    else:
        yield layer


def _no_chain(layer: Layer) -> ConfigurationError:
    return ConfigurationError("drawing_no_chain", layer=type(layer).__name__)


def _function_name(activation: Activation) -> str:
    name = type(activation).__name__
    known = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Identity": "identity"}
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    return known.get(name, name)
