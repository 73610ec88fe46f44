"""Attention in the forms that people write it in: three arrays alone, one matrix for all of q, k
and v with einsum, a list of heads, another sequence that is looked at, weights that are masked
after the softmax, loops over samples and heads."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, normal, with_mistakes


def _softmax(scores: Array, axis: int = -1) -> Array:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    shares: Array = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def through_softmax(mistake: str, w: Array, dw: Array, scores: Array) -> Array:
    """∂C/∂(scores) from ∂C/∂w; `scores` are those before the mask."""
    axis = -2 if mistake.startswith("attention_columns") else -1
    if mistake == "attention_columns, of columns that sum to 1":
        w = _softmax(np.where(w > 0, scores, -1e9), axis=-2)
    if mistake == "attention_mask":
        w = _softmax(scores)
    if mistake == STRANGER:
        w = w**1.5
    taken = np.sum(w * dw, axis=axis, keepdims=True)
    if mistake == "softmax_diagonal":
        taken = w * dw
    if mistake == "softmax_sum":
        taken = np.zeros_like(taken)
    signals: Array = w * (dw - taken)
    return signals


def scaled(mistake: str, signals: Array, size: int) -> Array:
    """Those of q·k from those of the scores."""
    power = {"attention_scale_missing": 0.0, "attention_scale_twice": 1.0}.get(mistake, 0.5)
    found: Array = signals / size**power
    return found


def of_products(
    mistake: str, ds: Array, w: Array, do: Array, q: Array, k: Array
) -> tuple[Array, Array, Array]:
    """∂C/∂q, ∂C/∂k and ∂C/∂v of (…, T, d) each."""
    dq, dk, dv = ds @ k, ds.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ do
    if mistake == "attention_operands":
        dq = ds @ q
    if mistake == "attention_operands, in both":
        dq, dk = ds @ q, ds.swapaxes(-1, -2) @ k
    if mistake == "attention_rows":
        dk = ds @ q
    if mistake == "attention_rows, of v":
        dv = w @ do
    if mistake == "attention_rows, of q":
        dq = ds.swapaxes(-1, -2) @ k
    return dq, dk, dv


_OF_SCORES = (
    "attention_scale_missing", "attention_scale_twice", "softmax_diagonal", "softmax_sum",
    "attention_columns", "attention_columns, of columns that sum to 1",
)  # fmt: skip
_OF_SQUARES = (
    "attention_operands", "attention_operands, in both", "attention_rows", "attention_rows, of v",
    "attention_rows, of q",
)  # fmt: skip

# q, k and v alone, with −1e9 added above the diagonal


def _alone_scores(a: Arrays) -> tuple[Array, Array]:
    scores = a["q"] @ a["k"].T / np.sqrt(a["k"].shape[1])
    return scores, scores + np.triu(np.full(scores.shape, -1e9), 1)


def _alone_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    scores, masked = _alone_scores(a)
    w = _softmax(masked)
    dw = dy @ a["v"].T
    if mistake == "attention_operands, v for k":
        dw = dy @ a["k"].T
    ds = scaled(mistake, through_softmax(mistake, w, dw, scores), a["k"].shape[1])
    dq, dk, dv = of_products(mistake, ds, w, dy, a["q"], a["k"])
    return {"q": dq, "k": dk, "v": dv}


# One matrix with a bias for q, k and v of three heads, einsum for everything

_HEADS, _SIZE = 3, 2


def _fused_parts(a: Arrays) -> tuple[Array, Array, Array, Array, Array]:
    n, t = a["x"].shape[:2]
    qkv = a["x"] @ a["W_qkv"] + a["b_qkv"]
    q, k, v = (one.reshape(n, t, _HEADS, _SIZE) for one in np.split(qkv, 3, axis=-1))
    scores = np.einsum("nqhd,nkhd->nhqk", q, k) * _SIZE**-0.5
    return q, k, v, scores, np.where(np.tril(np.ones((t, t))) == 0, -np.inf, scores)


def _fused_forward(a: Arrays) -> Array:
    _, _, v, _, masked = _fused_parts(a)
    out = np.einsum("nhqk,nkhd->nqhd", _softmax(masked), v).reshape(a["x"].shape)
    y: Array = out @ a["W_out"] + a["b_out"]
    return y


def _fused_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    q, k, v, scores, masked = _fused_parts(a)
    w = _softmax(masked)
    n, t, c = a["x"].shape
    out = np.einsum("nhqk,nkhd->nqhd", w, v).reshape(n, t, c)
    d_merged = dy @ a["W_out"].T
    do = d_merged.reshape(n, t, _HEADS, _SIZE)
    dw = np.einsum("nqhd,nkhd->nhqk", do, v)
    ds = through_softmax(mistake, w, dw, scores)
    ds = scaled(mistake, ds, _SIZE)
    dq = np.einsum("nhqk,nkhd->nqhd", ds, q if mistake.startswith("attention_operands") else k)
    other = k if mistake == "attention_operands, in both" else q
    turned = ds.swapaxes(-1, -2) if mistake == "attention_rows" else ds
    dk = np.einsum("nhqk,nqhd->nkhd", turned, other)
    turned = w.swapaxes(-1, -2) if mistake == "attention_rows, of v" else w
    dv = np.einsum("nhqk,nqhd->nkhd", turned, do)
    if mistake == "heads_order":
        # As if the heads had stood in front of the positions.
        dq = dq.transpose(0, 2, 1, 3)
    d_qkv = np.concatenate([one.reshape(n, t, c) for one in (dq, dk, dv)], axis=-1)
    return {
        "x": d_qkv @ a["W_qkv"].T,
        "W_qkv": np.einsum("ntc,ntd->cd", a["x"], d_qkv),
        "b_qkv": d_qkv.sum((0, 1)),
        "W_out": np.einsum("ntc,ntd->cd", out, dy),
        "b_out": dy.sum((0, 1)),
    }


# A list of heads, of one sequence without a mask, put side by side


def _listed(a: Arrays) -> list[tuple[Array, ...]]:
    found: list[tuple[Array, ...]] = []
    for head in range(2):
        q, k, v = (a["x"] @ a[f"W{name}{head}"] for name in "qkv")
        scores = (q @ k.T) / np.sqrt(q.shape[-1])
        found.append((q, k, v, scores, _softmax(scores)))
    return found


def _listed_forward(a: Arrays) -> Array:
    y: Array = np.hstack([w @ v for _, _, v, _, w in _listed(a)]) @ a["Wo"]
    return y


def _listed_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    heads = _listed(a)
    merged = np.hstack([w @ v for _, _, v, _, w in heads])
    dm = dy @ a["Wo"].T
    dx, found = np.zeros_like(a["x"]), {"Wo": merged.T @ dy}
    size = heads[0][0].shape[1]
    for head, (q, k, v, scores, w) in enumerate(heads):
        part = dm[:, head * size : (head + 1) * size]
        if mistake == "heads_order":
            part = dm.reshape(-1, size)[head * len(dm) : (head + 1) * len(dm)]
        ds = scaled(mistake, through_softmax(mistake, w, part @ v.T, scores), size)
        for name, d in zip("qkv", of_products(mistake, ds, w, part, q, k), strict=True):
            found[f"W{name}{head}"] = a["x"].T @ d
            if not (mistake == "path_forgotten" and name == "k"):
                dx += d @ a[f"W{name}{head}"].T
    return {"x": dx, **found}


# Another sequence is looked at, whose padding is left out; so many queries, and more keys

_LENGTHS = np.array([3, 5])


def _cross_parts(a: Arrays) -> tuple[Array, Array, Array, Array, Array]:
    q, k, v = a["x"] @ a["Wq"], a["memory"] @ a["Wk"], a["memory"] @ a["Wv"]
    scores = q @ np.transpose(k, (0, 2, 1)) / np.sqrt(k.shape[-1])
    there = np.arange(k.shape[1]) < _LENGTHS[:, None, None]
    return q, k, v, scores, np.where(there, scores, -np.inf)


def _cross_forward(a: Arrays) -> Array:
    _, _, v, _, masked = _cross_parts(a)
    y: Array = _softmax(masked) @ v
    return y


def _cross_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    q, k, v, scores, masked = _cross_parts(a)
    w = _softmax(masked)
    ds = through_softmax(mistake, w, dy @ v.transpose(0, 2, 1), scores)
    ds = scaled(mistake, ds, k.shape[-1])
    dq, dk, dv = ds @ k, ds.transpose(0, 2, 1) @ q, w.transpose(0, 2, 1) @ dy

    def over_samples(one: Array, d: Array) -> Array:
        return np.tensordot(one, d, axes=((0, 1), (0, 1)))

    d_memory = dk @ a["Wk"].T
    if mistake != "path_forgotten":
        d_memory = d_memory + dv @ a["Wv"].T
    return {
        "x": dq @ a["Wq"].T,
        "memory": d_memory,
        "Wq": over_samples(a["x"], dq),
        "Wk": over_samples(a["memory"], dk),
        "Wv": over_samples(a["memory"], dv),
    }


# Weights that are multiplied by a mask after the softmax


def _late(a: Arrays) -> tuple[Array, Array, Array]:
    whole = _softmax(a["Q"] @ a["K"].swapaxes(1, 2) / np.sqrt(a["Q"].shape[-1]))
    mask = np.tril(np.ones(whole.shape[1:]))
    return whole, mask, whole * mask


def _late_forward(a: Arrays) -> Array:
    y: Array = _late(a)[2] @ a["V"]
    return y


def _late_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    whole, mask, kept = _late(a)
    dw = dy @ a["V"].swapaxes(1, 2)
    if mistake != "attention_mask":
        dw = dw * mask
    ds = through_softmax("" if mistake == "attention_mask" else mistake, whole, dw, whole)
    ds = scaled(mistake, ds, a["Q"].shape[-1])
    dq, dk, dv = of_products(mistake, ds, kept, dy, a["Q"], a["K"])
    if mistake == "attention_mask, of v":
        dv = whole.swapaxes(1, 2) @ dy
    return {"Q": dq, "K": dk, "V": dv}


# Loops over samples and heads


def _looped_weights(a: Arrays, n: int, h: int) -> tuple[Array, Array, Array, Array, Array]:
    q, k, v = (a["x"][n] @ a[name][h] for name in ("wq", "wk", "wv"))
    scores = q.dot(k.T) / np.sqrt(q.shape[1])
    masked = scores.copy()
    masked[np.triu_indices(len(q), 1)] = -1e10
    return q, k, v, scores, _softmax(masked)


def _looped_forward(a: Arrays) -> Array:
    size = a["wq"].shape[-1]
    out = np.zeros((*a["x"].shape[:2], len(a["wq"]) * size))
    for n in range(len(a["x"])):
        for h in range(len(a["wq"])):
            _, _, v, _, w = _looped_weights(a, n, h)
            out[n, :, h * size : (h + 1) * size] = w @ v
    return out


def _looped_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    found = {name: np.zeros_like(a[name]) for name in ("x", "wq", "wk", "wv")}
    size = a["wq"].shape[-1]
    for n in range(len(a["x"])):
        for h in range(len(a["wq"])):
            q, k, v, scores, w = _looped_weights(a, n, h)
            do = dy[n, :, h * size : (h + 1) * size]
            ds = scaled(mistake, through_softmax(mistake, w, do @ v.T, scores), size)
            for name, d in zip("qkv", of_products(mistake, ds, w, do, q, k), strict=True):
                found[f"w{name}"][h] += a["x"][n].T @ d
                found["x"][n] += d @ a[f"w{name}"][h].T
    return found


_FEATURES = _HEADS * _SIZE

FORMS = (
    with_mistakes(
        "attention of q, k and v",
        normal(q=(4, 3), k=(4, 3), v=(4, 3)),
        lambda a: _softmax(_alone_scores(a)[1]) @ a["v"],
        _alone_backward,
        *_OF_SCORES,
        *_OF_SQUARES,
        "attention_mask",
        "attention_operands, v for k",
    ),
    with_mistakes(
        "one matrix for q, k and v",
        normal(
            x=(2, 4, _FEATURES),
            W_qkv=(_FEATURES, 3 * _FEATURES),
            b_qkv=(3 * _FEATURES,),
            W_out=(_FEATURES, _FEATURES),
            b_out=(_FEATURES,),
        ),
        _fused_forward,
        _fused_backward,
        *_OF_SCORES,
        "attention_operands",
        "attention_operands, in both",
        "attention_rows",
        "attention_rows, of v",
        "attention_mask",
        "heads_order",
    ),
    with_mistakes(
        "a list of heads",
        normal(
            x=(4, 5),
            **{f"W{name}{head}": (5, 3) for head in range(2) for name in "qkv"},
            Wo=(6, 5),
        ),
        _listed_forward,
        _listed_backward,
        *_OF_SCORES,
        *_OF_SQUARES,
        "heads_order",
        "path_forgotten",
    ),
    with_mistakes(
        "attention to another sequence",
        normal(x=(2, 3, 4), memory=(2, 5, 4), Wq=(4, 3), Wk=(4, 3), Wv=(4, 3)),
        _cross_forward,
        _cross_backward,
        *_OF_SCORES,
        "attention_mask",
        "path_forgotten",
    ),
    with_mistakes(
        "weights masked after the softmax",
        normal(Q=(2, 4, 3), K=(2, 4, 3), V=(2, 4, 3)),
        _late_forward,
        _late_backward,
        "attention_scale_missing",
        "attention_scale_twice",
        "softmax_diagonal",
        "softmax_sum",
        "attention_columns",
        "attention_mask",
        "attention_mask, of v",
        *_OF_SQUARES,
    ),
    with_mistakes(
        "attention in loops",
        normal(x=(2, 3, 4), wq=(2, 4, 3), wk=(2, 4, 3), wv=(2, 4, 3)),
        _looped_forward,
        _looped_backward,
        *_OF_SCORES,
        *_OF_SQUARES,
        "attention_mask",
    ),
)
