"""What the loss says of one entry of one sample: its equation with the numbers, line by line, what
the sample should be, and what the sum over all samples is divided by.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Index
from clearprop.base.numbers import brief
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LOSS_ROWS
from clearprop.kinds.row import LossEntry
from clearprop.reading.worked_lines import WorkedLine, label, worked_line

say = messages.within("loss")


class DividedBy(StrEnum):
    """What S is, by which a loss divides the sum of its entries.

    NOTHING  the loss is a sum, and S is 1
    SAMPLES  one entry a sample, and S is how many samples there are
    ENTRIES  one entry an output, and S is how many samples times how many outputs
    WEIGHTS  something else, such as the sum of the weights of the samples' classes
    """

    NOTHING = "nothing"
    SAMPLES = "samples"
    ENTRIES = "entries"
    WEIGHTS = "weights"


@dataclass(frozen=True)
class Divisor:
    """S in L = Σ ℓ / S and ∂C/∂y = ∂ℓ/∂y / S."""

    kind: DividedBy
    value: float
    samples: int

    def sentence(self, language: str) -> str:
        """What S is, and how large."""
        outputs = self.value / self.samples
        numbers = {"value": brief(self.value), "samples": self.samples, "outputs": brief(outputs)}
        return say(language, f"divisor.{self.kind}", **numbers)


def divisor_of(step: Step) -> Divisor:
    """What the loss of a step divides by."""
    value, samples = float(step.result.weight), step.samples
    if step.loss.reduction != "mean":
        kind = DividedBy.NOTHING
    elif value == samples:
        kind = DividedBy.SAMPLES
    elif value == step.forward.output.size:
        kind = DividedBy.ENTRIES
    else:
        kind = DividedBy.WEIGHTS
    return Divisor(kind, value, samples)


@dataclass(frozen=True)
class WantedClass:
    """The class that a sample should be, and the one that the network finds likeliest.

    counted  False where the loss leaves samples of this class out
    """

    sample: int
    number: int
    name: str
    likeliest: int
    likeliest_name: str
    counted: bool

    def sentence(self, language: str) -> str:
        """Both, by their names where they have some."""
        numbers = {"sample": self.sample, "wanted": class_text(self.number, self.name, language)}
        if not self.counted:
            return say(language, "wanted.left_out", **numbers)
        found = class_text(self.likeliest, self.likeliest_name, language)
        key = "found" if self.number == self.likeliest else "missed"
        return say(language, f"wanted.{key}", likeliest=found, **numbers)


def wanted_class(step: Step, sample: int, place: Index = ()) -> WantedClass | None:
    """The class that a sample, or its position `place`, should be; None where the target is none,
    and where a sample has a class for each position and none is named."""
    row, target, output = LOSS_ROWS.get(type(step.loss)), step.target, step.forward.output
    is_id = target.ndim == output.ndim - 1 and target.dtype.kind in "biu"
    if row is None or not row.takes_classes or not is_id or len(place) != target.ndim - 1:
        return None
    number, likeliest = int(target[sample][place]), int(np.argmax(output[sample][place]))
    return WantedClass(
        sample=sample,
        number=number,
        name=step.class_name(number),
        likeliest=likeliest,
        likeliest_name=step.class_name(likeliest),
        counted=0 <= number < output.shape[-1],
    )


def class_text(number: int, name: str, language: str) -> str:
    """`class 2, virginica`, or `class 2` where it has no name."""
    key = "numbered" if name == str(number) else "named"
    return say(language, f"class.{key}", number=number, name=name)


def loss_lines(step: Step, sample: int, index: Index) -> tuple[WorkedLine, ...]:
    """ℓ and ∂ℓ/∂y of one output of one sample, each a line with its numbers."""
    result = step.result
    divisor = float(result.weight)
    slope = float(result.gradient[sample][index]) * divisor
    row = LOSS_ROWS.get(type(step.loss))
    cost = float("nan")
    alone: Index = index
    if result.entries is not None:
        alone = index[: result.entries[sample].ndim]
        cost = float(result.entries[sample][alone])
    if row is not None:
        entry = LossEntry(
            loss=step.loss,
            output=step.forward.output[sample],
            target=step.target[sample],
            cost=cost,
            slope=slope,
            sample=sample,
            place=index,
        )
        return tuple(worked_line(one, one.symbol) for one in row.worked(entry))
    y = brief(float(step.forward.output[sample][index]))
    target = step.target[sample]
    t = brief(float(target[index])) if np.shape(target) == step.forward.output.shape[1:] else target
    lines = [WorkedLine(label("∂ℓ/∂y", sample, index), (), slope)]
    if result.entries is not None:
        written = f"{type(step.loss).__name__}(y = {y}, t = {t})"
        lines.insert(0, WorkedLine(label("ℓ", sample, alone), (written,), cost))
    return tuple(lines)
