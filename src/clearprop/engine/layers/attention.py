"""Multi-head attention: every position of a sequence takes a weighted mean of all positions.

Forward      x (N, T, E), H heads of d = E/H features each; below for one sample, and from the
             second line on for one head, whose q, k, v are its own d columns

             [Q, K, V] = x W_in + b_in           W_in (E, 3E) is `in_proj_weight`, b_in (1, 3E)
             s_ij = (1/√d) Σ_c q_ic k_jc         how well position j fits what position i asks for
             w_ij = e^{s_ij} / Σ_l e^{s_il}      over the positions l that i may look at
             o_ic = Σ_j w_ij v_jc
             y    = [o of head 0, …, o of head H−1] W_out + b_out        W_out (E, E), b_out (1, E)

             A position that may not be looked at (one that comes later, with `causal`; padding)
             has s_ij = −∞ and so w_ij = 0. With `rotary`, q and k are turned by their positions
             first (`positions`). With `dropout` p, in training, w_ij is left out with probability
             p and otherwise divided by 1 − p, after the softmax.
             With `memory` S the sequence is (N, T + S, E): its first T positions ask and the last S
             are asked, which is cross-attention; y is (N, T, E).

Backward     dy = ∂C/∂y (N, T, E). From the end, with do = dy W_outᵀ cut into heads:

             ∂C/∂W_out = Σ over samples and positions of oᵀ dy,      ∂C/∂b_out = Σ dy
             ∂C/∂w_ij = Σ_c do_ic v_jc                               from o_ic = Σ_j w_ij v_jc
             ∂C/∂v_jc = Σ_i w_ij do_ic
             ∂C/∂s_ij = w_ij (∂C/∂w_ij − Σ_l w_il ∂C/∂w_il)     as ∂w_il/∂s_ij = w_il ([l=j] − w_ij)
             ∂C/∂q_ic = (1/√d) Σ_j ∂C/∂s_ij k_jc                 from s_ij = (1/√d) Σ_c q_ic k_jc
             ∂C/∂k_jc = (1/√d) Σ_i ∂C/∂s_ij q_ic
             ∂C/∂[Q, K, V] = those side by side;  dx, ∂C/∂W_in and ∂C/∂b_in from it as of Linear

             What the softmax takes from a row, Σ_l w_il ∂C/∂w_il, is Σ_c do_ic o_ic, since
             Σ_l w_il v_lc = o_ic: no matrix is needed for it. A weight of 0 gives ∂C/∂s = 0, so
             that nothing goes back to what may not be looked at. With dropout, w ⊙ m takes the
             place of w in o, and ∂C/∂w = m ⊙ the sum above.

Cached       x; q, k, v (turned, with `rotary`); w; o of all heads side by side; m of dropout; and
             the padding.

Side input   `key_padding_mask` (N, T) of booleans, True at positions that nobody looks at, as in
             PyTorch; with `memory` it is (N, S).

Source: Vaswani and others, "Attention is all you need", 2017.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import (
    EMPTY,
    Array,
    Shape,
    freeze,
    matrix_product,
    shape_text,
    sum_columns,
    sum_rows,
)
from clearprop.base.errors import ConfigurationError, DataError, ShapeError
from clearprop.base.settings import require_fractions, require_sizes, settle_flag
from clearprop.engine.initializers import FanInUniform, Initializer, XavierUniform, Zeros
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
from clearprop.engine.layers.positions import (
    back,
    require_heads,
    require_sequence,
    sample_shape,
    turn,
    turns_of,
)

BASE = 10000.0

# e^±64 lies within float32, which ends at e^±87, and so does the sum of a billion of them.
SMALL = 64.0

_XAVIER, _FAN_IN, _ZEROS = XavierUniform(), FanInUniform(), Zeros()


class AttentionCache(NamedTuple):
    """What the derivatives are made of; of every head in an axis (..., heads, positions, features).

    x        the layer's input
    q, k, v  what asks, what is asked, what is taken; turned with `rotary`
    weights  the softmax's shares (..., heads, T, S)
    merged   the heads' outputs side by side, (..., T, E)
    kept     what dropout multiplied the weights with; None where nothing was left out
    padding  the positions that nobody looks at; None where there are none
    """

    x: Array
    q: Array
    k: Array
    v: Array
    weights: Array
    merged: Array
    kept: Array | None
    padding: Array | None


@dataclass(frozen=True)
class MultiheadAttention(Layer):
    """Attention over a sequence (N, T, features) with `heads` heads.

    dropout  with this probability a weight is left out in training
    bias     False leaves out both biases
    causal   every position looks at itself and earlier ones alone
    memory   S: the last S positions of the sequence are what the ones before them look at
             (cross-attention); None for a sequence that looks at itself
    rotary   q and k are turned by their positions

    The weights start as PyTorch's: Xavier uniform of the whole (E, 3E), the output's U(±1/√E), the
    biases at 0. Raises ConfigurationError for heads that do not divide the features, and for causal
    attention to a memory; forward raises ShapeError, and DataError for a position that may look at
    nothing.
    """

    features: int
    heads: int
    dropout: float = 0.0
    bias: bool = True
    causal: bool = False
    memory: int | None = None
    rotary: bool = False

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features", "heads")
        if self.memory is not None:
            require_sizes(self, "memory")
        require_fractions(self, "dropout")
        for name in ("bias", "causal", "rotary"):
            settle_flag(self, name)
        require_heads(self, self.features, self.heads, even=self.rotary)
        if self.causal and self.memory is not None:
            raise ConfigurationError("attention_causal_memory")

    @property
    def head_size(self) -> int:
        """The features of each head."""
        return self.features // self.heads

    def parameters(self) -> Mapping[str, Parameter]:
        size = self.features

        def parameter(rows: int, columns: int, initializer: Initializer) -> Parameter:
            return Parameter((rows, columns), initializer, size, columns)

        found = {"in_proj_weight": parameter(size, 3 * size, _XAVIER)}
        if self.bias:
            found["in_proj_bias"] = parameter(1, 3 * size, _ZEROS)
        found["out_proj_weight"] = parameter(size, size, _FAN_IN)
        if self.bias:
            found["out_proj_bias"] = parameter(1, size, _ZEROS)
        return found

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        if input_shape is None:
            return None
        if isinstance(input_shape, OpenShape):
            require_sequence(self, input_shape, self.features, "MultiheadAttention")
            return input_shape
        self._require(input_shape, "MultiheadAttention")
        return (input_shape[0] - (self.memory or 0), self.features)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        self._require(sample_shape(x, context), context.path or "MultiheadAttention")
        padding = self._padding(x, context)
        asking = x.shape[-2] - (self.memory or 0)
        kept = None
        if context.training and self.dropout > 0:
            shape = (x.shape[-3], self.heads, asking, self.memory or asking)
            kept = self._kept(context, shape, x.real.dtype)
        found = self._through(params, x, padding, kept, EMPTY)
        y = self._output(params, found.merged)
        return y, AttentionCache(x, *found[1:], kept, padding), EMPTY

    def backward(self, params: Tree, cache: AttentionCache, dy: Array) -> Backward:
        d_packed, d_out = self._signals(params, cache, dy)
        rows, packed = _rows(cache.x), _rows(d_packed)
        gradients = {"in_proj_weight": matrix_product(rows.mT, packed)}
        if self.bias:
            gradients["in_proj_bias"] = sum_rows(packed)
        gradients |= d_out
        dx = matrix_product(packed, params["in_proj_weight"].mT).reshape(cache.x.shape)
        return dx, gradients

    def intermediates(self, params: Tree, cache: AttentionCache) -> Mapping[str, Intermediate]:
        """Of every head: q, k, v, the scores s (before anything is left out), the weights w, and
        the output o."""

        def of_heads(values: Array, *axes: str) -> Intermediate:
            return Intermediate(values, axes, within=("heads",))

        vectors = {"q": cache.q, "k": cache.k, "v": cache.v}
        return {
            **{name: of_heads(one, "position", "feature") for name, one in vectors.items()},
            "scores": of_heads(self._scores(cache.q, cache.k), "query", "key"),
            "weights": of_heads(cache.weights, "query", "key"),
            "output": of_heads(self._heads(cache.merged), "position", "feature"),
        }

    def intermediate_gradients(
        self, params: Tree, cache: AttentionCache, dy: Array
    ) -> Mapping[str, Array]:
        d_merged = self._merged_signal(params, dy)
        d_weights = self._weight_signal(cache, d_merged)
        d_scores = self._score_signal(cache, d_merged, d_weights.copy())
        scale = 1 / math.sqrt(self.head_size)
        d_output = self._heads(d_merged)
        taken = cache.weights if cache.kept is None else cache.weights * cache.kept
        return {
            "q": d_scores @ cache.k * scale,
            "k": d_scores.mT @ cache.q * scale,
            "v": taken.mT @ d_output,
            "scores": d_scores,
            "weights": d_weights,
            "output": d_output,
        }

    def output_moved(
        self, params: Tree, cache: AttentionCache, added: Mapping[str, Array]
    ) -> Array:
        found = self._through(params, cache.x, cache.padding, cache.kept, added)
        return self._output(params, found.merged)

    def _through(
        self,
        params: Tree,
        x: Array,
        padding: Array | None,
        kept: Array | None,
        added: Mapping[str, Array],
    ) -> "_Inner":
        """Everything up to the heads' outputs, with numbers added on the way."""
        packed = matrix_product(_rows(x), params["in_proj_weight"])
        if self.bias:
            packed += params["in_proj_bias"]
        q, k, v = self._cut(packed.reshape(*x.shape[:-1], 3, self.features))
        if self.rotary:
            q, k = (turn(one, self._turns(one)) for one in (q, k))
        q, k, v = (
            one + added[name] if name in added else one
            for name, one in (("q", q), ("k", k), ("v", v))
        )
        scores = self._scores(q, k)
        if "scores" in added:
            scores = scores + added["scores"]
        # The largest of a row cancels. Finding it takes longer than e of the whole row, and it is
        # taken off where e could leave what the dtype holds.
        real = scores.real
        is_small = bool(real.max(initial=0) <= SMALL and real.min(initial=0) >= -SMALL)
        if self.causal:
            scores += _later(scores.shape[-1], scores.real.dtype.char)
        if padding is not None:
            scores = np.where(padding[..., None, None, :], -np.inf, scores)
        if not is_small:
            scores -= scores.real.max(axis=-1, keepdims=True)
        weights = np.exp(scores, out=scores)
        weights /= sum_columns(weights)
        if "weights" in added:
            weights = weights + added["weights"]
        merged = np.empty((*x.shape[:-2], q.shape[-2], self.features), v.dtype)
        np.matmul(weights if kept is None else weights * kept, v, out=self._heads(merged))
        if "output" in added:
            self._heads(merged)[...] += added["output"]
        return _Inner(x, q, k, v, weights, merged)

    def _output(self, params: Tree, merged: Array) -> Array:
        y = matrix_product(_rows(merged), params["out_proj_weight"])
        if self.bias:
            y += params["out_proj_bias"]
        return y.reshape(merged.shape)

    def _signals(
        self, params: Tree, cache: AttentionCache, dy: Array
    ) -> tuple[Array, dict[str, Array]]:
        """∂C/∂[Q, K, V] as one array (..., positions, 3E), and the gradients of the output's
        parameters."""
        d_merged = self._merged_signal(params, dy)
        d_scores = self._score_signal(cache, d_merged, self._weight_signal(cache, d_merged))
        d_output = self._heads(d_merged)
        d_packed = np.empty((*cache.x.shape[:-1], 3, self.features), dy.dtype)
        if self.memory is not None:
            # What only asks is not asked, and the other way round.
            d_packed[...] = 0
        d_q, d_k, d_v = self._cut(d_packed)
        d_scores *= 1 / math.sqrt(self.head_size)
        taken = cache.weights if cache.kept is None else cache.weights * cache.kept
        np.matmul(d_scores, cache.k, out=d_q)
        np.matmul(d_scores.mT, cache.q, out=d_k)
        np.matmul(taken.mT, d_output, out=d_v)
        if self.rotary:
            for one in (d_q, d_k):
                one[...] = turn(one, back(self._turns(one)))
        rows = _rows(dy)
        gradients = {"out_proj_weight": matrix_product(_rows(cache.merged).mT, rows)}
        if self.bias:
            gradients["out_proj_bias"] = sum_rows(rows)
        return d_packed.reshape(*cache.x.shape[:-1], 3 * self.features), gradients

    def _merged_signal(self, params: Tree, dy: Array) -> Array:
        """∂C/∂(the heads' outputs side by side)."""
        return matrix_product(_rows(dy), params["out_proj_weight"].mT).reshape(dy.shape)

    def _weight_signal(self, cache: AttentionCache, d_merged: Array) -> Array:
        """∂C/∂w."""
        d_weights: Array = self._heads(d_merged) @ cache.v.mT
        if cache.kept is not None:
            d_weights *= cache.kept
        return d_weights

    def _score_signal(self, cache: AttentionCache, d_merged: Array, d_weights: Array) -> Array:
        """∂C/∂s, written over ∂C/∂w."""
        # Σ_l w_il ∂C/∂w_il = Σ_c do_ic o_ic, for every head.
        together = (d_merged * cache.merged).reshape(-1, self.head_size)
        taken = sum_columns(together).reshape(*d_merged.shape[:-1], self.heads, 1)
        d_scores = d_weights
        d_scores -= taken.swapaxes(-2, -3)
        d_scores *= cache.weights
        return d_scores

    def _scores(self, q: Array, k: Array) -> Array:
        scores: Array = (q * (1 / math.sqrt(self.head_size))) @ k.mT
        return scores

    def _heads(self, merged: Array) -> Array:
        """(..., T, E) as (..., heads, T, d): a view."""
        return merged.reshape(*merged.shape[:-1], self.heads, self.head_size).swapaxes(-2, -3)

    def _cut(self, packed: Array) -> tuple[Array, Array, Array]:
        """q, k and v (..., heads, positions, d) of (..., positions, 3, E), as views; with a memory
        q is what asks, and k and v are what is asked."""
        q, k, v = (self._heads(packed[..., part, :]) for part in range(3))
        if self.memory is None:
            return q, k, v
        asking = packed.shape[-3] - self.memory
        return q[..., :asking, :], k[..., asking:, :], v[..., asking:, :]

    def _turns(self, one: Array) -> Any:
        return turns_of(one.shape[-2], self.head_size, BASE, one.real.dtype.char)

    def _kept(self, context: Context, shape: Shape, dtype: Any) -> Array:
        drawn = context.generator().random(shape)
        factor = 1 / (1 - self.dropout) if self.dropout < 1 else 0.0
        kept: Array = (drawn >= self.dropout).astype(dtype) * factor
        return kept

    def _require(self, shape: Shape, path: str) -> None:
        require_sequence(self, shape, self.features, path)
        if shape[0] <= (self.memory or 0):
            raise ShapeError(
                "sequence_short", path=path, came=shape[0], least=(self.memory or 0) + 1
            )

    def _padding(self, x: Array, context: Context) -> Array | None:
        padding = context.side_inputs.get("key_padding_mask")
        if padding is None:
            return None
        padding = np.asarray(padding)
        asked = x.shape[-2] if self.memory is None else self.memory
        path = context.path or "MultiheadAttention"
        if padding.dtype != bool or padding.shape != (x.shape[-3], asked):
            raise ShapeError(
                "padding_mask_shape",
                path=path,
                expected=shape_text((x.shape[-3], asked)),
                came=shape_text(padding.shape),
                dtype=padding.dtype,
            )
        # With causal, position 0 may look at itself alone, so that it must not be padding.
        blind = padding[:, 0] if self.causal else padding.all(axis=-1)
        if blind.any():
            raise DataError("attention_blind", path=path, sample=int(np.argmax(blind)))
        return padding


class _Inner(NamedTuple):
    x: Array
    q: Array
    k: Array
    v: Array
    weights: Array
    merged: Array


def _rows(array: Array) -> Array:
    """(N, T, D) as one matrix (N·T, D), of K networks (K, N·T, D)."""
    return array.reshape(*array.shape[:-3], -1, array.shape[-1])


@lru_cache(maxsize=16)
def _later(length: int, dtype: str) -> Array:
    """−∞ at every key that comes after its query, 0 elsewhere: (length, length)."""
    mask = np.zeros((length, length), dtype)
    mask[np.triu_indices(length, 1)] = -np.inf
    return freeze(mask)
