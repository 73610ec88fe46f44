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
             `scale` takes the place of 1/√d. With `softcap` u the softmax is that of u tanh(s/u).
             With `key_value_heads` g there are g heads of keys and values, each of which H/g heads
             of queries look at, so that W_in is (E, E + 2gd).

Backward     dy = ∂C/∂y (N, T, E). From the end, with do = dy W_outᵀ cut into heads:

             ∂C/∂W_out = Σ over samples and positions of oᵀ dy,      ∂C/∂b_out = Σ dy
             ∂C/∂w_ij = Σ_c do_ic v_jc                               from o_ic = Σ_j w_ij v_jc
             ∂C/∂v_jc = Σ_i w_ij do_ic
             ∂C/∂s_ij = w_ij (∂C/∂w_ij − Σ_l w_il ∂C/∂w_il)     as ∂w_il/∂s_ij = w_il ([l=j] − w_ij)
             ∂C/∂q_ic = (1/√d) Σ_j ∂C/∂s_ij k_jc                 from s_ij = (1/√d) Σ_c q_ic k_jc
             ∂C/∂k_jc = (1/√d) Σ_i ∂C/∂s_ij q_ic
             ∂C/∂[Q, K, V] = those side by side;  dx, ∂C/∂W_in and ∂C/∂b_in from it as of Linear

             With softcap ∂C/∂s has the factor 1 − tanh²(s/u); ∂C/∂k and ∂C/∂v of a head that
             several look at are sums over these. With dropout, w ⊙ m takes the place of w in o, and
             ∂C/∂w = m ⊙ the sum above. The middle, from q, k, v to o, is `dot_product`, which has
             its derivation in full.

Cached       x; q, k, v (turned, with `rotary`); w; o of all heads side by side; tanh(s/u) of a
             softcap; m of dropout; and what masks added to the scores.

Side inputs  `key_padding_mask` (N, T) of booleans, True at positions that nobody looks at; with
             `memory` it is (N, S). `attn_mask` (T, S), (N, T, S) or (N, H, T, S), for a sequence
             that looks at itself S = T: booleans, True where a position may not look, or numbers
             that are added to the scores before the softmax. Both as in PyTorch.

Source: Vaswani and others, "Attention is all you need", 2017.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, matrix_product, sum_columns, sum_rows
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.base.settings import (
    require_fractions,
    require_positive,
    require_sizes,
    settle_flag,
)
from clearprop.engine.initializers import FanInUniform, Initializer, XavierUniform, Zeros
from clearprop.engine.layers.attention_masks import LOOKING, PADDING, Places, mask_bias
from clearprop.engine.layers.dot_product import (
    Scoring,
    attend,
    attended_signals,
    capped_signal,
    score_signal,
    scores_of,
    shared_by,
    sum_of_shares,
    weight_signal,
)
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

_XAVIER, _FAN_IN, _ZEROS = XavierUniform(), FanInUniform(), Zeros()


class AttentionCache(NamedTuple):
    """What the derivatives are made of; of every head in an axis (..., heads, positions, features).

    x        the layer's input
    q, k, v  what asks, what is asked, what is taken; turned with `rotary`; a head of keys and
             values that several look at stands here for each of them
    capped   tanh(s/u) of a softcap; None without one
    weights  the softmax's shares (..., heads, T, S)
    merged   the heads' outputs side by side, (..., T, E)
    kept     what dropout multiplied the weights with; None where nothing was left out
    bias     what masks added to the scores; None where there are none
    """

    x: Array
    q: Array
    k: Array
    v: Array
    capped: Array | None
    weights: Array
    merged: Array
    kept: Array | None
    bias: Array | None


