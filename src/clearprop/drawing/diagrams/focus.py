"""One neuron of a chain, picked out: what comes into it, what it is, what it feeds, and what comes
back. The names are those of a single neuron: w₁ … wₙ in, the next numbers out, z′ and z″ behind."""

from dataclasses import dataclass
from typing import NamedTuple

from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.chain import Stage, stages
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
    """The picked neuron. `activation` is None where a = z; `bias` is None where there is none."""

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
        return say(language, key, sample=self.sample, layer=self.layer + 1, unit=self.unit + 1)


def focus(
    backward: BackwardPass, sample: int, layer: int, unit: int, *, hidden: bool = False
) -> Focus:
    """Pick neuron `unit` of Linear layer `layer`, both from 0; −1 is the last layer.

    Raises ConfigurationError as `chain.stages` does, for a layer or unit that does not exist, and
    where a hidden neuron is wanted and this one is not.
    """
    chain = stages(backward, sample)
    if hidden and len(chain) == 1:
        raise ConfigurationError("drawing_no_hidden")
    last = len(chain) - (2 if hidden else 1)
    layer = len(chain) - 1 if layer == -1 else layer
    if not 0 <= layer <= last:
        raise ConfigurationError("drawing_index", name="layer", value=layer, last=last)
    stage = chain[layer]
    if not 0 <= unit < stage.outputs:
        last = stage.outputs - 1
        raise ConfigurationError("drawing_index", name="unit", value=unit, last=last)
    return Focus(
        layer,
        unit,
        sample,
        tuple(
            Incoming(symbol("x", i + 1), float(x), symbol("w", i + 1), float(stage.weight[i, unit]))
            for i, x in enumerate(stage.input)
        ),
        None if stage.bias is None else float(stage.bias[unit]),
        float(stage.z[unit]),
        float(stage.a[unit]),
        float(stage.slope[unit]),
        stage.activation,
        float(stage.dz[unit]),
        float(stage.da[unit]),
        _successors(stage, chain[layer + 1], unit) if layer + 1 < len(chain) else (),
    )


def drawn(count: int) -> list[int | None]:
    """Which of `count` things are drawn: all, or the first few and the last; None is the gap."""
    if count <= MOST_DRAWN:
        return list(range(count))
    return [*range(MOST_DRAWN - 2), None, count - 1]


def _successors(stage: Stage, after: Stage, unit: int) -> tuple[Successor, ...]:
    return tuple(
        Successor(
            _successor_name(k, after.outputs),
            float(after.z[k]),
            symbol("w", stage.inputs + k + 1),
            float(after.weight[unit, k]),
            float(after.dz[k]),
            after.inputs > 1 or after.bias is not None,
        )
        for k in range(after.outputs)
    )


def _successor_name(k: int, count: int) -> str:
    if count <= 2:
        return "*z*" + "′″"[k]
    return f"*z*′_[{k + 1}]"
