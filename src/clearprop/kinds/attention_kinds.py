"""MultiheadAttention: weighted means of a sequence's positions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.kinds.attention_in_onnx import ATTENTION_FORMS
from clearprop.kinds.attention_in_torch import attention_of, module_of
from clearprop.kinds.attention_inside import INSIDE
from clearprop.kinds.attention_lines import passes, used
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.position_kinds import turned
from clearprop.kinds.program_lines import Symbol
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    InUse,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    position, unit = entry.place
    merged = entry.cache.merged[entry.sample, position].astype(float)
    weights = entry.params["out_proj_weight"][:, unit].astype(float)
    bias = entry.params.get("out_proj_bias")
    right = () if bias is None else (brief(float(bias[0, unit])),)
    return (Arithmetic("y", right, entry.y, (merged, weights)),)


def _in_jax(at: InJax, x: Any) -> Any:
    jnp, one = at.jax.numpy, at.layer
    if at.training and one.dropout:
        return None
    packed = x @ at.params["in_proj_weight"] + at.params.get("in_proj_bias", 0.0)
    queries, keys, _ = one.sizes
    q, k, v = (
        jnp.swapaxes(part.reshape(*x.shape[:-1], -1, one.head_size), -2, -3)
        for part in jnp.split(packed, [queries, queries + keys], axis=-1)
    )
    if one.memory is not None:
        asking = x.shape[-2] - one.memory
        q, k, v = q[..., :asking, :], k[..., asking:, :], v[..., asking:, :]
    if one.rotary:
        q, k = (turned(each, lambda a: jnp.asarray(a, x.dtype)) for each in (q, k))
    if one.more_keys:
        zeros = jnp.zeros((1, one.sizes[1]), x.dtype)
        learned = [at.params[name] for name in ("bias_k", "bias_v") if one.add_bias_kv]
        rows = [[row, *[zeros] * one.add_zero_attn] for row in learned or ()]
        rows = rows or [[zeros], [zeros]]
        more = [
            jnp.swapaxes(jnp.concatenate(each).reshape(one.more_keys, -1, one.head_size), 0, 1)
            for each in rows
        ]
        k, v = (
            jnp.concatenate([each, jnp.broadcast_to(own, (*each.shape[:-3], *own.shape))], axis=-2)
            for each, own in zip((k, v), more, strict=True)
        )
    k, v = (jnp.repeat(each, one.heads // one.shared_heads, axis=-3) for each in (k, v))
    scores = q @ jnp.swapaxes(k, -1, -2) * one.scoring.scale
    if one.softcap is not None:
        scores = one.softcap * jnp.tanh(scores / one.softcap)
    if one.causal:
        seen = np.tri(x.shape[-2], scores.shape[-1], dtype=bool)
        seen[:, x.shape[-2] :] = True
        scores = jnp.where(seen, scores, -jnp.inf)
    taken = jnp.swapaxes(at.jax.nn.softmax(scores, axis=-1) @ v, -2, -3)
    merged = taken.reshape(*taken.shape[:-2], one.features)
    return merged @ at.params["out_proj_weight"] + at.params.get("out_proj_bias", 0.0)


_EXAMPLES: tuple[LayerExample, ...] = (
    LayerExample(MultiheadAttention(4, 2), (3, 4)),
    LayerExample(MultiheadAttention(4, 2, causal=True), (3, 4)),
    LayerExample(MultiheadAttention(4, 1, bias=False, memory=2), (4, 4)),
    LayerExample(MultiheadAttention(4, 2, causal=True, rotary=True), (3, 4)),
    LayerExample(MultiheadAttention(4, 2, scale=0.3, softcap=1.5), (3, 4)),
    LayerExample(MultiheadAttention(4, 2, rotary=True, key_value_heads=1), (3, 4)),
    LayerExample(MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True), (3, 4)),
    LayerExample(
        MultiheadAttention(
            4, 2, causal=True, rotary=True, key_value_heads=1, add_bias_kv=True, softcap=2.0
        ),
        (3, 4),
    ),
    LayerExample(MultiheadAttention(2, 1, memory=1, add_zero_attn=True), (3, 2)),
    LayerExample(MultiheadAttention(2, 1, dropout=0.4), (2, 2)),
    LayerExample(MultiheadAttention(4, 2, dropout=0.4), (3, 4), training=False),
)
_PARAMETERS: Mapping[str, ParameterSymbols] = {
    "in_proj_weight": ParameterSymbols("W_in", Symbol("W_in", "W_in")),
    "in_proj_bias": ParameterSymbols("b_in", Symbol("b_in", "b_in")),
    "out_proj_weight": ParameterSymbols("W_out", Symbol("W_out", "W_out")),
    "out_proj_bias": ParameterSymbols("b_out", Symbol("b_out", "b_out")),
    "bias_k": ParameterSymbols("b_k", Symbol("b_key", "b_k")),
    "bias_v": ParameterSymbols("b_v", Symbol("b_value", "b_v")),
}
_FORWARD = (
    "[Q, K, V] = x·W_in + b_in",
    "S = Q·Kᵀ/√d of every head,  A = softmax of each row of S,  O = A·V",
    "y = [O of all heads]·W_out + b_out",
)
_BACKWARD = (
    "∂C/∂O = ∂C/∂y·W_outᵀ cut into heads,  ∂C/∂A = ∂C/∂O·Vᵀ,  ∂C/∂V = Aᵀ·∂C/∂O",
    "∂C/∂S = A ⊙ (∂C/∂A − Σ over the row of A ⊙ ∂C/∂A)",
    "∂C/∂Q = ∂C/∂S·K/√d,  ∂C/∂K = ∂C/∂Sᵀ·Q/√d",
    "∂C/∂x = [∂C/∂Q, ∂C/∂K, ∂C/∂V]·W_inᵀ,  ∂L/∂W_in = Σ xᵀ·[∂C/∂Q, ∂C/∂K, ∂C/∂V]",
    "∂L/∂W_out = Σ [O of all heads]ᵀ·∂C/∂y",
)

ATTENTION = LayerRow(
    kind=MultiheadAttention,
    examples=_EXAMPLES,
    equations=Equations(_FORWARD, _BACKWARD),
    worked=_worked,
    passes=passes,
    output=Symbol("looked", "λ"),
    opens=True,
    parameters=_PARAMETERS,
    torch=TorchTwin(
        module_of,
        {"MultiheadAttention": attention_of},
        transposed=frozenset({"in_proj_weight", "out_proj_weight"}),
        leading=frozenset({"bias_k", "bias_v"}),
        renamed={"out_proj_weight": "out_proj.weight", "out_proj_bias": "out_proj.bias"},
        differs=lambda one, _, training: training and one.dropout > 0,
    ),
    jax=_in_jax,
    onnx=OnnxOperator("Attention", since=23),
    onnx_forms=ATTENTION_FORMS,
    compiled=lambda _: NoKernel("sequence"),
    told_features=True,
    in_use=InUse(
        Equations(_FORWARD, _BACKWARD), lambda cache: cache.kept is None, lambda site: used(site)
    ),
    shown=lambda cache: {"A": cache.weights},
    inside=INSIDE,
    drawn="weights",
)
