"""Small LeNets as people write them, from the images to the loss: convolution, max(0, ·), pooling,
twice, made flat, a linear layer, softmax and cross-entropy; and the mistakes in their gradients.

One has channels second and patches, the other channels last and loops over places.
"""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm
from clearprop.checking.gallery.written_patches import images_of, patches

LABELS = np.array([2, 0, 1])


def _loss(scores: Array) -> tuple[Array, Array]:
    """The mean cross-entropy and ∂/∂scores."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    d = np.exp(logarithms)
    rows = np.arange(len(scores))
    loss = -logarithms[rows, LABELS].mean()
    d[rows, LABELS] -= 1
    return loss, d / len(scores)


# Channels second, patches and products, pooling by reshaping


def _convolved(x: Array, w: Array, b: Array) -> tuple[Array, Array]:
    fn, _, kh, kw = w.shape
    col = patches(x, (kh, kw), 1, 1)
    out = col @ w.reshape(fn, -1).T + b
    return out.reshape(len(x), *x.shape[2:], fn).transpose(0, 3, 1, 2), col


def _convolved_back(
    dy: Array, x: Array, col: Array, w: Array, slip: str
) -> tuple[Array, Array, Array]:
    fn, _, kh, kw = w.shape
    d = dy.reshape(-1, fn) if slip == "reshape_order" else dy.transpose(0, 2, 3, 1).reshape(-1, fn)
    dw = (col.T @ d).T.reshape(w.shape)
    db = d.sum(axis=0)
    if slip == "bias_axes":
        db = db / dy[0, 0].size
    kernel = w[:, :, ::-1, ::-1] if slip == "kernel_turned" else w
    dx = images_of(d @ kernel.reshape(fn, -1), x.shape, (kh, kw), 1, 1, slip)
    return dx, dw, db


def _pooled(x: Array) -> Array:
    n, c, height, width = x.shape
    y: Array = x.reshape(n, c, height // 2, 2, width // 2, 2).max(axis=(3, 5))
    return y


def _pooled_back(dy: Array, x: Array, y: Array, slip: str) -> Array:
    n, c, height, width = x.shape
    tiles = x.reshape(n, c, height // 2, 2, width // 2, 2)
    chosen = tiles == y[:, :, :, None, :, None]
    share: Array = chosen * dy[:, :, :, None, :, None]
    # Zeros behind a max(0, ·) are equal, and get nothing in the end.
    if slip == "pool_spread":
        share = np.ones_like(tiles) * dy[:, :, :, None, :, None] / 4
    return share.reshape(x.shape)


def _second_states(a: Arrays) -> dict[str, Any]:
    z1, col1 = _convolved(a["X"], a["W1"], a["b1"])
    a1 = np.maximum(z1, 0)
    p1 = _pooled(a1)
    z2, col2 = _convolved(p1, a["W2"], a["b2"])
    a2 = np.maximum(z2, 0)
    p2 = _pooled(a2)
    flat = p2.reshape(len(p2), -1)
    scores = flat @ a["W3"] + a["b3"]
    return locals()


def _second_forward(a: Arrays) -> Array:
    return np.asarray(_loss(_second_states(a)["scores"])[0])


def _second_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    key, _, where = mistake.partition(", ")
    t = _second_states(a)
    d = _loss(t["scores"])[1] * dy
    if mistake == "summed_for_mean":
        d = d * len(d)
    found = {"W3": t["flat"].T @ d, "b3": d.sum(axis=0)}
    rows = d @ a["W3"].T
    dp2 = rows.reshape(t["p2"].shape)
    if mistake == "reshape_order, made flat":
        n, c, height, width = dp2.shape
        dp2 = rows.reshape(n, height, width, c).transpose(0, 3, 1, 2)
    da2 = _pooled_back(dp2, t["a2"], t["p2"], mistake)
    dz2 = da2 * (t["z2"] > 0)
    slip = "" if where else key
    dp1, found["W2"], found["b2"] = _convolved_back(dz2, t["p1"], t["col2"], a["W2"], slip)
    da1 = _pooled_back(dp1, t["a1"], t["p1"], "")
    dz1 = da1 * (t["z1"] > 0)
    slip = key if where == "first" else ""
    _, found["W1"], found["b1"] = _convolved_back(dz1, a["X"], t["col1"], a["W1"], slip)
    if mistake == STRANGER:
        found["W1"] = found["W1"] * (1 + np.abs(a["W1"]))
    return found


# Channels last, loops over places, overlapping pools


def _seen(x: Array, w: Array, b: Array) -> Array:
    kh, kw, _, outputs = w.shape
    rows, columns = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    y = np.zeros((len(x), rows, columns, outputs))
    for i in range(rows):
        for j in range(columns):
            part = x[:, i : i + kh, j : j + kw, :]
            y[:, i, j, :] = np.tensordot(part, w, axes=3) + b
    return y


def _seen_back(dy: Array, x: Array, w: Array, slip: str) -> tuple[Array, Array, Array]:
    kh, kw = w.shape[:2]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            under = np.s_[:, i : i + kh, j : j + kw, :]
            share = np.einsum("no,hwio->nhwi", dy[:, i, j], w)
            if slip == "window_overwritten":
                dx[under] = share
            else:
                dx[under] += share
            dw += np.einsum("nhwi,no->hwio", x[under], dy[:, i, j])
    db = dy.sum(axis=(1, 2)).mean(axis=0) if slip == "mean_for_sum" else dy.sum(axis=(0, 1, 2))
    return dx, dw[::-1, ::-1] if slip == "kernel_turned" else dw, db


def _means(x: Array) -> Array:
    rows, columns = (x.shape[1] - 2) // 2 + 1, (x.shape[2] - 2) // 2 + 1
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    for i in range(rows):
        for j in range(columns):
            y[:, i, j] = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean(axis=(1, 2))
    return y


def _means_back(dy: Array, x: Array, slip: str) -> Array:
    dx = np.zeros_like(x)
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            under = np.s_[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            share = dy[:, i : i + 1, j : j + 1]
            dx[under] += share if slip == "average_factor" else share / 4
    return dx


def _last_states(a: Arrays) -> dict[str, Any]:
    z1 = _seen(a["images"], a["K1"], a["c1"])
    a1 = np.tanh(z1)
    p1 = _means(a1)
    z2 = _seen(p1, a["K2"], a["c2"])
    a2 = np.maximum(0, z2)
    mean = a2.mean(axis=(1, 2))
    scores = mean @ a["V"]
    return locals()


def _last_forward(a: Arrays) -> Array:
    return np.asarray(_loss(_last_states(a)["scores"])[0])


def _last_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    t = _last_states(a)
    d = _loss(t["scores"])[1] * dy
    found = {"V": t["mean"].T @ d}
    count = 1 if mistake == "average_factor, of the channels" else t["a2"][0, :, :, 0].size
    da2 = np.ones_like(t["a2"]) * (d @ a["V"].T)[:, None, None] / count
    dz2 = da2 * (t["z2"] > 0)
    slip = mistake.partition(",")[0]
    dp1, found["K2"], found["c2"] = _seen_back(dz2, t["p1"], a["K2"], slip)
    if mistake == "weight_from_z":
        found["K2"] = _seen_back(dz2, _means(t["z1"]), a["K2"], "")[1]
    da1 = _means_back(dp1, t["a1"], "" if "," in mistake else slip)
    slope = 1 - t["a1"] ** 2
    dz1 = da1 if mistake == "derivative_missing" else da1 * slope
    _, found["K1"], found["c1"] = _seen_back(dz1, a["images"], a["K1"], "")
    if mistake == STRANGER:
        found["K2"] = np.clip(found["K2"], -0.02, 0.02)
    return found


LENETS = (
    ImageForm(
        "LeNet by patches",
        {
            "X": (3, 1, 4, 8),
            "W1": (2, 1, 3, 3),
            "b1": (2,),
            "W2": (4, 2, 3, 3),
            "b2": (4,),
            "W3": (8, 5),
            "b3": (5,),
        },
        _second_forward,
        _second_backward,
        (
            "kernel_turned",
            "window_overwritten",
            "border_kept",
            "bias_axes",
            "bias_axes, first",
            "reshape_order",
            "reshape_order, first",
            "reshape_order, made flat",
            "pool_spread",
            "summed_for_mean",
        ),
    ),
    ImageForm(
        "LeNet by loops, channels last",
        {
            "images": (3, 9, 9, 1),
            "K1": (3, 2, 1, 3),
            "c1": (3,),
            "K2": (2, 2, 3, 4),
            "c2": (4,),
            "V": (4, 5),
        },
        _last_forward,
        _last_backward,
        (
            "kernel_turned",
            "window_overwritten",
            "average_factor",
            "average_factor, of the channels",
            "mean_for_sum",
            "derivative_missing",
        ),
    ),
)
