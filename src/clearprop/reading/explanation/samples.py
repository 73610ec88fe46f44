"""One sample's share of the loss: what it costs, why, and what it pulls at."""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import Address
from clearprop.engine.step import Step
from clearprop.reading.explanation import sample_equations, sample_picture, sample_words
from clearprop.reading.explanation.reading import Readable
from clearprop.reading.explanation.signals import LossDerivative, Rest
from clearprop.reading.explanation.tracing import (
    MOST,
    Tracer,
    check_count,
    largest_first,
    rest_of,
    share_of,
)


@dataclass(frozen=True)
class Output:
    """One output of the sample and what the loss says of it; `place` is its address."""

    place: str
    loss: LossDerivative


@dataclass(frozen=True)
class Pull:
    """One parameter entry: this sample's ∂Cⁿ/∂w, the whole ∂L/∂w, and |value| / Σ|∂Cⁿ/∂w| over
    all parameters."""

    address: str
    value: float
    gradient: float
    share: float


@dataclass(frozen=True)
class SampleExplanation(Readable):
    """One sample: L = Σₙ Cⁿ, and its part in the gradient.

    cost        Cⁿ, with its 1/N where the loss is a mean
    loss        L = cost + others
    others      the costs of all other samples, summed
    share       |Cⁿ| / Σ|costs|
    rank        1 for the costliest sample
    outputs     the outputs with the largest |∂C/∂y|, largest first
    unlisted    the ∂C/∂y of all other outputs
    pulls       the parameter entries that it pulls hardest at, hardest first
    rest        its ∂Cⁿ/∂w at all other entries
    alignment   the cosine between its gradient and the whole one: 1 pulls the same way, −1 against
                it; None where one of them is 0
    """

    sample: int
    samples: int
    cost: float
    loss: float
    others: float
    share: float
    rank: int
    outputs: tuple[Output, ...]
    unlisted: Rest
    pulls: tuple[Pull, ...]
    rest: Rest
    alignment: float | None

    def words(self, language: str = "en") -> str:
        return sample_words.words(self, language)

    def table(self, language: str = "en") -> str:
        return sample_words.table(self, language)

    def picture(self, language: str = "en") -> Scene:
        return sample_picture.picture(self, language)

    def equations(self, language: str = "en") -> tuple[str, ...]:
        return sample_equations.equations(self)


def explain_sample(step: Step, sample: int, *, most: int = MOST) -> SampleExplanation:
    """What one sample, counted from 0, does to the loss and to the gradient.

    `most` says how many outputs and parameter entries are listed one by one. Raises
    ConfigurationError for a sample that does not exist.
    """
    check_count("most", most, 1)
    sample = step.check_sample(sample)
    costs = np.array([step.cost(n) for n in range(step.samples)])
    # The part of the gradient that goes back through this sample's outputs alone.
    dy = np.zeros(step.forward.output.shape, step.forward.output.dtype)
    dy[sample] = step.backward.output_gradient[sample]
    own = step.forward.network.backward(step.forward, dy).gradient.astype(np.float64)
    whole = step.backward.gradient.astype(np.float64)
    outputs, unlisted = _outputs(step, sample, most)
    pulls, rest = _pulls(step, own, whole, most)
    lengths = float(np.linalg.norm(own) * np.linalg.norm(whole))
    return SampleExplanation(
        sample,
        step.samples,
        float(costs[sample]),
        step.value,
        float(np.delete(costs, sample).sum()),
        share_of(float(costs[sample]), float(np.abs(costs).sum())),
        int(np.count_nonzero(costs > costs[sample])) + 1,
        outputs,
        unlisted,
        pulls,
        rest,
        float(own @ whole) / lengths if lengths else None,
    )


def _outputs(step: Step, sample: int, most: int) -> tuple[tuple[Output, ...], Rest]:
    slopes = step.backward.output_gradient[sample].astype(np.float64)
    tracer = Tracer(step, most)
    chosen, others = largest_first(slopes.reshape(-1), most)
    if len(chosen) == 0:
        chosen, others = others[:1], others[1:]
    outputs = []
    for position in chosen:
        index = tuple(int(i) for i in np.unravel_index(position, slopes.shape))
        place = str(Address(step.wiring.output, index))
        outputs.append(Output(place, tracer.loss_derivative(sample, index)))
    return tuple(outputs), rest_of(slopes.reshape(-1)[others])


def _pulls(step: Step, own: Array, whole: Array, most: int) -> tuple[tuple[Pull, ...], Rest]:
    chosen, others = largest_first(own, most)
    size = float(np.abs(own).sum())
    pulls = tuple(
        Pull(
            _address(step, int(position)),
            float(own[position]),
            float(whole[position]),
            share_of(float(own[position]), size),
        )
        for position in chosen
    )
    return pulls, rest_of(own[others])


def _address(step: Step, position: int) -> str:
    """The address of an entry of the flat array; of a tied one, the first."""
    slots = step.forward.network.layout.slots.values()
    slot = next(slot for slot in slots if slot.start <= position < slot.stop)
    index = np.unravel_index(position - slot.start, slot.shape)
    return str(Address(slot.path, tuple(int(i) for i in index)))
