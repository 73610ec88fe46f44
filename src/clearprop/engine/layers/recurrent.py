"""What RNN, GRU and LSTM share: one cell with one set of weights, used again at every time.

Forward      hₜ = cell(xₜ, hₜ₋₁)             x (N, T, in), h (N, H), y (N, T, H) with yₜ = hₜ

             The part of every xₜ in the cell is one product for all times, a = x W + b; only
             hₜ₋₁ U is computed step by step.

Backward     hₜ goes to two places: out as yₜ, and on into time t + 1. So, from the last time on,

             ∂C/∂hₜ = ∂C/∂yₜ + ∂C/∂hₜ through the cell at t + 1,      which at the last time is 0

             The weights are used at every time, so their gradients are sums over the times (and
             the samples): with dzₜ = ∂C/∂(pre-activations of time t),

             ∂C/∂W = Σₜ xₜᵀ dzₜ,  ∂C/∂U = Σₜ hₜ₋₁ᵀ dzₜ,  ∂C/∂b = Σₜ Σₙ dzₜ,  ∂C/∂xₜ = dzₜ Wᵀ

             hₜ₋₁ stands in ∂C/∂U: the state that the cell was given, not the one it made.

Lengths      Side input `lengths` (N,): sample n has lengths[n] times, what stands behind them is
             no part of it: y is 0 there, and so is ∂C/∂x.

Start        h₋₁ is 0, or the side input `<path>.hidden` (N, H), and of an LSTM `<path>.cell`: a
             window of a longer sequence starts where the one before ended (`carried_state`). It
             counts as a constant: the gradient ends there, which is truncated backpropagation
             through time.

Reverse      The same from the last time to the first: y stands at the times of its x. Both
             directions are two layers side by side, several layers one after another (`stacked`).

K networks   Every array has a leading axis K, (K, N, T, in) and so on; the lengths are shared, and
             a start is each network's own (K, N, H), or shared (N, H).

Cached       What is said of each cell, time in front: (T, N, ·), of K networks (T, K, N, ·).

Source: Werbos, "Backpropagation through time: what it does and how to do it", 1990.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, matrix_product, shape_text, sum_rows
from clearprop.base.errors import ShapeError
from clearprop.base.settings import require_sizes, settle_flag
from clearprop.engine.initializers import FanInUniform, Initializer
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
    with_features,
)
from clearprop.engine.layers.lengths import LENGTHS, lengths_of
from clearprop.engine.layers.recurrent_arrays import (
    every_product,
    in_order,
    in_place,
    rows_of,
    start_of,
)

FAN_IN_UNIFORM = FanInUniform()


class RecurrentCache(NamedTuple):
    """`x`: the inputs, time before samples, 0 behind a sample's end. `steps`: what the cell keeps
    of every time. `lengths`: (N,), or None where every sample has all times."""

    x: Array
    steps: Any
    lengths: Array | None


class StepSignals(NamedTuple):
    """What comes back to a cell at every time, all (T, …, N, ·), in the order of its steps.

    by_input   ∂C/∂(pre-activations as x meets them)
    by_hidden  ∂C/∂(pre-activations as h meets them): another array only in a GRU
    before     what U met at every time, of which ∂C/∂U is the product with `by_hidden`, with the
               columns of U that met it
    states     ∂C/∂(every state of the cell), by its name
    start      ∂C/∂(every state before the first step) (…, N, ·), by its name
    """

    by_input: Array
    by_hidden: Array
    before: tuple[tuple[Array, slice], ...]
    states: Mapping[str, Array]
    start: Mapping[str, Array]


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell used again at every time, from `inputs` features to `hidden` of them.

    bias     False leaves both biases out
    reverse  from the last time to the first

    As PyTorch has them, x and h have a bias each, and all arrays start from U(±1/√hidden). Raises
    ConfigurationError unless both sizes are whole numbers >= 1; forward raises ShapeError for an x
    that is no sequence, lengths that do not fit and a start of another shape, DataError for a start
    with NaN or infinities.
    """

    inputs: int
    hidden: int
    bias: bool = True
    reverse: bool = False
    initializer: Initializer = FAN_IN_UNIFORM

    stackable: ClassVar[bool] = True
    # The gates, in the order of their columns in W, U and b.
    gates: ClassVar[tuple[str, ...]]
    # What goes on from time to time.
    states: ClassVar[tuple[str, ...]] = ("hidden",)

    def __post_init__(self) -> None:
        require_sizes(self, "inputs", "hidden")
        settle_flag(self, "bias")
        settle_flag(self, "reverse")

    def parameters(self) -> Mapping[str, Parameter]:
        width = len(self.gates) * self.hidden
        shapes = {"weight_ih": (self.inputs, width), "weight_hh": (self.width("hidden"), width)}
        if self.bias:
            shapes |= {"bias_ih": (1, width), "bias_hh": (1, width)}
        shapes |= self.more_parameters()
        # PyTorch draws all of them from the size of the state.
        fans = (self.hidden, width)
        return {name: Parameter(shape, self.initializer, *fans) for name, shape in shapes.items()}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None:
            axes = 1 if isinstance(input_shape, OpenShape) else 2
            if len(input_shape) != axes or input_shape[-1] != self.inputs:
                raise self._wrong_input(("N", *input_shape), "")
        return with_features(input_shape, self.width("hidden"))

    def width(self, state: str) -> int:
        """How many features a state has; y has those of `hidden`."""
        return self.hidden

    def more_parameters(self) -> Mapping[str, tuple[int, int]]:
        """The shapes of what the cell learns beside W, U and the biases; nothing for most."""
        return EMPTY

    def more_gradients(self, cache: RecurrentCache, signals: StepSignals) -> Mapping[str, Array]:
        """∂C/∂(each of those), summed over times and samples."""
        return EMPTY

    def bias_of_x(self, params: Tree) -> Array:
        """What is added to x W: both biases, where that of h goes into the same sum."""
        both: Array = params["bias_ih"] + params["bias_hh"]
        return both

    @abstractmethod
    def run(
        self, params: Tree, given: Array, start: Mapping[str, Array], added: Mapping[str, Array]
    ) -> Any:
        """The cell at every time, in order. `given` is a = x W + b (T, …, N, G·H) with
        `bias_of_x`, an array that the cell may overwrite; `start` has the states (…, N, H) before;
        `added` is empty, or has numbers to add to every intermediate (T, …, N, H) by its name.
        Returns a NamedTuple whose `hidden` (and `cell`) are (T + 1, …, N, H), the start in
        front."""

    @abstractmethod
    def run_back(self, params: Tree, steps: Any, dy: Array) -> StepSignals:
        """Backward through every time, from ∂C/∂y (T, …, N, H)."""

    def enters(self, name: str, index: tuple[int, int]) -> tuple[str, int]:
        """What one entry of a parameter is added to at every step, times what it met there: "" for
        the pre-activations, or a state by its name; and in which column of it."""
        return "", index[1]

    def met(self, cache: RecurrentCache, name: str, index: tuple[int, int]) -> Array:
        """What one entry of a parameter is multiplied with at every step (T, …, N), as it goes
        into what it `enters`: ∂a/∂(it)."""
        if name == "weight_ih":
            found: Array = cache.x[..., index[0]]
            return found
        hidden: Array = cache.steps.hidden[:-1]
        return hidden[..., index[0]] if name == "weight_hh" else np.ones_like(hidden[..., 0])

    def arrived(
        self, params: Tree, cache: RecurrentCache, dy: Array, signals: StepSignals
    ) -> list[Array]:
        """Of ∂C/∂(every state), what came back from later steps (T, …, N, H): without that of the
        step's own y. `dy` is in the order of the steps."""
        return [signals.states["hidden"] - dy]

    @abstractmethod
    def on_the_way(self, steps: Any) -> Mapping[str, Array]:
        """Every intermediate of every time, (T, …, N, H) by its name."""

    @abstractmethod
    def on_the_way_back(
        self, params: Tree, steps: Any, signals: StepSignals
    ) -> Mapping[str, Array]:
        """∂C/∂(every intermediate of every time), likewise."""

    def side_inputs(self) -> Collection[str]:
        return (LENGTHS, *self.states)

    def samples_axis(self, name: str, axes: int) -> int | None:
        # A start of each of K networks is (K, N, H).
        return 1 if name in self.states and axes == 3 else 0

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        weight = params["weight_ih"]
        lead = weight.ndim - 2
        networks_differ = lead > 0 and x.shape[:1] != weight.shape[:1]
        if x.ndim != lead + 3 or x.shape[-1] != self.inputs or not x.shape[-2] or networks_differ:
            raise self._wrong_input(x.shape, context.path)
        refuse_integers(self, x, context)
        cache = self.through(params, x, lengths_of(self, x, context), context)
        return self._in_place(cache.steps.hidden[1:], cache.lengths), cache, EMPTY

    def through(
        self, params: Tree, x: Array, lengths: Array | None, context: Context
    ) -> RecurrentCache:
        """The cell at every time of x (…, N, T, in), from the states that stand beside x."""
        timed = in_order(x, lengths, reverse=self.reverse)
        start = {
            name: start_of(name, (*x.shape[:-2], self.width(name)), params["weight_hh"], context)
            for name in self.states
        }
        return RecurrentCache(
            timed, self.run(params, self._given(params, timed), start, EMPTY), lengths
        )

    def backward(self, params: Tree, cache: RecurrentCache, dy: Array) -> Backward:
        return self.returned(params, cache, self.signals(params, cache, dy))

    def returned(self, params: Tree, cache: RecurrentCache, signals: StepSignals) -> Backward:
        """∂C/∂x and the gradients, of what came back to the cell at every time."""
        dtype = signals.by_input.dtype
        gradients = {name: np.empty(array.shape, dtype) for name, array in params.items()}
        self._gradients(cache, signals, gradients)
        return self._input_gradient(params, cache, signals), gradients

    def backward_into(
        self,
        params: Tree,
        cache: RecurrentCache,
        dy: Array,
        into: Tree,
        *,
        path: str,
        input_gradient: bool,
    ) -> Array | None:
        signals = self.signals(params, cache, dy)
        self._gradients(cache, signals, into)
        return self._input_gradient(params, cache, signals) if input_gradient else None

    def intermediates(self, params: Tree, cache: RecurrentCache) -> Mapping[str, Intermediate]:
        return {
            name: Intermediate(self._in_place(timed, cache.lengths), ("unit",), within=("time",))
            for name, timed in self.on_the_way(cache.steps).items()
        }

    def intermediate_gradients(
        self, params: Tree, cache: RecurrentCache, dy: Array
    ) -> Mapping[str, Array]:
        signals = self.signals(params, cache, dy)
        back = self.on_the_way_back(params, cache.steps, signals)
        return {name: self._in_place(timed, cache.lengths) for name, timed in back.items()}

    def output_moved(
        self, params: Tree, cache: RecurrentCache, added: Mapping[str, Array]
    ) -> Array:
        steps = self.run_moved(params, cache, added, EMPTY)
        return self._in_place(steps.hidden[1:], cache.lengths)

    def run_moved(
        self,
        params: Tree,
        cache: RecurrentCache,
        added: Mapping[str, Array],
        to_start: Mapping[str, Array],
    ) -> Any:
        """The cell at every time once more, with numbers added to intermediates and to the states
        before the first time."""
        start = {
            name: getattr(cache.steps, name)[0] + to_start.get(name, 0) for name in self.states
        }
        every = {
            name: self._in_order(added[name], cache.lengths)
            if name in added
            else np.zeros_like(timed)
            for name, timed in self.on_the_way(cache.steps).items()
        }
        return self.run(params, self._given(params, cache.x), start, every)

    def signals(self, params: Tree, cache: RecurrentCache, dy: Array) -> StepSignals:
        """What comes back at every time, in the order of the cell's steps."""
        return self.run_back(params, cache.steps, self._in_order(dy, cache.lengths))

    def shares_by_time(
        self, params: Tree, cache: RecurrentCache, dy: Array, name: str, index: tuple[int, int]
    ) -> Array:
        """∂C/∂(one entry of a parameter) through every time of every sample (…, N, T), which add
        up to it: the factor that it met there times ∂C/∂a."""
        signals, (state, column) = self.signals(params, cache, dy), self.enters(name, index)
        back = signals.states[state] if state else signals.by_input
        shares = self.met(cache, name, index) * back[..., column]
        return self._in_place(shares[..., None], cache.lengths)[..., 0]

    def output_moved_at(
        self,
        params: Tree,
        cache: RecurrentCache,
        name: str,
        index: tuple[int, int],
        time: int,
        change: float,
    ) -> Array:
        """The output where one entry of a parameter is another one at one time alone."""
        met = self._in_place(self.met(cache, name, index)[..., None], cache.lengths)
        moved = np.zeros_like(met)
        moved[..., time, :] = change * met[..., time, :]
        state, column = self.enters(name, index)
        if state:
            added = np.zeros((*moved.shape[:-1], self.width(state)), moved.dtype)
            added[..., column] = moved[..., 0]
            return self.output_moved(params, cache, {state: added})
        given = self._given(params, cache.x)
        given[..., column] += self._in_order(moved, cache.lengths)[..., 0]
        start = {one: getattr(cache.steps, one)[0] for one in self.states}
        steps = self.run(params, given, start, EMPTY)
        return self._in_place(steps.hidden[1:], cache.lengths)

    def transport(self, params: Tree, cache: RecurrentCache, dy: Array) -> tuple[Array, Array]:
        """How large ∂C/∂(state) is over all samples and units on both sides of every step, (T − 1,)
        in the order in which the cell went: what reaches the state before a step, and what was
        there behind it. Their quotient is the factor of that step."""
        timed = self._in_order(dy, cache.lengths)
        arrived = self.arrived(params, cache, timed, self.run_back(params, cache.steps, timed))
        squares = sum(np.square(one).sum(axis=(-2, -1)) for one in arrived)
        # y goes out of h, the first of the states.
        behind = squares + (2 * arrived[0] * timed + timed * timed).sum(axis=(-2, -1))
        return np.sqrt(squares[:-1]), np.sqrt(np.maximum(behind[1:], 0))

    def final_state(self, cache: RecurrentCache) -> Mapping[str, Array]:
        """The states after every sample's last step, (…, N, H) by their names."""
        found = {}
        for name in self.states:
            timed = getattr(cache.steps, name)
            if cache.lengths is None:
                found[name] = timed[-1]
            else:
                samples = np.arange(len(cache.lengths))
                found[name] = np.moveaxis(timed, 0, -2)[..., samples, cache.lengths, :]
        return found

    def _given(self, params: Tree, timed: Array) -> Array:
        """What x gives at every time: a = x W + b."""
        given = every_product(timed, params["weight_ih"])
        if self.bias:
            given += self.bias_of_x(params)
        return given

    def _gradients(self, cache: RecurrentCache, signals: StepSignals, into: Tree) -> None:
        by_input, by_hidden = rows_of(signals.by_input), rows_of(signals.by_hidden)
        matrix_product(rows_of(cache.x).mT, by_input, into["weight_ih"])
        for before, columns in signals.before:
            into["weight_hh"][..., columns] = matrix_product(
                rows_of(before).mT, by_hidden[..., columns]
            )
        if self.bias:
            sum_rows(by_input, into["bias_ih"])
            if signals.by_hidden is signals.by_input:
                into["bias_hh"][...] = into["bias_ih"]
            else:
                sum_rows(by_hidden, into["bias_hh"])
        for name, gradient in self.more_gradients(cache, signals).items():
            into[name][...] = gradient

    def _input_gradient(self, params: Tree, cache: RecurrentCache, signals: StepSignals) -> Array:
        return self._in_place(
            every_product(signals.by_input, params["weight_ih"].mT), cache.lengths
        )

    def _in_order(self, array: Array, lengths: Array | None) -> Array:
        return in_order(array, lengths, reverse=self.reverse)

    def _in_place(self, timed: Array, lengths: Array | None) -> Array:
        return in_place(timed, lengths, reverse=self.reverse)

    def _wrong_input(self, shape: tuple[int | str, ...], path: str) -> ShapeError:
        name = type(self).__name__
        key = "sequence_shape"
        if len(shape) == 2 and self.inputs == 1:
            key = "sequence_flat"
        elif len(shape) > 2 and shape[-1] == self.inputs and 0 in shape[-2:]:
            key = "sequence_empty"
        return ShapeError(
            key,
            path=path or name,
            layer=name,
            features=self.inputs,
            came=shape_text(shape),
        )
