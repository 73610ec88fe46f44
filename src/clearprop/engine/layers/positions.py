"""Positions: what tells one place of a sequence from another, x (N, T, D).

Forward      LearnedPositions     y_tj = x_tj + P_tj            P (length, D) is `weight`
             SinusoidalPositions  y_tj = x_tj + S_tj            S_{t,2i}   = sin(t ω_i)
                                                                S_{t,2i+1} = cos(t ω_i)
                                                                ω_i = base^(−2i/D)
             RotaryPositions      every pair (a, b) of a head's features is turned by t ω_i:
                                  a′ = a cos tω_i − b sin tω_i,  b′ = a sin tω_i + b cos tω_i
                                  ω_i = base^(−2i/d) for pair i of a head with d features

             The pair i is (i, i + d/2), the halves of a head, as in GPT-NeoX and Llama, or
             `interleaved` (2i, 2i + 1), as in the paper. A product q·k of two vectors that were
             turned depends on t_q − t_k alone, as (R_t q)ᵀ (R_s k) = qᵀ R_{s−t} k.

Backward     LearnedPositions     ∂C/∂x = dy,  ∂C/∂P_tj = Σₙ dy_ntj for t < T, and 0 behind
             SinusoidalPositions  ∂C/∂x = dy: S is no function of x
             RotaryPositions      a turn is a linear map whose inverse is its transpose, so dx is dy
                                  turned back:  da = da′ cos + db′ sin,  db = −da′ sin + db′ cos

Cached       T of LearnedPositions, and the cosines and sines of RotaryPositions.

Sources: Vaswani and others, "Attention is all you need", 2017; Su and others, "RoFormer: enhanced
transformer with rotary position embedding", 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, freeze, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import require_positive, require_sizes, settle_flag
from clearprop.engine.initializers import Initializer, Normal
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    OpenShape,
    Parameter,
    Tree,
    refuse_integers,
)

# GPT-2's start; PyTorch has no layer of learned positions.
SMALL_NORMAL = Normal(0.0, 0.02)


class Turns(NamedTuple):
    """The cosines and sines (T, d/2) of every position's angles."""

    cosines: Array
    sines: Array


class LearnedPositionsCache(NamedTuple):
    """`length`: T, how many of the table's rows were added."""

    length: int


