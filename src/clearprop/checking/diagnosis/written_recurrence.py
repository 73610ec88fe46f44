"""A recurrence as people write it, as a layer of ours: a plain function known by what it computes.

The weights of a person's RNN, GRU or LSTM may be turned round, may have one bias or two or none,
their gates in another order, the times in front of the samples, and only the last state may come
out. `written_recurrences` tries these, and a `WrittenRecurrence` is the layer that computes the
same with the person's arrays: it lays them out as ours, runs ours, and lays the gradients back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.checking.diagnosis.hypotheses import USUAL, Budget, difference
from clearprop.engine.initializers import Normal
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Parameter, Tree
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_arrays import parts
from clearprop.engine.layers.rnn import RNN

WEIGHTS = ("weight_ih", "weight_hh")
BIASES = ("bias_ih", "bias_hh")


class RecurrentForm(NamedTuple):
    """How a person laid a recurrence out.

    order        where our gates stand in the columns of theirs
    turned       whether the weights are (G·H, in), as PyTorch has them
    together     whether W and U are one matrix, below one another: of x first, or of h first
    times_first  whether x and y are (T, N, ·)
    last         whether only the last state comes out
    """

    order: tuple[int, ...]
    turned: bool
    together: str
    times_first: bool
    last: bool


class RecurrenceCache(NamedTuple):
    """Our layer's parameters and cache, and how many times there were."""

    params: Tree
    cache: Any
    times: int


@dataclass(frozen=True, eq=False)
class WrittenRecurrence(Layer):
    """Our layer behind a person's layout; `shapes` are those of their arrays, by our names, or
    `weight` of both weights together."""

    layer: Recurrent
    form: RecurrentForm
    shapes: Mapping[str, Shape]

    def settings(self) -> dict[str, Any]:
        return {}

    def parameters(self) -> Mapping[str, Parameter]:
        return {name: Parameter(shape, Normal(), 1, 1) for name, shape in self.shapes.items()}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return None

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        ours = self.ours(params)
        sequence = x.swapaxes(0, 1) if self.form.times_first else x
        y, cache, _ = self.layer.forward(ours, sequence, Context())
        return self._outside(y), RecurrenceCache(ours, cache, sequence.shape[1]), EMPTY

    def backward(self, params: Tree, cache: RecurrenceCache, dy: Array) -> Backward:
        inside = self.inside(dy, cache.times)
        return self.theirs(*self.layer.backward(cache.params, cache.cache, inside))

    def ours(self, params: Tree) -> dict[str, Array]:
        """Their arrays in our layout; a bias of ours that they have not is 0."""
        found = dict(params)
        if self.form.together:
            whole = found.pop("weight")
            whole = whole.T if self.form.turned else whole
            of_x = (
                self.layer.inputs if self.form.together == "x" else len(whole) - self.layer.inputs
            )
            first, second = whole[:of_x], whole[of_x:]
            pair = (first, second) if self.form.together == "x" else (second, first)
            found |= dict(zip(WEIGHTS, pair, strict=True))
        elif self.form.turned:
            found |= {name: found[name].T for name in WEIGHTS}
        width = len(self.layer.gates) * self.layer.hidden
        for name in BIASES if self.layer.bias else ():
            found[name] = found[name].reshape(1, width) if name in found else np.zeros((1, width))
        return {name: self._columns(array, self.form.order) for name, array in found.items()}

    def theirs(self, dx: Array | None, gradients: Mapping[str, Array]) -> Backward:
        """The way back: ∂C/∂x and the gradients in their layout."""
        back = tuple(int(place) for place in np.argsort(self.form.order))
        found = {name: self._columns(array, back) for name, array in gradients.items()}
        if self.form.together:
            names = WEIGHTS if self.form.together == "x" else WEIGHTS[::-1]
            found["weight"] = np.concatenate([found.pop(name) for name in names])
        if self.form.turned:
            found |= {name: found[name].T for name in (*WEIGHTS, "weight") if name in found}
        shaped = {name: found[name].reshape(shape) for name, shape in self.shapes.items()}
        if dx is not None and self.form.times_first:
            dx = dx.swapaxes(0, 1)
        return dx, shaped

    def inside(self, dy: Array, times: int) -> Array:
        """∂C/∂y as our layer has it."""
        if self.form.last:
            every = np.zeros((len(dy), times, dy.shape[-1]), dy.dtype)
            every[:, -1] = dy
            return every
        return dy.swapaxes(0, 1) if self.form.times_first else dy

    def _outside(self, y: Array) -> Array:
        if self.form.last:
            return y[:, -1]
        return y.swapaxes(0, 1) if self.form.times_first else y

    def _columns(self, array: Array, order: tuple[int, ...]) -> Array:
        gates = parts(array, self.layer.hidden)
        return np.concatenate([gates[place] for place in order], axis=-1)


