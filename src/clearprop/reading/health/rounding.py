"""How much of a gradient is rounding.

Every operation of a pass rounds. What it computes is the exact result for data that differ from the
given ones by a few roundings each: a sum of n terms by at most n u, where u is half the distance
from 1 to the next number, and by no more than λ √n u with a probability of 1 − 2n exp(−λ²/2). So
the rounding of a gradient is how far it moves where every parameter, every input and every signal
that starts from the loss is changed at random by up to √n u of itself. n is the longest sum in the
pass; λ is CERTAIN, with which the probability is within 10⁻⁷ of 1 up to sums of a million terms.

It is measured in float64: of a float32 network the moves are those of float32, and nothing else.

Source: N. J. Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM
Journal on Scientific Computing 41, 2019.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.step import Step

CERTAIN = 8.0
TIMES = 4


class Rounding(NamedTuple):
    """What is no more than rounding, in size.

    gradient  (P,) of every entry of the gradient
    signals   of every ∂C/∂y, of the output's shape
    loss      of L
    """

    gradient: Array
    signals: Array
    loss: float


def rounding_of(step: Step) -> Rounding:
    """How large the rounding of a step's numbers can be. All of them must be finite."""
    unit = float(np.finfo(step.forward.params.dtype).eps) / 2 * np.sqrt(_longest_sum(step))
    params = step.forward.params.astype(np.float64)
    x = step.forward.input
    floats = x.dtype.kind == "f"
    x = x.astype(np.float64) if floats else x
    first = _passes(step, params, x, None, 0.0)
    generator = keyed_generator(0, path="health.rounding")
    gradient, signals = np.zeros(params.shape), np.zeros(step.forward.output.shape)
    loss = abs(first.loss) * unit
    for _ in range(TIMES):
        moved = _passes(
            step,
            _moved(params, unit, generator),
            _moved(x, unit, generator) if floats else x,
            generator,
            unit,
        )
        gradient = np.maximum(gradient, np.abs(moved.gradient - first.gradient))
        signals = np.maximum(signals, np.abs(moved.signals - first.signals))
        loss = max(loss, abs(moved.loss - first.loss))
    return Rounding(CERTAIN * gradient, CERTAIN * signals, CERTAIN * loss)


class _Numbers(NamedTuple):
    gradient: Array
    signals: Array
    loss: float


def _passes(
    step: Step, params: Array, x: Array, generator: np.random.Generator | None, unit: float
) -> _Numbers:
    forward, result = step.again(params, x)
    started = result.gradient
    if generator is not None:
        started = _moved(started, unit, generator)
    gradient = step.forward.network.backward(forward, started).gradient
    return _Numbers(gradient, started, float(result.total / result.weight))


def _moved(array: Array, unit: float, generator: np.random.Generator) -> Array:
    moved: Array = array * (1 + unit * generator.uniform(-1, 1, array.shape))
    return moved


def _longest_sum(step: Step) -> int:
    """How many terms the longest sum has: over the rows of a wire for a gradient, over its entries
    in a layer."""
    forward = step.forward
    wires = [forward.input, *(forward.value(one.path) for one in forward.network.graph.steps)]
    longest: int = max(
        max(wire.shape[-1], wire.size // max(wire.shape[-1], 1)) for wire in wires if wire.ndim
    )
    return longest
