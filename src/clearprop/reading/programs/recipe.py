"""What a program is written from: a network, its samples, and how it is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, dtype_named, require_count, require_seed
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.known_side_inputs import SideInputs
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.lengths import LENGTHS, zero_behind_ends
from clearprop.engine.losses import MSE, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.reading.programs.samples import CsvFile, example_lines, run_lines
from clearprop.reading.programs.side_inputs import settled_side_inputs
from clearprop.reading.programs.start import can_draw
from clearprop.training.arguments import USUAL_OPTIMIZER


@dataclass(frozen=True, eq=False)
class Recipe:
    """A training to be written out.

    params      (P,) to begin with; None draws them from the seed, as `Network.initialize` does
    x, target   the samples; None makes some up that the loss can take
    csv         where the samples come from, if it is a file that the program reads itself
    memory      what the optimizer remembers, of a training that goes on
    layers      the layers' running statistics, of a network that has been trained
    step, seed  the number of steps taken, and the key of all random draws
    classes     what the classes are called, by their ids; none where they have no names
    input_shape of one sample, where samples are made up for a network that does not say it itself
    side_inputs what stands beside x: `key_padding_mask`, `attn_mask`, `lengths`, and
                the states `hidden` and `cell` that a recurrence starts from
    """

    network: Network
    params: Array | None = None
    x: Array | None = None
    target: Array | None = None
    csv: CsvFile | None = None
    loss: Loss = field(default_factory=MSE)
    optimizer: Optimizer = USUAL_OPTIMIZER
    epochs: int = 50
    batch_size: int | None = None
    memory: OptimizerState = field(default_factory=OptimizerState)
    layers: Tree = field(default_factory=lambda: EMPTY)
    step: int = 0
    seed: int = 0
    dtype: str = "float64"
    classes: tuple[str, ...] = ()
    input_shape: Shape | None = None
    side_inputs: Mapping[str, Array] = field(default_factory=dict)


class Settled(NamedTuple):
    """A recipe whose open parts are filled in: the samples, the parameters, and the first step's
    output."""

    recipe: Recipe
    params: Array
    x: Array
    target: Array
    output: Array
    example: tuple[str, ...]
    beside: SideInputs

    @property
    def draws(self) -> bool:
        """Whether the program draws its starting parameters itself."""
        initializers = (s.parameter.initializer for s in self.recipe.network.layout.slots.values())
        return self.recipe.params is None and all(map(can_draw, initializers))

    @property
    def batch(self) -> int | None:
        """The size of a mini-batch; None where a step takes all samples."""
        size = self.recipe.batch_size
        return None if size is None or size == len(self.x) else size

    @property
    def per_epoch(self) -> int:
        """How many steps an epoch has."""
        return 1 if self.batch is None else -(-len(self.x) // self.batch)

    @property
    def steps(self) -> int:
        """How many steps the program takes."""
        return self.recipe.epochs * self.per_epoch


def settle(recipe: Recipe) -> Settled:
    """Fill in what the recipe leaves open, and run its first step, which refuses what cannot be.

    Raises what a training raises for settings and samples that do not go together;
    ConfigurationError for a network without parameters, ContractError for stacked ones.
    """
    network = recipe.network
    kind = dtype_named(recipe.dtype)
    seed = require_seed(recipe.seed)
    require_count("epochs", recipe.epochs)
    if recipe.batch_size is not None:
        require_count("batch_size", recipe.batch_size)
    if network.size == 0:
        raise ConfigurationError("program_no_parameters")
    if recipe.loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    params = recipe.params
    if params is None:
        params = network.initialize(seed, dtype=recipe.dtype)
    if params.ndim != 1:
        raise ContractError("program_stacked", networks=len(params))
    if params.dtype != kind:
        params = params.astype(kind)
    example: tuple[str, ...] = ()
    if recipe.x is None or recipe.target is None:
        shape = recipe.input_shape
        example = tuple(example_lines(network, recipe.loss, kind, shape))
        x, target = run_lines(example, seed)
    else:
        x, target = (_in_dtype(np.asarray(one), kind) for one in (recipe.x, recipe.target))
    if recipe.batch_size is not None and recipe.batch_size > len(x):
        raise ConfigurationError("batch_size_invalid", samples=len(x), value=recipe.batch_size)
    beside = settled_side_inputs(network.graph, recipe.side_inputs, None if example else x)
    told = {name: _in_dtype(array, kind) for name, array in beside.arrays.items()}
    if LENGTHS in told and x.ndim == 3:
        # In a program what has no influence is multiplied with 0, which NaN would not be.
        x = zero_behind_ends(x, told[LENGTHS])
    state = _state(recipe, params)
    forward = network.forward(params, x, seed=seed, state=state, side_inputs=told)
    recipe.loss.evaluate(forward.output, target)
    return Settled(recipe, params, x, target, forward.output, example, beside._replace(arrays=told))


def running(recipe: Recipe, params: Array, path: str) -> Mapping[str, Array]:
    """The running statistics of the layer at `path`, before the first step."""
    found: Mapping[str, Array] = _state(recipe, params)[path]
    return found


def _state(recipe: Recipe, params: Array) -> Tree:
    return recipe.layers or recipe.network.initial_state(params)


def _in_dtype(array: Array, kind: np.dtype[Any]) -> Array:
    return array.astype(kind) if array.dtype.kind == "f" else array
