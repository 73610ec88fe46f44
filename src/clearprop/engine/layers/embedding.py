"""Embedding: a row of numbers for every id.

Forward      yₙ = W[idₙ]                     ids (N,) or (N, T), W (entries, D), y (N, D) or
                                             (N, T, D)

             It is Linear at a one-hot x, without multiplying by its zeros: xₙᵢ = 1 where i = idₙ.

Backward     From yₙⱼ = w_{idₙ j}: ∂yₙⱼ/∂wᵢⱼ = 1 where idₙ = i, else 0, so

             ∂C/∂wᵢⱼ = Σ over the n with idₙ = i of dyₙⱼ

             An id that comes up several times collects the sum of its signals, one that does not
             come up gets 0. An id is a name and not a measurement: there is no ∂C/∂id, and dx is
             None.

Cached       The ids.

K networks   W is (K, entries, D), ids (K, N) or (K, N, T), y (K, N, D) or (K, N, T, D).

Source: Bengio and others, "A neural probabilistic language model", 2003.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import DtypeError, ShapeError
from clearprop.base.settings import require_sizes
from clearprop.engine.initializers import Initializer, Normal
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Parameter, Tree

STANDARD_NORMAL = Normal()


class EmbeddingCache(NamedTuple):
    """`ids`: the rows that were taken."""

    ids: Array


@dataclass(frozen=True)
class Embedding(Layer):
    """The rows of a learned table (entries, features), by their whole-numbered ids.

    The table starts from N(0, 1), PyTorch's default, unless told otherwise. Raises
    ConfigurationError unless both sizes are whole numbers >= 1; forward raises DtypeError for ids
    that are not whole numbers, and ShapeError for an id that has no row.
    """

    entries: int
    features: int
    initializer: Initializer = STANDARD_NORMAL

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "entries", "features")

    def parameters(self) -> Mapping[str, Parameter]:
        shape = (self.entries, self.features)
        return {"weight": Parameter(shape, self.initializer, *shape)}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        if len(input_shape) > 1:
            raise self._wrong_shape("Embedding", ("N", *input_shape))
        return (*input_shape, self.features)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        weight = params["weight"]
        if x.ndim - (weight.ndim - 2) not in (1, 2):
            raise self._wrong_shape(context.path or "Embedding", x.shape)
        if x.dtype.kind not in "iu":
            path = context.path or "Embedding"
            raise DtypeError("ids_expected", path=path, came=x.dtype)
        self.require_known(x, context.path)
        if weight.ndim == 2:
            return weight[x], EmbeddingCache(x), EMPTY
        table = np.arange(len(weight)).reshape(-1, *(1,) * (x.ndim - 1))
        return weight[table, x], EmbeddingCache(x), EMPTY

    def backward(self, params: Tree, cache: EmbeddingCache, dy: Array) -> Backward:
        weight = params["weight"]
        ids = cache.ids.astype(np.intp, copy=False)
        if weight.ndim == 3:
            # K tables under one another are one table: network k's ids begin at k · entries.
            first = np.arange(len(weight)) * self.entries
            ids = ids + first.reshape(-1, *(1,) * (ids.ndim - 1))
        gradient = np.zeros((weight.size // self.features, self.features), dy.dtype)
        if ids.size:
            # Not gradient[ids] += dy, which keeps only the last of several equal ids. In order,
            # equal ids stand side by side, and sums over runs take an eighth of np.add.at's time.
            order = np.argsort(ids, axis=None, kind="stable")
            ordered = ids.ravel()[order]
            first = np.flatnonzero(np.diff(ordered, prepend=-1))
            signals = dy.reshape(ids.size, self.features)[order]
            gradient[ordered[first]] = np.add.reduceat(signals, first, axis=0)
        return None, {"weight": gradient.reshape(weight.shape)}

    def require_known(self, ids: Array, path: str) -> None:
        """Refuse ids that have no row, naming the first: ShapeError."""
        if not ids.size or (ids.min() >= 0 and ids.max() < self.entries):
            return
        unknown = (ids < 0) | (ids >= self.entries)
        place = tuple(int(i) for i in np.argwhere(unknown)[0])
        raise ShapeError(
            "id_unknown",
            path=path or "Embedding",
            id=int(ids[place]),
            place=shape_text(place),
            entries=self.entries,
            features=self.features,
            last=self.entries - 1,
        )

    def _wrong_shape(self, path: str, came: tuple[int | str, ...]) -> ShapeError:
        return ShapeError("ids_shape", path=path, came=shape_text(came))
