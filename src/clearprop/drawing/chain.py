"""What the diagrams read of a pass: one sample's way through a chain of Linear layers, each with
an activation or none.

Nothing is computed anew that a record holds; a'(z) is asked of the activation, and one sample's
∂C/∂w = input · ∂C/∂z is the product that the record sums over all samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clearprop.arrays import Array
from clearprop.errors import ConfigurationError
from clearprop.layers.activations import Activation
from clearprop.layers.combinators import Sequential
from clearprop.layers.contract import Combinator, Layer
from clearprop.layers.linear import Linear
from clearprop.parameters import join
from clearprop.passes import BackwardPass

MOST_LAYERS = 6
MOST_NEURONS = 10

# A longer name of somebody's own activation is cut; it has to fit over a column.
LONGEST_NAME = 18


@dataclass(frozen=True, eq=False)
class Stage:
    """A Linear layer and the activation behind it, for one sample: every array is one row.

    layer       the number of the Linear layer, from 1
    input       what the layer takes: x, or the a of the stage before
    weight      (in, out)
    bias        (out,), or None
    z, a        (out,); the same where there is no activation
    slope       a'(z), (out,)
    activation  its name as it is written in formulas; None where there is none
    dz, da      ∂C/∂z and ∂C/∂a, (out,)
    """

    layer: int
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
    stack of networks, a network too large to draw, a sample that does not exist, and a pass
    without records.
    """
    forward = backward.forward
    if forward.params.ndim != 1 or forward.params.dtype.kind == "c":
        raise ConfigurationError("drawing_stacked")
    samples = forward.input.shape[0]
    if not 0 <= sample < samples:
        raise ConfigurationError("drawing_sample", sample=sample, samples=samples)
    groups = _groups(forward.network.layer)
    widths = [groups[0][0].inputs, *(linear.outputs for linear, _ in groups)]
    if len(groups) > MOST_LAYERS or max(widths) > MOST_NEURONS:
        raise ConfigurationError(
            "drawing_too_large",
            layers=MOST_LAYERS,
            neurons=MOST_NEURONS,
            came="-".join(map(str, widths)),
        )
    found = []
    forwards, backwards = iter(forward.records), iter(backward.records)
    for index, (linear, activation) in enumerate(groups):
        ahead, back = next(forwards), next(backwards)
        parameters = {
            name: forward.network.layout.view(forward.params, join(ahead.path, name))
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
