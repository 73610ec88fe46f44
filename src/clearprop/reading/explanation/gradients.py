"""Why a weight (or bias, or feature of the input) has the gradient that it has."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import neuron_address, parameter_address
from clearprop.engine.step import Step
from clearprop.engine.wires import INPUT
from clearprop.reading.explanation import gradient_equations, gradient_picture, gradient_words
from clearprop.reading.explanation.reading import Readable
from clearprop.reading.explanation.shares import FeatureShares, ParameterShares, SampleShare
from clearprop.reading.explanation.signals import Rest
from clearprop.reading.explanation.tracing import (
    DEPTH,
    MOST,
    Tracer,
    check_count,
    largest_first,
    rest_of,
)
from clearprop.reading.explanation.witness import Witness, witness_of_feature, witness_of_parameter


@dataclass(frozen=True)
class Update:
    """What the optimizer makes of the gradient.

    learning_rate  η where the update is plainly w − η · gradient, otherwise None
    change         after − before
    """

    optimizer: str
    learning_rate: float | None
    before: float
    after: float
    change: float


@dataclass(frozen=True)
class GradientExplanation(Readable):
    """∂L/∂w of one number w: gradient = Σ shares + rest.

    kind      "weight", "bias", "parameter" (of a layer that is not Linear) or "input"
    address   where w is
    value     w itself; None of a feature of the input, which differs between samples
    gradient  ∂L/∂w as the backward pass recorded it
    loss      L before the update
    samples   how many samples took part
    shares    the samples that are shown, the largest share first
    rest      all other samples
    size      Σ|shares| over all samples, against which shares are taken
    update    what the optimizer does; None without one, and of a feature
    """

    kind: str
    address: str
    value: float | None
    gradient: float
    loss: float
    samples: int
    shares: tuple[SampleShare, ...]
    rest: Rest
    size: float
    update: Update | None
    witness: Witness

    @property
    def cancelled(self) -> float:
        """The part of Σ|shares| that cancels: 0 where all samples pull one way, 1 where nothing
        is left of them."""
        return 1 - min(abs(self.gradient) / self.size, 1) if self.size else 0.0

    def words(self, language: str = "en") -> str:
        return gradient_words.words(self, language)

    def table(self, language: str = "en") -> str:
        return gradient_words.table(self, language)

    def picture(self, language: str = "en") -> Scene:
        return gradient_picture.picture(self, language)

    def equations(self, language: str = "en") -> tuple[str, ...]:
        return gradient_equations.equations(self, language)


class _Shares(Protocol):
    values: Array

    def share(self, sample: int, size: float, depth: int) -> SampleShare: ...


def explain_weight(
    step: Step,
    address: str,
    *,
    depth: int = DEPTH,
    most: int = MOST,
    sample: int | None = None,
) -> GradientExplanation:
    """Why one entry of one parameter has its gradient.

    address  `layers[0].weight[0,3]`, `layers[0].bias[3]`
    depth    how many lines deep every signal is taken apart; 0 leaves it a number
    most     how many samples, and how many terms of a line, are listed one by one
    sample   show this sample alone instead of the largest shares

    Raises UnknownNameError, ShapeError or ConfigurationError for what is not there.
    """
    tracer = Tracer(step, check_count("most", most, 1))
    check_count("depth", depth, 0)
    place = parameter_address(step, address)
    forward = step.forward
    slot = forward.network.layout.slots[place.path]
    position = slot.start + int(np.ravel_multi_index(place.index, slot.shape))
    gradient = float(step.backward.gradient[position])
    sums = ParameterShares(tracer, place)
    shares, rest, size = _shown(step, sums, sample, depth, most)
    return GradientExplanation(
        sums.kind,
        str(place),
        float(forward.params[position]),
        gradient,
        step.value,
        step.samples,
        shares,
        rest,
        size,
        update_of(step, position),
        witness_of_parameter(step, position, gradient, size),
    )


def explain_input(
    step: Step,
    address: str,
    *,
    depth: int = DEPTH,
    most: int = MOST,
    sample: int | None = None,
) -> GradientExplanation:
    """How the loss depends on one feature of the input: `input[0]`.

    The gradient is that by a number added to the feature in every sample, so that the samples add
    up as they do for a bias. Arguments and errors as of `explain_weight`; DtypeError for integers,
    which have no gradient.
    """
    tracer = Tracer(step, check_count("most", most, 1))
    check_count("depth", depth, 0)
    place = neuron_address(step, address)
    if place.path != INPUT:
        raise ConfigurationError("explain_no_feature", address=address)
    sums = FeatureShares(tracer, place.index)
    shares, rest, size = _shown(step, sums, sample, depth, most)
    gradient = float(sums.values.sum())
    return GradientExplanation(
        "input",
        str(place),
        None,
        gradient,
        step.value,
        step.samples,
        shares,
        rest,
        size,
        None,
        witness_of_feature(step, place.index, gradient, size),
    )


def _shown(
    step: Step, sums: _Shares, sample: int | None, depth: int, most: int
) -> tuple[tuple[SampleShare, ...], Rest, float]:
    values = sums.values
    size = float(np.abs(values).sum())
    if sample is None:
        chosen, others = largest_first(values, most)
        if len(chosen) == 0:
            # Where no sample pulls, one of them shows why.
            chosen, others = others[:1], others[1:]
    else:
        chosen = np.array([step.check_sample(sample)])
        others = np.delete(np.arange(len(values)), chosen)
    shares = tuple(sums.share(int(n), size, depth) for n in chosen)
    return shares, rest_of(values[others]), size


def update_of(step: Step, position: int) -> Update | None:
    """What happens to the parameter at `position` of the flat array; None without an optimizer."""
    stepped = step.stepped
    if step.optimizer is None or stepped is None:
        return None
    params, gradient = step.forward.params, step.backward.gradient
    before, after = float(params[position]), float(stepped[position])
    rate = getattr(step.optimizer, "learning_rate", None)
    is_plain = isinstance(rate, float) and bool(
        np.allclose(stepped, params - rate * gradient, rtol=1e-12, atol=0, equal_nan=True)
    )
    name = type(step.optimizer).__name__
    return Update(name, rate if is_plain else None, before, after, after - before)
