"""What the diagrams read of a pass: one sample's way through a chain of Linear layers, each with
an activation or none.

Nothing is computed anew that a record holds; a'(z) is asked of the activation, and one sample's
∂C/∂w = input · ∂C/∂z is the product that the record sums over all samples.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.stations import check_sample
from clearprop.engine.graph import Graph
from clearprop.engine.joining import Join
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass

MOST_LAYERS = 6
MOST_NEURONS = 10

# A longer name of somebody's own activation is cut; it has to fit over a column.
LONGEST_NAME = 18


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A Linear layer and the activation behind it, for one sample: every array is one row.

    layer       the number of the Linear layer, from 1
    path        where it is: `layers[0]`
    input       what the layer takes: x, or the a of the layer before
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


def dense_layers(backward: BackwardPass, sample: int) -> tuple[DenseLayer, ...]:
    """The dense layers of one sample's pass, in the order in which they ran.

    Raises ConfigurationError for a network that is no chain of Linear layers and activations, a
    stack of networks, a sample that does not exist, and a pass without records.
    """
    check_sample(backward, sample)
    forward = backward.forward
    found: list[DenseLayer] = []
    for pair in _pairs(forward.network.graph):
        ahead, back = forward[pair.path], backward[pair.path]
        z = a = ahead.output[sample]
        dz = da = back.output_gradient[sample]
        slope = np.ones_like(z)
        name = None
        if pair.bent is not None:
            path, activation = pair.bent
            bent = forward[path]
            a, da = bent.output[sample], backward[path].output_gradient[sample]
            slope = activation.derivative(bent.input, bent.output)[sample].astype(z.dtype)
            name = _function_name(activation)
        found.append(
            DenseLayer(
                layer=len(found) + 1,
                path=pair.path,
                input=ahead.input[sample],
                weight=ahead.params["weight"],
                bias=ahead.params["bias"][0] if "bias" in ahead.params else None,
                z=z,
                a=a,
                slope=slope,
                activation=name,
                dz=dz,
                da=da,
            )
        )
    return tuple(found)


def is_small_perceptron(graph: Graph) -> bool:
    """Whether a network is a chain of Linear layers and activations, and so small that its neurons
    are drawn one by one."""
    try:
        linears = [pair.linear for pair in _pairs(graph)]
    except ConfigurationError:
        return False
    widths = [linears[0].inputs, *(linear.outputs for linear in linears)]
    return len(linears) <= MOST_LAYERS and max(widths) <= MOST_NEURONS


class _DensePair(NamedTuple):
    """A Linear layer, where it is, and the activation behind it with its path."""

    path: str
    linear: Linear
    bent: tuple[str, Activation] | None = None


def _pairs(graph: Graph) -> list[_DensePair]:
    """The chain taken apart. Raises ConfigurationError, with what is in the way, for no chain."""
    pairs: list[_DensePair] = []
    joining = {graph.combinator_of(path) for path in graph.joins}
    for step in graph.steps:
        around = [group for group in joining if step in graph.inside(group.path)]
        if around or isinstance(step, Join):
            raise _no_chain(min(around, key=lambda group: len(group.path)).layer)
        if isinstance(step.layer, Linear):
            pairs.append(_DensePair(step.path, step.layer))
        elif isinstance(step.layer, Activation) and pairs and pairs[-1].bent is None:
            pairs[-1] = pairs[-1]._replace(bent=(step.path, step.layer))
        else:
            raise _no_chain(step.layer)
    if not pairs:
        raise _no_chain(graph.groups[""].layer)
    return pairs


def _no_chain(layer: Layer) -> ConfigurationError:
    return ConfigurationError("drawing_no_chain", layer=type(layer).__name__)


def _function_name(activation: Activation) -> str:
    name = type(activation).__name__
    known = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Identity": "identity"}
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    return known.get(name, name)
