"""One sample's share of the loss, worked out: what it costs, why, and what it pulls at."""

import numpy as np

from clearprop.base.arrays import Array, require_count
from clearprop.engine.addresses import Address
from clearprop.engine.step import Step
from clearprop.reading.explanation.sample_explanation import Pull, SampleExplanation, SampleOutput
from clearprop.reading.explanation.tracing import MOST, Tracer
from clearprop.reading.largest_terms import Rest, largest_first, rest_of, share_of


def explain_sample(step: Step, sample: int, *, most: int = MOST) -> SampleExplanation:
    """What one sample, counted from 0, does to the loss and to the gradient.

    `most` says how many outputs and parameter entries are listed one by one. Raises
    ConfigurationError for a sample that does not exist.
    """
    require_count("most", most)
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
        sample=sample,
        samples=step.samples,
        cost=float(costs[sample]),
        loss=step.value,
        others=float(np.delete(costs, sample).sum()),
        share=share_of(float(costs[sample]), float(np.abs(costs).sum())),
        rank=int(np.count_nonzero(costs > costs[sample])) + 1,
        outputs=outputs,
        unlisted=unlisted,
        pulls=pulls,
        rest=rest,
        alignment=float(own @ whole) / lengths if lengths else None,
    )


def _outputs(step: Step, sample: int, most: int) -> tuple[tuple[SampleOutput, ...], Rest]:
    slopes = step.backward.output_gradient[sample].astype(np.float64)
    tracer = Tracer(step, most)
    chosen, others = largest_first(slopes.reshape(-1), most)
    if len(chosen) == 0:
        chosen, others = others[:1], others[1:]
    outputs = []
    for position in chosen:
        index = tuple(int(i) for i in np.unravel_index(position, slopes.shape))
        place = str(Address(step.forward.network.graph.output, index))
        outputs.append(SampleOutput(place, tracer.loss_derivative(sample, index)))
    return tuple(outputs), rest_of(slopes.reshape(-1)[others])


def _pulls(step: Step, own: Array, whole: Array, most: int) -> tuple[tuple[Pull, ...], Rest]:
    chosen, others = largest_first(own, most)
    size = float(np.abs(own).sum())
    pulls = tuple(
        Pull(
            address=_address(step, int(position)),
            value=float(own[position]),
            gradient=float(whole[position]),
            share=share_of(float(own[position]), size),
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
