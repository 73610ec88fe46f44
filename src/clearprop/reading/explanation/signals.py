"""∂C/∂v of one number v, taken apart: the recursion of the backward pass, with its numbers.

    ∂C/∂z = a'(z) · Σ_k w_k · ∂C/∂z_k        case 2: any neuron but an output
    ∂C/∂z = ∂y/∂z · ∂C/∂y                    case 1: an output neuron; the loss gives ∂C/∂y

Every line adds up: value = slope · (Σ terms + rest), up to the rounding of the sum.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slope:
    """The slope of an activation: `layer` is its path, `name` its class, `value` = a'(z)."""

    layer: str
    name: str
    z: float
    a: float
    value: float


@dataclass(frozen=True)
class LossDerivative:
    """∂C/∂y at one output y: what the loss itself says. `target` is None where the target is not
    one number for each output."""

    loss: str
    output: float
    target: float | None
    value: float


@dataclass(frozen=True)
class Rest:
    """What is not listed one by one: how many, their sum, and the sum of their sizes Σ|·|.

    Where a layer was asked about them all at once, the size is that of the sum.
    """

    count: int
    value: float
    size: float

    def __add__(self, other: "Rest") -> "Rest":
        return Rest(self.count + other.count, self.value + other.value, self.size + other.size)


NOTHING = Rest(0, 0.0, 0.0)


@dataclass(frozen=True)
class Term:
    """One way by which a number reaches the loss: value = factor · signal.value.

    kind    weight   through a weight of a Linear layer, whose address is `via`; factor = w_k
            slope    through the activation `via`; factor = a'(z)
            skip     straight through the sum of the Residual `via`; factor = 1
            output   through one output of the layer `via`; factor = ∂(output)/∂v, from the
                     layer's own backward
            samples  through the outputs of other samples, which the layer `via` mixes with this
                     one; no single signal, and factor = 1
    share   |value| / Σ|terms|
    """

    kind: str
    via: str
    factor: float
    value: float
    share: float
    signal: "Signal | None"


@dataclass(frozen=True)
class Signal:
    """∂C/∂v of one number of one sample, where v is at `place`.

    value    as the backward pass recorded it
    opened   False where the caller's depth ends; then nothing below is filled in
    slope    the activation that v alone goes into; None where it goes on as it is
    inner    what the slope multiplies: Σ terms + rest, or the loss's derivative
    loss     case 1: what the loss says; None in case 2
    terms    case 2: the largest terms, largest first
    rest     case 2: all other terms
    size     Σ|terms|, the rest's included, times |slope|
    """

    place: str
    sample: int
    value: float
    opened: bool = False
    slope: Slope | None = None
    inner: float | None = None
    loss: LossDerivative | None = None
    terms: tuple[Term, ...] = ()
    rest: Rest = NOTHING
    size: float = 0.0

    @property
    def case(self) -> int | None:
        """1 for an output neuron, 2 for any other, None where the signal is not opened."""
        if not self.opened:
            return None
        return 1 if self.loss is not None else 2