@dataclass(frozen=True)
class MultiheadAttention(Layer):
    """Attention over a sequence (N, T, features) with `heads` heads.

    dropout  with this probability a weight is left out in training
    bias     False leaves out both biases
    causal   every position looks at itself and earlier ones alone
    memory   S: the last S positions of the sequence are what the ones before them look at
             (cross-attention); None for a sequence that looks at itself
    rotary   q and k are turned by their positions
    scale    the factor of the products q·k; None for 1/√(features of a head)
    softcap  keeps every score s between −softcap and softcap, as softcap·tanh(s/softcap)
    key_value_heads  so many heads of keys and values are shared by all heads (grouped queries);
             None for one each

    The weights start as PyTorch's: Xavier uniform of the whole (E, 3E), the output's U(±1/√E), the
    biases at 0. Raises ConfigurationError for heads that do not divide the features, or are not
    divided by those of keys and values, and for causal attention to a memory; forward raises
    ShapeError, and DataError for a position that may look at nothing.
    """

    features: int
    heads: int
    dropout: float = 0.0
    bias: bool = True
    causal: bool = False
    memory: int | None = None
    rotary: bool = False
    scale: float | None = None
    softcap: float | None = None
    key_value_heads: int | None = None

    stackable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "features", "heads")
        require_sizes(self, *self._told("memory", "key_value_heads"))
        require_positive(self, *self._told("scale", "softcap"))
        require_fractions(self, "dropout")
        for name in ("bias", "causal", "rotary"):
            settle_flag(self, name)
        require_heads(self, self.features, self.heads, even=self.rotary)
        if self.heads % self.shared_heads:
            raise ConfigurationError("heads_shared", heads=self.heads, shared=self.shared_heads)
        if self.causal and self.memory is not None:
            raise ConfigurationError("attention_causal_memory")

    @property
    def head_size(self) -> int:
        """The features of each head."""
        return self.features // self.heads

    @property
    def shared_heads(self) -> int:
        """How many heads of keys and values there are."""
        return self.heads if self.key_value_heads is None else self.key_value_heads

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many columns of W_in are for q, k and v."""
        shared = self.shared_heads * self.head_size
        return self.features, shared, shared

    @property
    def scoring(self) -> Scoring:
        """How the scores are made."""
        scale = 1 / math.sqrt(self.head_size) if self.scale is None else self.scale
        return Scoring(scale, self.softcap, self.causal)

    def _told(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    def parameters(self) -> Mapping[str, Parameter]:
        size = self.features

        def parameter(rows: int, columns: int, initializer: Initializer) -> Parameter:
            return Parameter((rows, columns), initializer, size, columns)

        found = {"in_proj_weight": parameter(size, sum(self.sizes), _XAVIER)}
        if self.bias:
            found["in_proj_bias"] = parameter(1, sum(self.sizes), _ZEROS)
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

    def side_inputs(self) -> Collection[str]:
        return (PADDING, LOOKING)

    def samples_axis(self, name: str, axes: int) -> int | None:
        # (T, S) says the same of all samples, also where there are T of them.
        return None if name == LOOKING and axes == 2 else 0

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        refuse_integers(self, x, context)
        path = context.path or "MultiheadAttention"
        self._require(sample_shape(x, context), path)
        asking = x.shape[-2] - (self.memory or 0)
        places = Places(x.shape[-3], self.heads, asking, self.memory or asking)
        bias = mask_bias(context, path, places, self.causal, x.real.dtype.char)
        kept = None
        if context.training and self.dropout > 0:
            kept = self._kept(context, places, x.real.dtype)
        cache = self._through(params, x, bias, kept, EMPTY)
        return self._output(params, cache.merged), cache, EMPTY

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
        """Of every head: q, k, v, the scores s (before anything is left out), with a softcap what
        it makes of them, the weights w, and the output o."""

        def of_heads(values: Array, *axes: str) -> Intermediate:
            return Intermediate(values, axes, within=("heads",))

        vectors = {"q": cache.q, "k": cache.k, "v": cache.v}
        scores = {"scores": scores_of(cache.q, cache.k, self.scoring.scale)}
        if cache.capped is not None:
            scores["capped"] = cache.capped * (self.softcap or 0.0)
        return {
            **{name: of_heads(one, "position", "feature") for name, one in vectors.items()},
            **{name: of_heads(one, "query", "key") for name, one in scores.items()},
            "weights": of_heads(cache.weights, "query", "key"),
            "output": of_heads(self._heads(cache.merged), "position", "feature"),
        }

    def intermediate_gradients(
        self, params: Tree, cache: AttentionCache, dy: Array
    ) -> Mapping[str, Array]:
        d_merged = self._merged_signal(params, dy)
        d_output = self._heads(d_merged)
        taken_off = self._taken(cache, d_merged)
        found = attended_signals(
            cache.weights, cache.capped, cache.v, cache.kept, d_output, taken_off
        )
        scale = self.scoring.scale
        taken = cache.weights if cache.kept is None else cache.weights * cache.kept
        return {
            "q": found.scores @ cache.k * scale,
            "k": found.scores.mT @ cache.q * scale,
            "v": taken.mT @ d_output,
            "scores": found.scores,
            **({} if cache.capped is None else {"capped": found.capped}),
            "weights": found.weights,
            "output": d_output,
        }

    def output_moved(
        self, params: Tree, cache: AttentionCache, added: Mapping[str, Array]
    ) -> Array:
        found = self._through(params, cache.x, cache.bias, cache.kept, added)
        return self._output(params, found.merged)

    def _through(
        self,
        params: Tree,
        x: Array,
        bias: Array | None,
        kept: Array | None,
        added: Mapping[str, Array],
    ) -> AttentionCache:
        """Everything up to the heads' outputs, with numbers added on the way."""
        packed = matrix_product(_rows(x), params["in_proj_weight"])
        if self.bias:
            packed += params["in_proj_bias"]
        q, k, v = self._cut(packed.reshape(*x.shape[:-1], sum(self.sizes)))
        if self.rotary:
            q, k = (turn(one, self._turns(one)) for one in (q, k))
        k, v = (shared_by(one, self.heads // self.shared_heads) for one in (k, v))
        q, k, v = (
            one + added[name] if name in added else one
            for name, one in (("q", q), ("k", k), ("v", v))
        )
        merged = np.empty((*x.shape[:-2], q.shape[-2], self.features), v.dtype)
        found = attend(
            q,
            k,
            v,
            self.scoring,
            bias=bias,
            kept=kept,
            added=added,
            out=self._heads(merged),
        )
        return AttentionCache(x, q, k, v, found.capped, found.weights, merged, kept, bias)

    def _output(self, params: Tree, merged: Array) -> Array:
        y = matrix_product(_rows(merged), params["out_proj_weight"])
        if self.bias:
            y += params["out_proj_bias"]
        return y.reshape(merged.shape)

    def _signals(
        self, params: Tree, cache: AttentionCache, dy: Array
    ) -> tuple[Array, dict[str, Array]]:
        """∂C/∂[Q, K, V] as one array (..., positions, columns of W_in), and the gradients of the
        output's parameters."""
        d_merged = self._merged_signal(params, dy)
        d_output = self._heads(d_merged)
        d_weights = weight_signal(cache.v, cache.kept, d_output)
        d_capped = capped_signal(cache.weights, d_weights, self._taken(cache, d_merged))
        d_scores = score_signal(cache.capped, d_capped)
        d_packed = np.empty((*cache.x.shape[:-1], sum(self.sizes)), dy.dtype)
        if self.memory is not None:
            # What only asks is not asked, and the other way round.
            d_packed[...] = 0
        d_q, d_k, d_v = self._cut(d_packed)
        d_scores *= self.scoring.scale
        taken = cache.weights if cache.kept is None else cache.weights * cache.kept
        np.matmul(d_scores, cache.k, out=d_q)
        if self.shared_heads == self.heads:
            np.matmul(d_scores.mT, cache.q, out=d_k)
            np.matmul(taken.mT, d_output, out=d_v)
        else:
            sharing = self.heads // self.shared_heads
            d_k[...] = sum_of_shares(d_scores.mT @ cache.q, sharing)
            d_v[...] = sum_of_shares(taken.mT @ d_output, sharing)
        if self.rotary:
            for one in (d_q, d_k):
                one[...] = turn(one, back(self._turns(one)))
        rows = _rows(dy)
        gradients = {"out_proj_weight": matrix_product(_rows(cache.merged).mT, rows)}
        if self.bias:
            gradients["out_proj_bias"] = sum_rows(rows)
        return d_packed, gradients

    def _merged_signal(self, params: Tree, dy: Array) -> Array:
        """∂C/∂(the heads' outputs side by side)."""
        return matrix_product(_rows(dy), params["out_proj_weight"].mT).reshape(dy.shape)

    def _taken(self, cache: AttentionCache, d_merged: Array) -> Array:
        """Σ_l w_il ∂C/∂w_il = Σ_c do_ic o_ic, (..., heads, positions, 1)."""
        together = (d_merged * cache.merged).reshape(-1, self.head_size)
        taken = sum_columns(together).reshape(*d_merged.shape[:-1], self.heads, 1)
        return taken.swapaxes(-2, -3)

    def _heads(self, merged: Array) -> Array:
        """(..., T, h·d) as (..., h, T, d): a view."""
        heads = merged.shape[-1] // self.head_size
        return merged.reshape(*merged.shape[:-1], heads, self.head_size).swapaxes(-2, -3)

    def _cut(self, packed: Array) -> tuple[Array, Array, Array]:
        """q, k and v (..., heads, positions, d) of (..., positions, columns of W_in), as views;
        with a memory q is what asks, and k and v are what is asked."""
        queries, keys, _ = self.sizes
        parts = (slice(queries), slice(queries, queries + keys), slice(queries + keys, None))
        q, k, v = (self._heads(packed[..., part]) for part in parts)
        if self.memory is None:
            return q, k, v
        asking = packed.shape[-2] - self.memory
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


def _rows(array: Array) -> Array:
    """(N, T, D) as one matrix (N·T, D), of K networks (K, N·T, D)."""
    return array.reshape(*array.shape[:-3], -1, array.shape[-1])
