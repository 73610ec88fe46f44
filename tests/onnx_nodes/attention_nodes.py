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

BLIND = "a position that may look at nothing, for which ours is a sentence and ONNX's answer 0"
LEFT_OUT = {
    f"test_attention_{name}": BLIND
    for name in (
        "causal_boolmask_nan_robustness",
        "4d_causal_padded_kv_bf16",
        "4d_causal_nonpad_negative_offset_structural_empty",
        "24_qk_matmul_output_mode3_softmax_precision",
        "23_boolmask_fullymasked_row_nan_robustness",
        "23_fullymasked_qk_matmul_output_mode3_zero",
        "24_fullymasked_qk_matmul_output_mode3_zero",
        "local_window_gqa_rank4_mask",
    )
}


def attention(case: NodeCase) -> tuple[Array, ...]:
    q, k, v = (_heads(case, place) for place in range(3))
    past = case.input(4), case.input(5)
    before = 0
    if past[0] is not None:
        # What earlier calls were asked stands in front; nothing goes back to it.
        before = past[0].shape[2]
        pairs = zip(past, (k, v), strict=True)
        k, v = (np.concatenate([_numbers(old), new], axis=2) for old, new in pairs)
    present = k, v
    sharing = q.shape[1] // k.shape[1]
    k, v = (shared_by(one, sharing) for one in (k, v))
    scale = case.attribute("scale")
    is_causal = bool(case.attribute("is_causal", 0))
    # Beside a cache the first query has earlier keys: what is later is then a mask.
    padded = case.input(6) is not None
    scoring = Scoring(
        scale=q.shape[-1] ** -0.5 if scale is None else float(scale),
        softcap=case.attribute("softcap", 0.0) or None,
        causal=is_causal and not before and not padded,
    )
    places = Places(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    bias = bias_of(case, places, before, later=is_causal and not scoring.causal)
    found = attend(q, k, v, scoring, bias=bias)
    y = found.output
    if case.x.ndim == 3:
        y = y.swapaxes(1, 2).reshape(*case.x.shape[:2], -1)
    scores = scores_of(q, k, scoring.scale)
    capped = scores if found.capped is None else found.capped * scoring.softcap
    masked = capped if bias is None else capped + bias
    made = (scores, capped, masked, found.weights)[case.attribute("qk_matmul_output_mode", 0)]
    return {1: (y,), 2: (y, made), 3: (y, *present), 4: (y, *present, made)}[len(case.outputs)]


def bias_of(case: NodeCase, places: Places, before: int, *, later: bool) -> Array | None:
    """What the case's mask, window and lengths add to the scores, said as the layer's side input;
    with `later` what comes later too. `before`: how many keys stand in front of the queries."""
    mask, lengths = case.input(3), case.input(6)
    # Of a cache with a length for every sample its end is where the queries stand.
    first = np.array([before]) if lengths is None else lengths.reshape(-1) - places.asking
    hidden = _outside_window(case, places, first, later=later)
    if lengths is not None:
        hidden = hidden | (np.arange(places.asked) >= lengths.reshape(-1, 1, 1, 1))
    numbers = np.zeros(places, np.float32)
    if mask is not None:
        short = places.asked - mask.shape[-1]
        nothing = False if mask.dtype == bool else -np.inf
        wide = [(0, 0)] * (mask.ndim - 1) + [(0, short)]
        mask = np.pad(mask, wide, constant_values=nothing)
    if mask is not None and mask.dtype == bool:
        hidden = hidden | ~mask
    elif mask is not None:
        numbers = numbers + _numbers(mask)
    if mask is None and not hidden.any():
        return None
    numbers = np.where(hidden, -np.inf, numbers).astype(np.float32)
    context = Context(side_inputs={"attn_mask": numbers})
    causal = bool(case.attribute("is_causal", 0)) and not later
    return mask_bias(context, "Attention", places, causal, "f")


def _outside_window(case: NodeCase, places: Places, first: Array, *, later: bool) -> Array:
    """Which key lies outside of the window of which query, or is later than it (N or 1, 1, T, S);
    `first` is where a sample's first query stands among the keys."""
    queries = first[:, None, None, None] + np.arange(places.asking)[:, None]
    distance = np.arange(places.asked) - queries
    outside = distance > 0 if later else np.zeros(distance.shape, bool)
    left, right = (case.attribute(f"{side}_window_size", -1) for side in ("left", "right"))
    if left >= 0:
        outside |= distance < -left
    if right >= 0:
        outside |= distance > right
    return outside


def _numbers(array: Any) -> Array:
    """Numbers of half precision as those of float32, in which a network computes."""
    numbers: Array = array.astype(np.float32) if array.dtype.itemsize < 4 else array
    return numbers


def _heads(case: NodeCase, place: int) -> Any:
    """The heads (N, H, T, d) of q, k or v, side by side where they have three axes."""
    array = _numbers(case.inputs[place])
    if array.ndim == 4:
        return array
    heads = case.attribute("kv_num_heads" if place else "q_num_heads")
    return array.reshape(*array.shape[:2], heads, -1).swapaxes(1, 2)
