"""A norm of groups of channels in three lines; causal heads whose weights stand in one matrix."""

from typing import Any

import numpy as np

from .case import Case, family, normal

GROUPS, HEADS, SIZE = 2, 2, 2


def group_norm(x: Any, gain: Any) -> Any:
    z = x.reshape(len(x), GROUPS, -1)
    deviation = np.sqrt(z.var(2, keepdims=True) + 1e-5)
    hat = ((z - z.mean(2, keepdims=True)) / deviation).reshape(x.shape)
    return hat * gain.reshape(1, -1, 1, 1), (hat, deviation)


def group_norm_back(slip: str, dy: Any, cache: Any, x: Any, gain: Any) -> Any:
    hat, deviation = cache
    dgain = (dy if slip == "no x̂ in ∂γ" else dy * hat).sum((0, 2, 3))
    g, q = (one.reshape(len(x), GROUPS, -1) for one in (dy * gain.reshape(1, -1, 1, 1), hat))
    shifted = g.mean(0 if slip == "one mean over the samples" else 2, keepdims=True)
    along = (1 if slip == "no x̂ behind the mean" else q) * (g * q).mean(2, keepdims=True)
    by = {"variance": deviation**2, "not divided": 1.0}.get(slip, deviation)
    return ((g - shifted - along) / by).reshape(x.shape), dgain


GROUP_NORM = family(
    "a norm of groups",
    group_norm,
    group_norm_back,
    {"x": normal(1, 3, 4, 2, 2), "gain": normal(2, 4)},
    {
        "no x̂ in ∂γ": "norm_gain_from_input",
        "one mean over the samples": "norm_axes",
        "no x̂ behind the mean": "norm_hat_missing",
        "variance": "norm_divisor",
        "not divided": "norm_divisor",
    },
    is_scalar=False,
)


def _apart(a: Any) -> Any:
    return a.reshape(*a.shape[:2], HEADS, SIZE).swapaxes(1, 2)


def _together(a: Any) -> Any:
    return a.swapaxes(1, 2).reshape(a.shape[0], a.shape[2], HEADS * SIZE)


def heads(x: Any, W: Any) -> Any:
    q, k, v = (_apart(one) for one in np.split(x @ W, 3, axis=-1))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(SIZE)
    seen = np.tri(x.shape[1], dtype=bool)
    powers = np.exp(np.where(seen, scores, -np.inf))
    w = powers / powers.sum(-1, keepdims=True)
    return _together(w @ v), (q, k, v, w, scores, seen)


def heads_back(slip: str, dy: Any, cache: Any, x: Any, W: Any) -> Any:
    q, k, v, w, scores, seen = cache
    if slip == "masked behind the softmax":
        w = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True) * seen
    dc = _apart(dy)
    dw = dc @ v.swapaxes(-1, -2)
    ds = w * (dw - (w * dw).sum(-1, keepdims=True)) / np.sqrt(SIZE)
    parts = [ds @ k, ds.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ dc]
    order = {"k before q": (1, 0, 2), "v before k": (0, 2, 1), "v first": (2, 0, 1)}
    d = np.concatenate([_together(parts[n]) for n in order.get(slip, (0, 1, 2))], axis=-1)
    return d @ W.T, np.einsum("nti,ntj->ij", x, d)


PACKED = family(
    "heads of one matrix",
    heads,
    heads_back,
    {"x": normal(3, 2, 4, 4), "W": normal(4, 4, 12)},
    {
        "masked behind the softmax": "attention_mask",
        "k before q": "attention_operands",
        "v before k": "attention_operands",
        "v first": "attention_operands",
    },
    is_scalar=False,
)

CASES: tuple[Case, ...] = (*GROUP_NORM, *PACKED)
