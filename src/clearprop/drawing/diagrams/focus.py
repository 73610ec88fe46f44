"""One neuron of a chain, picked out: what comes into it, what it is, what it feeds, and what comes
back. The names are those of a single neuron: w₁ … wₙ in, the next numbers out, z′ and z″ behind."""

from dataclasses import dataclass
from typing import NamedTuple

from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.multilayer_perceptron import DenseLayer, dense_layers
from clearprop.drawing.diagrams.parts import say, symbol
from clearprop.engine.network import BackwardPass

# The most inputs, or successors, that are drawn one by one.
MOST_DRAWN = 4


class Incoming(NamedTuple):
    """One input of the neuron, with its weight."""

    name: str
    value: float
    weight_name: str
    weight: float


class Successor(NamedTuple):
    """One neuron that the picked one feeds: its z, the weight between, and its ∂C/∂z.

    others: whether anything else feeds it.
    """

    name: str
    z: float
    weight_name: str
    weight: float
    dz: float
    others: bool


@dataclass(frozen=True)
class Focus:
    """The picked neuron, at the address `neuron`. `activation` is None where a = z; `bias` is None
    where there is none."""

    neuron: str
    layer: int
    unit: int
    sample: int
    inputs: tuple[Incoming, ...]
    bias: float | None
    z: float
    a: float
    slope: float
    activation: str | None
    dz: float
    da: float
    successors: tuple[Successor, ...]

    def applied(self, argument: str) -> str:
        """The activation of `argument`, as it stands in a formula."""
        return argument if self.activation is None else f"{self.activation}({argument})"

    def said(self, language: str, key: str) -> str:
        """A message that says which neuron and which sample this is."""
        return say(language, key, sample=self.sample, neuron=self.neuron)


def focus(
    backward: BackwardPass, sample: int, layer: int, unit: int, *, hidden: bool = False
) -> Focus:
    """Pick neuron `unit` of Linear layer `layer`, both from 0; −1 is the last layer.

    Raises ConfigurationError as `dense_layers` does, for a layer or unit that does
    not exist, and where a hidden neuron is wanted and this one is not.
    """
    chain = dense_layers(backward, sample)
    if hidden and len(chain) == 1:
        raise ConfigurationError("drawing_no_hidden")
    last = len(chain) - (2 if hidden else 1)
    layer = len(chain) - 1 if layer == -1 else layer
    if not 0 <= layer <= last:
        raise ConfigurationError("drawing_index", name="layer", value=layer, last=last)
    dense = chain[layer]
    if not 0 <= unit < dense.outputs:
        last = dense.outputs - 1
        raise ConfigurationError("drawing_index", name="unit", value=unit, last=last)
    return Focus(
        neuron=f"{dense.path}[{unit}]",
        layer=layer,
        unit=unit,
        sample=sample,
        inputs=tuple(
            Incoming(symbol("x", i + 1), float(x), symbol("w", i + 1), float(dense.weight[i, unit]))
            for i, x in enumerate(dense.input)
        ),
        bias=None if dense.bias is None else float(dense.bias[unit]),
        z=float(dense.z[unit]),
        a=float(dense.a[unit]),
        slope=float(dense.slope[unit]),
        activation=dense.activation,
        dz=float(dense.dz[unit]),
        da=float(dense.da[unit]),
        successors=_successors(dense, chain[layer + 1], unit) if layer + 1 < len(chain) else (),
    )


def drawn(count: int) -> list[int | None]:
    """Which of `count` things are drawn: all, or the first few and the last; None is the gap."""
    if count <= MOST_DRAWN:
        return list(range(count))
    return [*range(MOST_DRAWN - 2), None, count - 1]


def _successors(dense: DenseLayer, after: DenseLayer, unit: int) -> tuple[Successor, ...]:
    return tuple(
        Successor(
            name=_successor_name(k, after.outputs),
            z=float(after.z[k]),
            weight_name=symbol("w", dense.inputs + k + 1),
            weight=float(after.weight[unit, k]),
            dz=float(after.dz[k]),
            others=after.inputs > 1 or after.bias is not None,
        )
        for k in range(after.outputs)
    )


def _successor_name(k: int, count: int) -> str:
    if count <= 2:
        return "*z*" + "′″"[k]
    return f"*z*′_[{k + 1}]"
