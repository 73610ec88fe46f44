"""A plain function, known by what it computes: which layers of ours, one after another, give its
output from its arrays.

    y = f_L(… f_1(f_0(x) W₁ + b₁) …)      with or without biases and activations, or x + that
    a loss of such a y and a target       where one number comes out

Arrays may be passed in any order; their shapes say where they can stand, and the output which of
the choices is the function's. The search looks at a few samples, since each goes its own way; its
finds are to be compared at the whole point.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, permutations
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.hypotheses import USUAL, Budget, difference
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Activation, Identity
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.smooth_activations import GELU
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.losses import Loss
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSSES

ROWS = 8
# Enough for three linear layers with any activation of the catalogue behind each: what has more
# leaves a tape, as a rule, and is not guessed.
TRIES = 12_000
# Every loss is tried behind a candidate, which costs as much as so many others.
A_LOSS = 8

NONE = Identity()
BETWEEN: tuple[Activation, ...] = tuple(
    dict.fromkeys(
        example.layer
        for example in chain([*LAYER_EXAMPLES[Identity]], *LAYER_EXAMPLES.values())
        if isinstance(example.layer, Activation)
        # The exact one is SciPy's: without it nothing can be held against it.
        if example.layer != GELU() or is_installed("scipy")
    )
)
LAST: tuple[Activation | Softmax | LogSoftmax, ...] = (*BETWEEN, Softmax(), LogSoftmax())


class Recognized(NamedTuple):
    """A layer, and the names of the function's arrays by the layer's own: "x" and the paths."""

    layer: Layer
    names: Mapping[str, str]


class RecognizedLoss(NamedTuple):
    """Layers and a summed loss behind them, the factor before its sum, and its target's name."""

    layers: Recognized
    loss: Loss
    factor: float
    target: str


class _Placed(NamedTuple):
    """What stands so far: the layers, and by position the names of a linear layer's arrays."""

    layers: tuple[Layer, ...]
    arrays: Mapping[int, tuple[str, ...]]


def recognized_loss(
    arrays: Mapping[str, Array], value: float, budget: Budget
) -> Iterator[RecognizedLoss]:
    """The layers and the loss behind them that turn the arrays into one number.

    All samples are looked at, since all of them are in the number.
    """
    for x, target in permutations(arrays, 2):
        t = arrays[target]
        left = {name: array for name, array in arrays.items() if name not in (x, target)}
        floating = all(arrays[name].dtype.kind == "f" for name in (x, *left))
        if not floating or min(arrays[x].ndim, t.ndim) < 1 or len(arrays[x]) != len(t):
            continue
        with np.errstate(all="ignore"):
            for placed, output in _grow(
                arrays[x].astype(np.float64), left, _Placed((), {}), budget
            ):
                if not budget.spend(A_LOSS):
                    return
                for loss, factor in _losses(output, t, value):
                    yield RecognizedLoss(_made(placed, x, residual=False), loss, factor, target)


def _losses(output: Array, target: Array, value: float) -> Iterator[tuple[Loss, float]]:
    """The losses that give the value, as they are or with a factor that people put before a sum."""
    if output.ndim != 2 or target.shape not in (output.shape, output.shape[:1]):
        return
    target = target.astype(np.float64) if target.dtype.kind == "f" else target
    for kind in LOSSES.values():
        loss = kind(reduction="sum")
        try:
            total = float(loss.evaluate(output, target).value)
        except ClearpropError:
            continue
        for count in (1, len(output), output.size):
            for factor in (1 / count, 1 / (2 * count)):
                if abs(factor * total - value) <= USUAL * abs(value):
                    yield loss, factor


def recognized(arrays: Mapping[str, Array], output: Array, budget: Budget) -> Iterator[Recognized]:
    """The layers that turn the arrays into the output (N, …), as far as some rows tell."""
    for name, x in arrays.items():
        others = {other: array for other, array in arrays.items() if other != name}
        floating = all(array.dtype.kind == "f" for array in arrays.values())
        if not floating or not x.ndim or not output.ndim or len(x) != len(output):
            continue
        some = np.asarray(x[:ROWS], np.float64)
        y = np.asarray(output[:ROWS], np.float64)
        sums = y - some if y.shape == some.shape and others else None
        with np.errstate(all="ignore"):
            for placed, values in _grow(some, others, _Placed((), {}), budget):
                if difference(values, y) <= USUAL:
                    yield _made(placed, name, residual=False)
                elif sums is not None and difference(values, sums) <= USUAL:
                    yield _made(placed, name, residual=True)


def _grow(
    values: Array, left: Mapping[str, Array], placed: _Placed, budget: Budget
) -> Iterator[tuple[_Placed, Array]]:
    """Every way to use what is left, activation by activation, linear layer by linear layer."""
    for activation in LAST if not left else BETWEEN:
        if not budget.spend():
            return
        layers = placed.layers if activation == NONE else (*placed.layers, activation)
        after = activation.value(values)
        if not left:
            yield _Placed(layers, placed.arrays), after
            continue
        for names in _linear(values.shape[-1], left):
            weight, *bias = (np.asarray(left[name], np.float64) for name in names)
            further = after @ weight
            if bias:
                further = further + bias[0].reshape(-1)
            linear = Linear(len(weight), weight.shape[1], bias=bool(bias))
            there = _Placed((*layers, linear), {**placed.arrays, len(layers): names})
            remaining = {name: array for name, array in left.items() if name not in names}
            yield from _grow(further, remaining, there, budget)


def _linear(inputs: int, left: Mapping[str, Array]) -> Iterator[tuple[str, ...]]:
    """The names of a weight, or of a weight and a bias, that fit a layer of so many inputs."""
    for name, weight in left.items():
        if weight.ndim != 2 or len(weight) != inputs or not weight.size:
            continue
        outputs = weight.shape[1]
        for other, bias in left.items():
            if other != name and bias.size == outputs == max(bias.shape, default=1):
                yield name, other
        yield (name,)


def _made(placed: _Placed, x: str, *, residual: bool) -> Recognized:
    layers = placed.layers or (NONE,)
    layer = layers[0] if len(layers) == 1 else Sequential(*layers)
    names = {"x": x}
    for position, arrays in placed.arrays.items():
        path = "branch" if residual else ""
        if len(layers) > 1:
            path = join_path(path, f"layers[{position}]")
        # A layer without a bias has one name.
        for own, name in zip(("weight", "bias"), arrays, strict=False):
            names[join_path(path, own)] = name
    return Recognized(Residual(layer) if residual else layer, names)
