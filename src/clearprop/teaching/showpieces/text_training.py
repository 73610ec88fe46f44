"""What the trainings on a text have in common: their result, and how far PyTorch is from it."""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.network import Network
from clearprop.engine.step import Step
from clearprop.teaching.showpieces.gpt_network import Letters

# Two engines in float64 differ by rounding alone; so far may they be apart, relative to the
# largest of what is compared.
CLOSE = 1e-10
# A share of the text, its end, is not trained on.
HELD_OUT = 0.1
# So many letters are written.
WRITTEN = 400


@dataclass(frozen=True)
class TorchAgreement:
    """How far the two are apart after so many steps in float64: the losses and the parameters,
    each relative to the largest."""

    steps: int
    losses: float
    params: float

    @property
    def agrees(self) -> bool:
        """Whether both are within the tolerance."""
        return max(self.losses, self.params) <= CLOSE


@dataclass(frozen=True, eq=False, kw_only=True)
class TextResult:
    """What was trained and found.

    losses    of every step, from before its update
    held_out  (step, loss) of the text that was not trained on
    written   before and after: what the network writes behind `prompt`
    step      one step with the trained network, for explanations
    torch     the comparison; None where PyTorch is left out or missing
    """

    network: Network
    letters: Letters
    params: Array
    losses: Array
    held_out: tuple[tuple[int, float], ...]
    prompt: str
    written: tuple[str, str]
    seconds: float
    step: Step
    torch: TorchAgreement | None


def agreement(losses: Array, own: Array, other: Array) -> TorchAgreement:
    """Of the losses (steps, 2) of both, and of their parameters after these steps, (P,) each."""
    return TorchAgreement(
        len(losses),
        float(np.abs(losses[:, 0] - losses[:, 1]).max() / losses.max()),
        float(np.abs(own - other).max() / np.abs(own).max()),
    )
