"""One step of RNN, GRU and LSTM: what a loop of one's own over the times is made of.

Forward      h′ = cell(x, h)                 x (N, in), h (N, H), y = h′ (N, H)

             It is the layer over a sequence of one time, with the same parameters: the sums and
             gates are derived in `rnn`, `gru` and `lstm`.

Start        h is the side input `<path>.hidden` (N, H), and of an LSTM c is `<path>.cell`; 0 where
             none is given. What goes on into the next step is what `carried_state` returns.

Backward     From dy = ∂C/∂h′, with da = ∂C/∂(pre-activations), all of one step and so no sum over
             times:

             ∂C/∂W = xᵀ da,   ∂C/∂U = hᵀ da,   ∂C/∂b = Σₙ da,   ∂C/∂x = da Wᵀ
             ∂C/∂h = da Uᵀ                       of a GRU + z ⊙ dy, with r in its last columns
             ∂C/∂c = f ⊙ ∂C/∂c′                  of an LSTM

             A pass counts the state before as a constant, as that of any side input. Its gradient
             is that of the intermediate `hidden_before` (and `cell_before`): in a loop over the
             times it is added to dy of the step before, and the gradients of all steps add up to
             those of the layer over the sequence.

Cell         c′ goes on beside h′, and ∂C/∂c′ comes back from the next step alone. With
             cell_output=True an LSTM's y is h′ and c′ side by side (N, 2H), so that dy has both;
             otherwise ∂C/∂c′ is what comes through h′.

K networks   Every array has a leading axis K; a start is each network's own (K, N, H), or shared.

Cached       What the layer over time keeps, of its one time.

Sources: those of `rnn`, `gru` and `lstm`.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ShapeError
from clearprop.base.settings import require_sizes, settle_choice, settle_flag
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Intermediate,
    Layer,
    OpenShape,
    Parameter,
    Tree,
    refuse_integers,
)
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import FAN_IN_UNIFORM, Recurrent
from clearprop.engine.layers.recurrent_arrays import RecurrentCache, StepSignals
from clearprop.engine.layers.rnn import RNN


@dataclass(frozen=True)
class RecurrentCell(Layer):
    """One step of a recurrence, from `inputs` features and a state to a state of `hidden` features.

    Raises ConfigurationError unless both sizes are whole numbers >= 1; forward raises ShapeError
    for an x that is not one step (N, inputs), and for a start of another shape.
    """

    inputs: int
    hidden: int
    bias: bool = True
    initializer: Initializer = FAN_IN_UNIFORM

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "inputs", "hidden")
        settle_flag(self, "bias")

    @property
    @abstractmethod
    def over_time(self) -> Recurrent:
        """The layer whose one time this is."""

    @property
    def outputs(self) -> int:
        """How many features y has."""
        return self.hidden

    def parameters(self) -> Mapping[str, Parameter]:
        return self.over_time.parameters()

    @property
    def states(self) -> tuple[str, ...]:
        """What goes on from step to step, each of `hidden` features."""
        return self.over_time.states

    def width(self, state: str) -> int:
        """How many features a state has."""
        return self.hidden

    def side_inputs(self) -> Collection[str]:
        return self.states

    def samples_axis(self, name: str, axes: int) -> int | None:
        return self.over_time.samples_axis(name, axes)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None and tuple(input_shape) != (self.inputs,):
            raise self._wrong_input(("N", *input_shape), "")
        return OpenShape((self.outputs,)) if input_shape is None else (self.outputs,)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        weight = params["weight_ih"]
        axes = weight.ndim
        if x.ndim != axes or x.shape[-1] != self.inputs or x.shape[:-2] != weight.shape[:-2]:
            raise self._wrong_input(x.shape, context.path)
        refuse_integers(self, x, context)
        cache = self.over_time.through(params, x[..., None, :], None, context)
        return self.output_of(cache.steps), cache, EMPTY

    def backward(self, params: Tree, cache: RecurrentCache, dy: Array) -> Backward:
        dx, gradients = self.over_time.returned(params, cache, self.signals(params, cache, dy))
        assert dx is not None
        return dx[..., 0, :], gradients

    def intermediates(self, params: Tree, cache: RecurrentCache) -> Mapping[str, Intermediate]:
        """The states before the step, and what the step makes of them."""
        steps, loop = cache.steps, self.over_time
        found = {before_name(name): getattr(steps, name)[0] for name in loop.states}
        found |= {name: timed[0] for name, timed in loop.on_the_way(steps).items()}
        return {name: Intermediate(values, ("unit",)) for name, values in found.items()}

    def intermediate_gradients(
        self, params: Tree, cache: RecurrentCache, dy: Array
    ) -> Mapping[str, Array]:
        signals = self.signals(params, cache, dy)
        back = self.over_time.on_the_way_back(params, cache.steps, signals)
        return {
            **{before_name(name): gradient for name, gradient in signals.start.items()},
            **{name: timed[0] for name, timed in back.items()},
        }

    def output_moved(
        self, params: Tree, cache: RecurrentCache, added: Mapping[str, Array]
    ) -> Array:
        loop = self.over_time
        to_start = {
            name: added[before_name(name)] for name in loop.states if before_name(name) in added
        }
        of_step = {name: array[..., None, :] for name, array in added.items()}
        return self.output_of(loop.run_moved(params, cache, of_step, to_start))

    def output_of(self, steps: object) -> Array:
        """y, of what the cell keeps of its step."""
        found: Array = steps.hidden[1]  # type: ignore[attr-defined]
        return found

    def signals(self, params: Tree, cache: RecurrentCache, dy: Array) -> StepSignals:
        """What comes back to the cell."""
        return self.over_time.run_back(params, cache.steps, dy[None])

    def final_state(self, cache: RecurrentCache) -> Mapping[str, Array]:
        """The states after the step, (…, N, H) by their names."""
        return self.over_time.final_state(cache)

    def _wrong_input(self, shape: tuple[int | str, ...], path: str) -> ShapeError:
        name = type(self).__name__
        return ShapeError(
            "cell_input",
            path=path or name,
            layer=name,
            features=self.inputs,
            came=shape_text(shape),
            over_time=type(self.over_time).__name__,
        )


@dataclass(frozen=True)
class RNNCell(RecurrentCell):
    """One step of an RNN: (N, inputs) to (N, hidden), from the state `<path>.hidden` or 0.

    bias          False leaves both biases out
    nonlinearity  "tanh" or "relu", whose derivative at 0 is 0

    Raises what `RecurrentCell` raises.
    """

    nonlinearity: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_choice(self, "nonlinearity", ("tanh", "relu"))

    @cached_property
    def over_time(self) -> RNN:
        return RNN(
            self.inputs,
            self.hidden,
            self.bias,
            initializer=self.initializer,
            nonlinearity=self.nonlinearity,
        )


@dataclass(frozen=True)
class GRUCell(RecurrentCell):
    """One step of a GRU: (N, inputs) to (N, hidden), from the state `<path>.hidden` or 0.

    bias         False leaves both biases out
    reset_after  whether the reset gate meets what the state's weights made of the state (PyTorch),
                 or the state itself (the paper)

    Raises what `RecurrentCell` raises.
    """

    reset_after: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_flag(self, "reset_after")

    @cached_property
    def over_time(self) -> GRU:
        return GRU(
            self.inputs,
            self.hidden,
            self.bias,
            initializer=self.initializer,
            reset_after=self.reset_after,
        )


@dataclass(frozen=True)
class LSTMCell(RecurrentCell):
    """One step of an LSTM: (N, inputs) to (N, hidden), from the states `<path>.hidden` and
    `<path>.cell` or 0.

    bias         False leaves both biases out
    cell_output  True puts out the new state and the new cell side by side, (N, 2 · hidden): for a
                 loop over the times, in which ∂C/∂(both) comes back from the next step

    Raises what `RecurrentCell` raises.
    """

    cell_output: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_flag(self, "cell_output")

    @cached_property
    def over_time(self) -> LSTM:
        return LSTM(self.inputs, self.hidden, self.bias, initializer=self.initializer)

    @property
    def outputs(self) -> int:
        return self.hidden * (1 + self.cell_output)

    def output_of(self, steps: object) -> Array:
        state = super().output_of(steps)
        if not self.cell_output:
            return state
        cell: Array = steps.cell[1]  # type: ignore[attr-defined]
        return np.concatenate([state, cell], axis=-1)

    def signals(self, params: Tree, cache: RecurrentCache, dy: Array) -> StepSignals:
        if not self.cell_output:
            return super().signals(params, cache, dy)
        dh, dc = (np.ascontiguousarray(one) for one in np.split(dy, 2, axis=-1))
        return self.over_time.run_back(params, cache.steps, dh[None], dc)


def before_name(state: str) -> str:
    """The name of a state as it was before the step."""
    return f"{state}_before"
