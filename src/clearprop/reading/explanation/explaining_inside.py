"""Why a number inside a layer has its value and its gradient, worked out."""

import numpy as np

from clearprop.engine.addresses import every_sample, inner_address
from clearprop.engine.step import Step
from clearprop.reading.explanation.inner_explanation import InnerExplanation
from clearprop.reading.explanation.witness import witness_of_inner
from clearprop.reading.inner_lines import InnerLines


def explain_inside(step: Step, address: str, *, sample: int | None = None) -> InnerExplanation:
    """What one number inside a layer is made of, and what it gets back, for one sample.

    address  `layers[2].heads[1].weights[4,2]`, `layers[0].time[3].forget[5]`
    sample   the one with the largest |∂C/∂v| unless told otherwise

    Raises UnknownNameError, ShapeError or ConfigurationError for what is not there.
    """
    place = inner_address(step, address)
    inside = step.forward.inside(place.path)[place.name]
    gradients = step.backward.inside(place.path)[place.name]
    if sample is None:
        sample = int(np.argmax(np.abs(gradients[every_sample(place.place)])))
    sample = step.check_sample(sample)
    within = tuple(number for _, number in place.within)
    value, gradient = (float(one[sample][place.place]) for one in (inside.values, gradients))
    lines = InnerLines(step, place.path, sample)
    forward = lines.made(place.name, place.place)
    backward = lines.gathered(place.name, place.place)
    size = abs(gradient)
    if backward:
        last = backward[-1]
        size = max(size, abs(last.value - last.rest.value) + last.rest.size)
    return InnerExplanation(
        address=str(place),
        layer=type(step.forward[place.path].layer).__name__,
        symbol=lines.symbol(place.name),
        sample=sample,
        samples=step.samples,
        value=value,
        gradient=gradient,
        forward=forward,
        backward=backward,
        axes=inside.axes,
        around=inside.values[sample][within].astype(np.float64),
        signals=gradients[sample][within].astype(np.float64),
        index=place.index,
        witness=witness_of_inner(step, place, sample, gradient, size),
    )
