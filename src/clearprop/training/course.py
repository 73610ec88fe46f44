"""What a training is made of, whichever engine runs it: the data, the batches, the steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator, require_count
from clearprop.base.errors import ConfigurationError
from clearprop.engine.known_side_inputs import SideInputs, side_inputs_of_samples
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, ForwardPass, Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training.arguments import Data
from clearprop.training.events import TrainingState


@dataclass(frozen=True, eq=False)
class Course:
    """What stays the same from step to step. `networks` is None of one, (P,); `side_inputs` are
    what layers need beside x."""

    network: Network
    data: Data
    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    networks: int | None
    side_inputs: SideInputs = field(default_factory=SideInputs)

    @property
    def samples(self) -> int:
        return self.data.x.count

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.samples // self.batch_size)

    def order(self, seed: int, epoch: int) -> Array | None:
        """The shuffled samples of an epoch, keyed so that any step can be made again; None where
        every step takes all of them as they are."""
        if self.batch_size == self.samples:
            return None
        return keyed_generator(seed, epoch, "shuffle").permutation(self.samples)

    def rows(self, step: int, order: Array | None) -> Array | None:
        """The samples of a step within the order of its epoch."""
        if order is None:
            return None
        first = step % self.steps_per_epoch * self.batch_size
        return order[first : first + self.batch_size]

    def beside(self, rows: Array | None) -> Mapping[str, Array]:
        """The side inputs of these samples; of all of them where that is None."""
        if rows is None or not self.side_inputs.arrays:
            return self.side_inputs.arrays
        return self.side_inputs.take(rows)

    def forward(self, state: TrainingState) -> ForwardPass:
        """The forward pass of the step from `state`."""
        rows = self._rows_from(state)
        x, _, _ = self.data.take(rows)
        return self.network.forward(
            state.params,
            x,
            seed=state.seed,
            step=state.step,
            state=state.layers,
            side_inputs=self.beside(rows),
            own_input=self.data.x.own,
        )

    def _rows_from(self, state: TrainingState) -> Array | None:
        order = self.order(state.seed, state.step // self.steps_per_epoch)
        return self.rows(state.step, order)

    def replay(self, state: TrainingState) -> BackwardPass:
        """The backward pass of the step from `state`, with all records."""
        rows = self._rows_from(state)
        _, target, sample_weight = self.data.take(rows)
        # As in the step itself.
        with np.errstate(over="ignore", invalid="ignore"):
            forward = self.forward(state)
            result = self.loss.evaluate(
                forward.output,
                target,
                sample_weight=sample_weight,
                stacked=self.networks is not None,
            )
            return self.network.backward(forward, result.gradient)


def course_of(
    network: Network,
    state: TrainingState,
    data: Data,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None,
    side_inputs: Mapping[str, Array] = EMPTY,
) -> Course:
    """The course of a training. Raises ConfigurationError, UnknownNameError for side inputs that
    no layer reads, and ShapeError for those that have not an entry for every sample."""
    require_count("epochs", epochs)
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    samples = data.x.count
    if batch_size is None:
        batch_size = samples
    else:
        require_count("batch_size", batch_size)
        if batch_size > samples:
            raise ConfigurationError("batch_size_invalid", samples=samples, value=batch_size)
    networks = len(state.params) if state.params.ndim == 2 else None
    beside = SideInputs()
    if side_inputs is not EMPTY:
        beside = side_inputs_of_samples(network.graph, side_inputs, samples)
    return Course(network, data, loss, optimizer, epochs, batch_size, networks, beside)
