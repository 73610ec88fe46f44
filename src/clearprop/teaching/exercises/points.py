"""Points at which a backward pass shows what it does: several samples, which together put every
ReLU on both sides of its kink. A mask that is never off, z in place of a, and a sum over one sample
all look right elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.small_network import Rows, SmallNetwork

# With 5 samples no factor of N is mistaken for one of the two or three outputs.
SAMPLES = 5
# Elsewhere more of them, and every kink has a z this near on either side, which shows a mask whose
# threshold is off.
MORE, NEAR = 20, 0.3
# No pre-activation is nearer to a kink than this.
AWAY = 0.05
# Whole numbers up to the first bound are tried first, so that they can be worked with by hand.
_BOUNDS = (5, 20, 100, 1000)
_TRIES = 2000


def pre_activations(small: SmallNetwork) -> Iterator[tuple[str, Array]]:
    """The activation of every layer, and its z (N, units)."""
    a = np.array(small.x)
    for weight, bias, activation in zip(
        small.weights, small.biases, small.activations, strict=True
    ):
        z = a @ np.array(weight) + np.array(bias)
        yield activation, z
        a = np.maximum(z, 0) if activation == "relu" else z


def exercises_everything(small: SmallNetwork) -> bool:
    """Whether there are several samples, and every ReLU is on for some and off for others."""
    kinks = [z for activation, z in pre_activations(small) if activation == "relu"]
    return small.samples > 1 and all(
        bool(((z > AWAY).any(axis=0) & (z < -AWAY).any(axis=0)).all()) and np.abs(z).min() > AWAY
        for z in kinks
    )


def with_more_samples(small: SmallNetwork) -> SmallNetwork:
    """The network with its own samples and further ones, whole numbers, so that everything is
    exercised; the same network gives the same samples.

    Raises ConfigurationError where there are none, as for a weight matrix of zeros.
    """
    count = max(SAMPLES - small.samples, 2)
    generator = keyed_generator(0, path="exercise/points")
    for bound in _BOUNDS:
        for _ in range(_TRIES):
            drawn = generator.integers(-bound, bound + 1, (count, small.widths[0]))
            found = _with_samples(small, (*small.x, *_rows(drawn.astype(np.float64))))
            # Two samples alike, or one of zeros, would hide what they should show.
            distinct = len(set(found.x)) == found.samples and drawn.any(axis=1).all()
            if distinct and exercises_everything(found):
                return found
    raise ConfigurationError("exercise_points")


def elsewhere(small: SmallNetwork, seed: int = 0) -> SmallNetwork:
    """A network of the same shape with other parameters and samples, so that everything is
    exercised: numbers that were copied from the sheet are wrong there.

    Raises ConfigurationError where there is none.
    """
    generator = keyed_generator(seed, path="exercise/elsewhere")
    for _ in range(_TRIES):
        weights = tuple(
            _rows(generator.normal(size=(len(weight), len(weight[0])))) for weight in small.weights
        )
        biases = _rows(generator.normal(scale=0.5, size=len(bias)) for bias in small.biases)
        found = _with_samples(
            replace(small, weights=weights, biases=biases),
            _rows(2 * generator.normal(size=(MORE + 1, small.widths[0]))),
        )
        if exercises_everything(found) and _comes_near(found):
            return found
    raise ConfigurationError("exercise_points")


def _comes_near(small: SmallNetwork) -> bool:
    """Whether every ReLU has a pre-activation near its kink on either side."""
    kinks = [z for activation, z in pre_activations(small) if activation == "relu"]
    sides = [side for z in kinks for side in (z, -z)]
    return all(bool(((side > 0) & (side < NEAR)).any(axis=0).all()) for side in sides)


def _with_samples(small: SmallNetwork, x: Rows) -> SmallNetwork:
    # It is the outputs that are differentiated here; the targets say nothing.
    return replace(small, x=x, t=((0.0,) * small.widths[-1],) * len(x))


def _rows(values: Iterable[Iterable[float]]) -> Rows:
    return tuple(tuple(map(float, row)) for row in values)
