"""The operations that a forward is made of, each with its own derivative.

Four families cover what NumPy offers: functions entry by entry, which may be of several arrays that
are broadcast; products that sum over an axis; sums and extremes; and what only moves entries about
(a transposition, a reshape, a choice, a concatenation), whose derivative follows from where the
number of every entry goes. A fifth stands for many of them: a convolution or a pooling, once it is
recognized.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.arrays import Shape as ArrayShape
from clearprop.checking.verdict.outcomes import PlainEnum

# Entry by entry, of a function that has no derivative in the table.
STEP = float(np.cbrt(np.finfo(np.float64).eps))


class Family(PlainEnum):
    """What an operation does with its operands' entries."""

    ENTRYWISE = "entrywise"
    PRODUCT = "product"
    REDUCTION = "reduction"
    MOVEMENT = "movement"
    IMAGE = "image"


class Operation(NamedTuple):
    """One operation with everything but its operands' values settled.

    apply  from the operands' values to the result
    back   from the operands' values, the result, ∂C/∂result and the number of an operand to
           ∂C/∂(that operand); None where it has no derivative
    chosen of a movement that chooses entries, the index
    """

    name: str
    family: Family
    apply: Callable[[Sequence[Array]], Array]
    back: Callable[[Sequence[Array], Array, Array, int], Array | None]
    chosen: Any = None


