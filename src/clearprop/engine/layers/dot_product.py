"""The weighted mean of attention: queries, keys and values in, one mean for every query out.

Forward      q (..., T, d), k (..., S, d), v (..., S, f); axes before these are samples and heads

             s_ij = c Σ_e q_ie k_je              c is `scale`, 1/√d of most layers
             b_ij = u tanh(s_ij / u)             with `softcap` u, which keeps every |b| below u;
                                                 otherwise b = s
             a_ij = b_ij + m_ij                  m is the `bias`: 0 where nothing is said, −∞ where
                                                 i may not look at j; with `causal` −∞ for j > i
             w_ij = e^{a_ij} / Σ_l e^{a_il}
             o_ie = Σ_j w_ij v_je                with `kept` w_ij kept_ij in place of w_ij

Backward     from do = ∂C/∂o:

             ∂C/∂w_ij = kept_ij Σ_e do_ie v_je
             ∂C/∂v_je = Σ_i w_ij kept_ij do_ie
             ∂C/∂b_ij = w_ij (∂C/∂w_ij − Σ_l w_il ∂C/∂w_il)     as ∂w_il/∂a_ij = w_il ([l=j] − w_ij)
             ∂C/∂s_ij = (1 − (b_ij/u)²) ∂C/∂b_ij                 as tanh′ = 1 − tanh²
             ∂C/∂q_ie = c Σ_j ∂C/∂s_ij k_je,   ∂C/∂k_je = c Σ_i ∂C/∂s_ij q_ie

             What the softmax takes from a row, Σ_l w_il ∂C/∂w_il, is Σ_e do_ie o_ie, since
             Σ_l w_il kept_il v_le = o_ie: no matrix is needed for it. A weight of 0 gives
             ∂C/∂s = 0, so that nothing goes back to what may not be looked at.

             Where r heads of queries share one of keys and values (`shared_by`), the head is
             repeated for each of them, and its gradients are the sums over them.

Sources: Vaswani and others, "Attention is all you need", 2017; the cap: Gemma team, "Gemma 2",
2024; shared heads: Ainslie and others, "GQA", 2023.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, freeze, sum_columns
from clearprop.engine.layers.layer import Context

# e^±64 lies within float32, which ends at e^±87, and so does the sum of a billion of them.
SMALL = 64.0


class Scoring(NamedTuple):
    """How scores are made: the factor of the products, the softcap, and whether a query looks at no
    key that comes later."""

    scale: float
    softcap: float | None = None
    causal: bool = False


class Attended(NamedTuple):
    """The means, and what their derivatives are made of.

    capped           tanh(s/u) of a softcap; None without one
    weights, output  w and o above
    """

    capped: Array | None
    weights: Array
    output: Array


class AttendedSignals(NamedTuple):
    """∂C/∂w, ∂C/∂b and ∂C/∂s; of no softcap the last two are one array."""

    weights: Array
    capped: Array
    scores: Array


def scores_of(q: Array, k: Array, scale: float) -> Array:
    """The scores s (..., T, S)."""
    scores: Array = (q * scale) @ k.mT
    return scores


def attend(
    q: Array,
    k: Array,
    v: Array,
    scoring: Scoring,
    *,
    bias: Array | None = None,
    kept: Array | None = None,
    added: Mapping[str, Array] = EMPTY,
    out: Array | None = None,
) -> Attended:
    """The means o (..., T, f), written into `out` where that is given.

    bias    added to the scores; broadcast to (..., T, S)
    kept    what the weights are multiplied with (dropout)
    added   numbers that are added to `scores`, `capped`, `weights` and `output` as they are made
    """
    made = scores_of(q, k, scoring.scale)
    if "scores" in added:
        made = made + added["scores"]
    capped = None
    if scoring.softcap is not None:
        capped = np.tanh(made / scoring.softcap)
        made = capped * scoring.softcap
        if "capped" in added:
            made = made + added["capped"]
    # The largest of a row cancels. Finding it takes longer than e of the whole row, and it is taken
    # off where e could leave what the dtype holds.
    real = made.real
    is_small = bias is None and bool(real.max(initial=0) <= SMALL and real.min(initial=0) >= -SMALL)
    if scoring.causal:
        made += later(*made.shape[-2:], made.real.dtype.char)
    if bias is not None:
        made = made + bias
    if not is_small:
        made -= made.real.max(axis=-1, keepdims=True)
    weights = np.exp(made, out=made)
    weights /= sum_columns(weights)
    if "weights" in added:
        weights = weights + added["weights"]
    output = np.matmul(weights if kept is None else weights * kept, v, out=out)
    if "output" in added:
        output += added["output"]
    return Attended(capped, weights, output)


def attended_signals(
    weights: Array,
    capped: Array | None,
    v: Array,
    kept: Array | None,
    d_output: Array,
    taken: Array,
) -> AttendedSignals:
    """Back to the scores; `taken` (..., T, 1) is Σ_e do_ie o_ie."""
    d_weights = weight_signal(v, kept, d_output)
    d_capped = capped_signal(weights, d_weights.copy(), taken)
    return AttendedSignals(d_weights, d_capped, score_signal(capped, d_capped))


def weight_signal(v: Array, kept: Array | None, d_output: Array) -> Array:
    """∂C/∂w."""
    d_weights: Array = d_output @ v.mT
    if kept is not None:
        d_weights *= kept
    return d_weights


def capped_signal(weights: Array, d_weights: Array, taken: Array) -> Array:
    """∂C/∂b, written over ∂C/∂w."""
    d_weights -= taken
    d_weights *= weights
    return d_weights


def score_signal(capped: Array | None, d_capped: Array) -> Array:
    """∂C/∂s, which without a softcap is ∂C/∂b itself."""
    return d_capped if capped is None else d_capped * (1 - capped * capped)


def kept_of(context: Context, shape: Shape, dropout: float, dtype: Any) -> Array:
    """What dropout multiplies the weights of this shape with: 0 with its probability, otherwise
    1/(1 − p)."""
    factor = 1 / (1 - dropout) if dropout < 1 else 0.0
    kept: Array = (context.generator().random(shape) >= dropout).astype(dtype) * factor
    return kept


def shared_by(heads: Array, count: int) -> Array:
    """Every head of keys or values (..., g, S, d) `count` times: (..., g·count, S, d)."""
    return heads if count == 1 else np.repeat(heads, count, axis=-3)


def sum_of_shares(d_heads: Array, count: int) -> Array:
    """The way back through `shared_by`: sums over the heads that shared one."""
    if count == 1:
        return d_heads
    shape = (*d_heads.shape[:-3], d_heads.shape[-3] // count, count, *d_heads.shape[-2:])
    total: Array = d_heads.reshape(shape).sum(axis=-3)
    return total


@lru_cache(maxsize=16)
def later(queries: int, keys: int, dtype: str) -> Array:
    """−∞ at every key that comes after its query, 0 elsewhere: (queries, keys), read-only."""
    mask = np.zeros((queries, keys), dtype)
    mask[np.triu_indices(queries, 1, keys)] = -np.inf
    return freeze(mask)