@dataclass(frozen=True)
class LearnedPositions(Layer):
    """x + P: a learned vector of so many features for each of the first `length` positions.

    The table starts from N(0, 0.02²) unless told otherwise. Raises ConfigurationError unless both
    sizes are whole numbers >= 1; ShapeError for a sequence that is longer than the table.
    """

    features: int
    length: int
    initializer: Initializer = SMALL_NORMAL

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features", "length")

    def parameters(self) -> Mapping[str, Parameter]:
        shape = (self.length, self.features)
        return {"weight": Parameter(shape, self.initializer, *shape)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None:
            require_sequence(self, input_shape, self.features, "LearnedPositions")
            if not isinstance(input_shape, OpenShape):
                self._require_length(input_shape[0], "LearnedPositions")
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        path = context.path or "LearnedPositions"
        require_sequence(self, sample_shape(x, context), self.features, path)
        length = x.shape[-2]
        self._require_length(length, path)
        added = params["weight"][..., :length, :]
        y = x + (added if context.networks is None else added[:, None])
        return y, LearnedPositionsCache(length), EMPTY

    def backward(self, params: Tree, cache: LearnedPositionsCache, dy: Array) -> Backward:
        gradient = np.zeros(params["weight"].shape, dy.dtype)
        np.add.reduce(dy, axis=-3, out=gradient[..., : cache.length, :])
        return dy, {"weight": gradient}

    def _require_length(self, came: int, path: str) -> None:
        if came > self.length:
            raise ShapeError("positions_beyond", path=path, length=self.length, came=came)


@dataclass(frozen=True)
class SinusoidalPositions(Layer):
    """x + S: the sines and cosines of every position at the frequencies base^(−2i/features).

    Raises ConfigurationError unless features is a whole number >= 1 and base a number above 0.
    """

    features: int
    base: float = 10000.0

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features")
        require_positive(self, "base")

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None:
            require_sequence(self, input_shape, self.features, "SinusoidalPositions")
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        path = context.path or "SinusoidalPositions"
        require_sequence(self, sample_shape(x, context), self.features, path)
        return x + self.table(x.shape[-2]).astype(x.real.dtype), (), EMPTY

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        return dy, EMPTY

    def table(self, length: int) -> Array:
        """S (length, features) in float64."""
        return _sinusoids(length, self.features, self.base)


@dataclass(frozen=True)
class RotaryPositions(Layer):
    """Turns the pairs of features of every head by angles that grow with the position.

    `features` is divided among `heads`; of each head's features the first half is paired with the
    second, or with `interleaved` every one with its neighbour. Raises ConfigurationError unless
    the heads divide the features into even parts, and base is a number above 0.
    """

    features: int
    heads: int = 1
    base: float = 10000.0
    interleaved: bool = False

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features", "heads")
        require_positive(self, "base")
        settle_flag(self, "interleaved")
        require_heads(self, self.features, self.heads, even=True)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is not None:
            require_sequence(self, input_shape, self.features, "RotaryPositions")
        return input_shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        path = context.path or "RotaryPositions"
        require_sequence(self, sample_shape(x, context), self.features, path)
        size = self.features // self.heads
        turns = turns_of(x.shape[-2], size, self.base, x.real.dtype.char)
        return self._turned(x, turns), turns, EMPTY

    def backward(self, params: Tree, cache: Turns, dy: Array) -> Backward:
        return self._turned(dy, back(cache)), EMPTY

    def _turned(self, x: Array, turns: Turns) -> Array:
        size = self.features // self.heads
        heads = x.reshape(*x.shape[:-1], self.heads, size).swapaxes(-2, -3)
        turned = turn(heads, turns, interleaved=self.interleaved)
        return turned.swapaxes(-2, -3).reshape(x.shape)


def turn(x: Array, turns: Turns, *, interleaved: bool = False) -> Array:
    """Every pair of x (..., T, d) turned by its position's angle, as a new array."""
    first, second = _pairs(x, interleaved)
    turned = np.empty(x.shape, x.dtype)
    new_first, new_second = _pairs(turned, interleaved)
    np.subtract(first * turns.cosines, second * turns.sines, out=new_first)
    np.add(first * turns.sines, second * turns.cosines, out=new_second)
    return turned


def back(turns: Turns) -> Turns:
    """The same angles the other way round."""
    return Turns(turns.cosines, -turns.sines)


@lru_cache(maxsize=16)
def turns_of(length: int, size: int, base: float, dtype: str) -> Turns:
    """The turns of `length` positions for heads of `size` features; made once, read-only."""
    angles = _angles(length, size, base)
    return Turns(freeze(np.cos(angles).astype(dtype)), freeze(np.sin(angles).astype(dtype)))


def turn_tables(size: int, base: float, *, interleaved: bool = False) -> tuple[Array, Array, Array]:
    """What turns `size` features as y_j = x_j cos(t r_j) + x_partner(j) sign_j sin(t r_j): the
    partner, the rate r and the sign of each."""
    features = np.arange(size)
    half = size // 2
    first = features % 2 == 0 if interleaved else features < half
    step = 1 if interleaved else half
    pair = features // 2 if interleaved else features % half
    partner = np.where(first, features + step, features - step)
    return partner, base ** (-2 * pair / size), np.where(first, -1.0, 1.0)


def require_sequence(layer: Layer, shape: Shape, features: int, path: str) -> None:
    """Refuse a sample that is not (T, features). Raises ShapeError."""
    axes = 1 if isinstance(shape, OpenShape) else 2
    if len(shape) != axes or shape[-1] != features:
        raise ShapeError(
            "sequence_shape",
            path=path,
            layer=type(layer).__name__,
            features=features,
            came=shape_text(("N", *shape)),
        )


def sample_shape(x: Array, context: Context) -> Shape:
    """The shape of one sample of x (N, ...), or of K networks (K, N, ...)."""
    return x.shape[1 if context.networks is None else 2 :]


def require_heads(owner: Layer, features: int, heads: int, *, even: bool = False) -> None:
    """Refuse heads that do not divide the features, or where they have to be `even` that leave
    each an odd number of them. Raises ConfigurationError."""
    if features % heads or (even and features // heads % 2):
        raise ConfigurationError(
            "heads_odd" if even and not features % heads else "heads_divide",
            layer=type(owner).__name__,
            features=features,
            heads=heads,
            size=features // heads,
        )


def _pairs(x: Array, interleaved: bool) -> tuple[Array, Array]:
    """The first and the second of every pair, as views."""
    if interleaved:
        return x[..., 0::2], x[..., 1::2]
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def _angles(length: int, size: int, base: float) -> Array:
    """T ω_i of every position and pair, (length, ⌈size/2⌉)."""
    frequencies = base ** (-np.arange(0, size, 2) / size)
    angles: Array = np.arange(length)[:, None] * frequencies
    return angles


@lru_cache(maxsize=16)
def _sinusoids(length: int, features: int, base: float) -> Array:
    angles = _angles(length, features, base)
    table = np.empty((length, features))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)[:, : features // 2]
    return freeze(table)
