"""ONNX's Attention, which is handed q, k and v: what the middle of ours makes of them.

Between its two projections MultiheadAttention cuts heads, repeats those of keys and values that
several share, adds what masks say, and takes the weighted means (`dot_product`). All of that runs
here as it does in the layer; a mask of ONNX's is True where a position may look, ours where it may
not, and a window of keys is such a mask.
"""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.attention_masks import Places, mask_bias
from clearprop.engine.layers.dot_product import Scoring, attend, scores_of, shared_by
from clearprop.engine.layers.layer import Context
from tests.onnx_nodes.cases import NodeCase

CACHED = (
    "keys and values of earlier calls, which only generating text has; nothing goes back to them"
)
PADDED = "a cache of keys with a length for each sample, which only generating text has"
HALF = "half precision; a network computes in float32 or float64"
BLIND = "a position that may look at nothing, for which ours is a sentence and ONNX's answer 0"
_QK = (
    "",
    "_bias",
    "_bias_3d_mask",
    "_bias_4d_mask",
    "_bias_3d_mask_causal",
    "_bias_4d_mask_causal",
)
LEFT_OUT = {
    f"test_attention_{name}": why
    for why, names in {
        CACHED: (
            "4d_with_past_and_present",
            "4d_gqa_with_past_and_present",
            "4d_diff_heads_with_past_and_present",
            "4d_diff_heads_with_past_and_present_mask3d",
            "4d_diff_heads_with_past_and_present_mask4d",
            *(f"4d_with_past_and_present_qk_matmul{what}" for what in _QK),
            "3d_with_past_and_present",
            "3d_gqa_with_past_and_present",
            "3d_diff_heads_with_past_and_present",
            "3d_with_past_and_present_qk_matmul",
            "3d_with_past_and_present_qk_matmul_bias",
            "3d_with_past_and_present_qk_matmul_softcap",
            "3d_with_past_and_present_qk_matmul_softmax",
            "4d_causal_with_past_and_present",
            "local_window_with_past",
        ),
        PADDED: (
            "4d_diff_heads_mask4d_padded_kv",
            "4d_gqa_causal_nonpad_decode",
            "4d_causal_nonpad_continued_prefill",
            "4d_causal_nonpad_negative_offset_structural_empty",
            "4d_causal_nonpad_attn_mask_composition",
            "4d_causal_nonpad_batch_prefill",
            "local_window_ext_cache_rank3_head_mask",
            "local_window_ext_cache_rank4_batch_mask",
            "local_window_ext_cache_rank2_mask",
        ),
        HALF: (
            "4d_fp16",
            "4d_gqa_with_past_and_present_fp16",
            "4d_causal_bf16",
            "4d_causal_fp16",
            "4d_padded_kv_bf16",
            "4d_causal_padded_kv_bf16",
            "4d_attn_mask_causal_bf16",
            "3d_causal_bf16",
            "4d_gqa_causal_nonpad_decode_fp16",
            "24_qk_matmul_output_mode3_softmax_precision",
            "local_window_ext_cache_float16_mask",
        ),
        BLIND: (
            "causal_boolmask_nan_robustness",
            "23_boolmask_fullymasked_row_nan_robustness",
            "23_fullymasked_qk_matmul_output_mode3_zero",
            "24_fullymasked_qk_matmul_output_mode3_zero",
            "local_window_gqa_rank4_mask",
        ),
    }.items()
    for name in names
}


def attention(case: NodeCase) -> tuple[Array, ...]:
    q, k, v = (_heads(case, place) for place in range(3))
    sharing = q.shape[1] // k.shape[1]
    k, v = (shared_by(one, sharing) for one in (k, v))
    scale = case.attribute("scale")
    scoring = Scoring(
        scale=q.shape[-1] ** -0.5 if scale is None else float(scale),
        softcap=case.attribute("softcap", 0.0) or None,
        causal=bool(case.attribute("is_causal", 0)),
    )
    places = Places(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    bias = bias_of(case, places, scoring.causal)
    found = attend(q, k, v, scoring, bias=bias)
    y = found.output
    if case.x.ndim == 3:
        y = y.swapaxes(1, 2).reshape(*case.x.shape[:2], -1)
    if len(case.outputs) == 1:
        return (y,)
    scores = scores_of(q, k, scoring.scale)
    capped = scores if found.capped is None else found.capped * scoring.softcap
    masked = capped if bias is None else capped + bias
    return y, (scores, capped, masked, found.weights)[case.attribute("qk_matmul_output_mode", 0)]


def bias_of(case: NodeCase, places: Places, causal: bool) -> Array | None:
    """What the case's mask and window add to the scores, said as the layer's side input."""
    hidden = _outside_window(case, places)
    mask = case.input(3)
    numbers = np.zeros(places, case.x.dtype)
    if mask is not None and mask.dtype == bool:
        hidden = hidden | ~mask
    elif mask is not None:
        numbers = numbers + mask
    if mask is None and not hidden.any():
        return None
    numbers = np.where(hidden, -np.inf, numbers).astype(case.x.dtype)
    context = Context(side_inputs={"attn_mask": numbers})
    return mask_bias(context, "Attention", places, causal, case.x.dtype.char)


def _outside_window(case: NodeCase, places: Places) -> Array:
    """Which key (S) lies outside of the window of which query (T)."""
    distance = np.arange(places.asked) - np.arange(places.asking)[:, None]
    outside = np.zeros(distance.shape, bool)
    left, right = (case.attribute(f"{side}_window_size", -1) for side in ("left", "right"))
    if left >= 0:
        outside |= distance < -left
    if right >= 0:
        outside |= distance > right
    return outside


def _heads(case: NodeCase, place: int) -> Any:
    """The heads (N, H, T, d) of q, k or v, side by side where they have three axes."""
    array = case.inputs[place]
    if array.ndim == 4:
        return array
    heads = case.attribute("kv_num_heads" if place else "q_num_heads")
    return array.reshape(*array.shape[:2], heads, -1).swapaxes(1, 2)