def summed_to(array: Array, shape: ArrayShape) -> Array:
    """The array summed over the axes along which `shape` was broadcast to it."""
    extra = array.ndim - len(shape)
    if extra:
        array = array.sum(axis=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    found: Array = array.sum(axis=axes, keepdims=True) if axes else array
    return found


# Entry by entry

# From the operands and the result to ∂result/∂(operand), by the operation's name.
Slopes = tuple[Callable[[Sequence[Array], Array], Any], ...]
SLOPES: dict[str, Slopes] = {
    "add": (lambda v, y: 1.0, lambda v, y: 1.0),
    "subtract": (lambda v, y: 1.0, lambda v, y: -1.0),
    "multiply": (lambda v, y: v[1], lambda v, y: v[0]),
    "divide": (lambda v, y: 1 / v[1], lambda v, y: -y / v[1]),
    "negative": (lambda v, y: -1.0,),
    "positive": (lambda v, y: 1.0,),
    "reciprocal": (lambda v, y: -y * y,),
    "exp": (lambda v, y: y,),
    "log": (lambda v, y: 1 / v[0],),
    "log1p": (lambda v, y: 1 / (1 + v[0]),),
    "tanh": (lambda v, y: 1 - y * y,),
    "sqrt": (lambda v, y: 0.5 / y,),
    "square": (lambda v, y: 2 * v[0],),
    "absolute": (lambda v, y: np.sign(v[0]),),
    "maximum": (
        lambda v, y: (v[0] > v[1]) + 0.5 * ((v[0] == v[1]) & (v[0] != 0)),
        lambda v, y: (v[1] > v[0]) + 0.5 * ((v[0] == v[1]) & (v[0] != 0)),
    ),
    "minimum": (
        lambda v, y: (v[0] < v[1]) + 0.5 * (v[0] == v[1]),
        lambda v, y: (v[1] < v[0]) + 0.5 * (v[0] == v[1]),
    ),
    # Where the base is 0 the exponent is no variable.
    "power": (
        lambda v, y: v[1] * np.power(v[0], v[1] - 1.0),
        lambda v, y: y * np.log(np.where(v[0] > 0, v[0], 1.0)),
    ),
    "where": (lambda v, y: 0.0, lambda v, y: v[0] != 0, lambda v, y: v[0] == 0),
    "clip": (
        lambda v, y: (v[0] >= v[1]) & (v[0] <= v[2]),
        lambda v, y: v[0] < v[1],
        lambda v, y: v[0] > v[2],
    ),
}


def entrywise(name: str, function: Callable[..., Any]) -> Operation:
    """A function of one entry of every operand."""
    slopes = SLOPES.get(name)

    def slope(values: Sequence[Array], result: Array, which: int) -> Any:
        if slopes is not None:
            return slopes[which](values, result)
        moved = [list(values), list(values)]
        step = STEP * np.maximum(1.0, np.abs(values[which]))
        moved[0][which], moved[1][which] = values[which] + step, values[which] - step
        above, below = function(*moved[0]), function(*moved[1])
        return (above - below) / (moved[0][which] - moved[1][which])

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array | None:
        if values[which].dtype.kind != "f":
            return None
        return summed_to(np.asarray(dy * slope(values, result, which)), values[which].shape)

    return Operation(name, Family.ENTRYWISE, lambda values: np.asarray(function(*values)), back)


def flat(name: str, function: Callable[..., Any]) -> Operation:
    """A function without a derivative: a comparison, a rounding."""
    return Operation(
        name,
        Family.ENTRYWISE,
        lambda values: np.asarray(function(*values)),
        lambda values, result, dy, which: None,
    )


# Products


def _matmul_back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array:
    a, b = values
    left = a[None, :] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    if b.ndim == 1:
        dy = dy[..., None]
    if a.ndim == 1:
        dy = dy[..., None, :]
    if which == 0:
        return summed_to(dy @ right.swapaxes(-1, -2), left.shape).reshape(a.shape)
    return summed_to(left.swapaxes(-1, -2) @ dy, right.shape).reshape(b.shape)


MATMUL = Operation("matmul", Family.PRODUCT, lambda values: np.matmul(*values), _matmul_back)


def einsum(subscripts: str) -> Operation:
    """Einstein's sum of one or two operands, the result's letters spelled out."""
    inputs, output = subscripts.replace(" ", "").split("->")
    letters = inputs.split(",")

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array:
        own = letters[which]
        others = [(letters[i], values[i]) for i in range(len(values)) if i != which]
        known = set(output).union(*(text for text, _ in others))
        # A letter that nobody else has was summed by itself: its share is the same everywhere.
        lone = "".join(dict.fromkeys(letter for letter in own if letter not in known))
        if lone:
            lengths = dict(zip(own, values[which].shape, strict=True))
            others.append((lone, np.ones([lengths[letter] for letter in lone])))
        spelled = ",".join([output, *(text for text, _ in others)])
        found: Array = np.einsum(f"{spelled}->{own}", dy, *(array for _, array in others))
        return found

    return Operation(
        "einsum", Family.PRODUCT, lambda values: np.asarray(np.einsum(subscripts, *values)), back
    )


# Sums and extremes

Axes = int | tuple[int, ...] | None


def spread(dy: Array, shape: ArrayShape, axis: Axes, keepdims: bool) -> Array:
    """∂C/∂(a sum) beside every entry that was summed."""
    if not keepdims and axis is not None:
        dy = np.expand_dims(dy, axis)
    elif not keepdims:
        dy = dy.reshape((1,) * len(shape))
    return np.broadcast_to(dy, shape)


def total(axis: Axes, keepdims: bool) -> Operation:
    """The sum over some axes, over all where `axis` is None."""
    return Operation(
        "sum",
        Family.REDUCTION,
        lambda values: np.asarray(values[0].sum(axis=axis, keepdims=keepdims)),
        lambda values, result, dy, which: spread(dy, values[0].shape, axis, keepdims),
    )


def extreme(name: str, function: Callable[..., Any], axis: Axes, keepdims: bool) -> Operation:
    """The largest or the smallest entry; of equal ones every one has its share."""

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array:
        chosen = values[0] == spread(np.asarray(result), values[0].shape, axis, keepdims)
        count = chosen.sum(axis=axis, keepdims=True)
        share: Array = spread(dy, values[0].shape, axis, keepdims) * chosen / count
        return share

    return Operation(
        name,
        Family.REDUCTION,
        lambda values: np.asarray(function(values[0], axis=axis, keepdims=keepdims)),
        back,
    )


# Movement


def movement(name: str, function: Callable[..., Any], count: int, chosen: Any = None) -> Operation:
    """What takes `count` arrays' entries elsewhere, with zeros or numbers of its own between."""

    def back(values: Sequence[Array], result: Array, dy: Array, which: int) -> Array:
        # Entry k of this operand is number k + 1; what is 0 came from elsewhere.
        numbered = [np.zeros(value.shape, np.int64) for value in values[:count]]
        own = values[which]
        numbered[which] = np.arange(1, own.size + 1).reshape(own.shape)
        came_from = np.asarray(function(*numbered, *values[count:])).astype(np.int64)
        found = np.zeros(own.size + 1)
        np.add.at(found, came_from.ravel(), np.broadcast_to(dy, came_from.shape).ravel())
        return found[1:].reshape(own.shape)

    return Operation(
        name, Family.MOVEMENT, lambda values: np.asarray(function(*values)), back, chosen
    )


def _written(old: Any, new: Any, index: Any) -> Any:
    changed = np.array(old)
    if np.asarray(new).dtype.kind == "f":
        changed = changed.astype(np.result_type(changed, new))
    changed[index] = new
    return changed


def written_into(index: Any) -> Operation:
    """`old[index] = new`, of the operands old and new."""
    return movement("written", lambda old, new: _written(old, new, index), 2)