class FoundRecurrence(NamedTuple):
    """The layer, and the names of the function's arrays by its own."""

    layer: WrittenRecurrence
    names: Mapping[str, str]


def written_recurrences(
    arrays: Mapping[str, Array], output: Array, budget: Budget
) -> Iterator[FoundRecurrence]:
    """The recurrences that turn the arrays into the output."""
    for x_name, x in arrays.items():
        if x.ndim != 3 or x.dtype.kind != "f" or output.ndim not in (2, 3):
            continue
        rest = {name: array for name, array in arrays.items() if name != x_name}
        for layer, names in _layers(x, rest, output):
            if not budget.spend():
                return
            params = {own: np.asarray(arrays[name], np.float64) for own, name in names.items()}
            with np.errstate(all="ignore"):
                y = layer.forward(params, x.astype(np.float64), Context())[0]
            if y.shape == output.shape and difference(y, output) <= USUAL:
                yield FoundRecurrence(layer, {"x": x_name, **names})


def _layers(
    x: Array, rest: Mapping[str, Array], output: Array
) -> Iterator[tuple[WrittenRecurrence, dict[str, str]]]:
    """Every layer and layout that the shapes allow, with the names of its arrays."""
    hidden, inputs = output.shape[-1], x.shape[-1]
    matrices = [name for name, array in rest.items() if _is_matrix(array)]
    vectors = [name for name in rest if name not in matrices]
    if len(vectors) > 2 or not 1 <= len(matrices) <= 2:
        return
    for kind in _kinds(inputs, hidden, bias=bool(vectors)):
        width = len(kind.gates) * hidden
        if any(rest[name].size != width for name in vectors):
            continue
        for names, turned, together in _weights(rest, matrices, inputs, hidden, width):
            for own, theirs in _biases(vectors):
                every = {**names, **dict(zip(own, theirs, strict=True))}
                shapes = {name: rest[their].shape for name, their in every.items()}
                for order in permutations(range(len(kind.gates))):
                    for times_first in (False, True):
                        last = output.ndim == 2
                        form = RecurrentForm(order, turned, together, times_first, last)
                        yield WrittenRecurrence(kind, form, shapes), every


def _is_matrix(array: Array) -> bool:
    return array.ndim == 2 and min(array.shape) > 1


def _kinds(inputs: int, hidden: int, *, bias: bool) -> Iterator[Recurrent]:
    for nonlinearity in ("tanh", "relu"):
        yield RNN(inputs, hidden, bias, nonlinearity=nonlinearity)
    for reset_after in (True, False):
        yield GRU(inputs, hidden, bias, reset_after=reset_after)
    yield LSTM(inputs, hidden, bias)


def _weights(
    rest: Mapping[str, Array], matrices: list[str], inputs: int, hidden: int, width: int
) -> Iterator[tuple[dict[str, str], bool, str]]:
    """The names of the weights, whether they are turned round, and whether they are together."""
    for turned in (False, True):
        shapes = {name: rest[name].shape[::-1] if turned else rest[name].shape for name in matrices}
        if len(matrices) == 1 and shapes[matrices[0]] == (inputs + hidden, width):
            for first in ("x", "h"):
                yield {"weight": matrices[0]}, turned, first
        for one, other in permutations(matrices, 2):
            if shapes[one] == (inputs, width) and shapes[other] == (hidden, width):
                yield dict(zip(WEIGHTS, (one, other), strict=True)), turned, ""


def _biases(vectors: list[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Our names and theirs. One bias may stand with x or with h, which a GRU tells apart."""
    if len(vectors) == 1:
        yield BIASES[:1], tuple(vectors)
        yield BIASES[1:], tuple(vectors)
    else:
        for order in permutations(vectors):
            yield BIASES[: len(order)], order
