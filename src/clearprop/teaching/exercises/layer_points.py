"""Points at which a backward pass through layers shows what it does, as `points` finds them for
linear layers: several samples, which put every unit on both sides of its kink and let pooling take
every place."""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.layer_network import LayerNetwork

# Beside the sheet's own sample, small whole numbers, so that they can be worked with by hand.
MORE, BOUNDS = 4, (2, 3, 5, 20)
# With other parameters there are so many.
ELSEWHERE = 21
_TRIES = 2000


def with_further_samples(network: LayerNetwork) -> Mapping[str, Array]:
    """The program's arrays at the numbers of a sheet, with further samples behind its own; the same
    network gives the same samples.

    Raises ConfigurationError where there are none that exercise everything.
    """
    design = network.design
    own = design.arrays(network.values)
    generator = keyed_generator(0, path="exercise/layers")
    for bound in BOUNDS:
        for _ in range(_TRIES // len(BOUNDS)):
            found = {
                name: _followed(array, bound, generator)
                if name in design.program.samples
                else array
                for name, array in own.items()
            }
            if design.tells(found):
                return found
    raise ConfigurationError("exercise_points")


def _followed(array: Array, bound: int, generator: np.random.Generator) -> Array:
    drawn = generator.integers(-bound, bound + 1, (MORE, *array.shape[1:]))
    return np.concatenate([array, drawn.astype(np.float64)])


def at_other_parameters(design: LayerDesign, seed: int = 0) -> Mapping[str, Array]:
    """Other parameters and samples, so that everything is exercised: numbers that were copied from
    the sheet are wrong there.

    Raises ConfigurationError where there are none.
    """
    generator = keyed_generator(seed, path="exercise/layers/elsewhere")
    shapes = {name: array.shape for name, array in _any_arrays(design).items()}
    for _ in range(_TRIES):
        found = {
            name: generator.normal(
                size=(ELSEWHERE, *shape[1:]) if name in design.program.samples else shape
            )
            for name, shape in shapes.items()
        }
        if design.tells(found):
            return found
    raise ConfigurationError("exercise_points")


def _any_arrays(design: LayerDesign) -> Mapping[str, Array]:
    return design.arrays({label.name: 0.0 for label in design.givens})
