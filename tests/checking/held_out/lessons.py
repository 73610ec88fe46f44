"""Lessons layer by layer: residuals and norms, embeddings, losses by themselves, tied weights,
leaky units, sequences."""

from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid

# PyTorch's layout, sequences (B, T, C), a layer norm, a residual.


def block_forward(x: Any, g: Any, c: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    mu = x.mean(-1, keepdims=True)
    v = ((x - mu) ** 2).mean(-1, keepdims=True)
    n = (x - mu) / np.sqrt(v + 1e-5)
    h = n * g + c
    a = np.maximum(h @ W1.T + b1, 0)
    return x + a @ W2.T + b2


def block_backward(
    slip: str, dy: Any, x: Any, g: Any, c: Any, W1: Any, b1: Any, W2: Any, b2: Any
) -> Any:
    mu = x.mean(-1, keepdims=True)
    s = 1 / np.sqrt(((x - mu) ** 2).mean(-1, keepdims=True) + 1e-5)
    n = (x - mu) * s
    h = n * g + c
    z = h @ W1.T + b1
    a = np.maximum(z, 0)
    dW2 = np.einsum("bto,bti->oi", dy, a)
    db2 = dy.sum((0, 1))
    da = dy @ W2
    dz = da * (z > 0)
    if slip == "relu' missing":
        dz = da
    dW1 = np.einsum("bto,bti->oi", dz, x if slip == "x for h" else h)
    db1 = dz.sum((0, 1))
    if slip == "only over the batch":
        db1 = dz.sum(0)
    dh = dz @ W1
    dg, dc = (dh * n).sum((0, 1)), dh.sum((0, 1))
    dn = dh * g
    if slip == "gain forgotten":
        dn = dh
    dx = s * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))
    if slip == "mean path forgotten":
        dx = s * (dn - n * (dn * n).mean(-1, keepdims=True))
    if slip == "variance path forgotten":
        dx = s * (dn - dn.mean(-1, keepdims=True))
    if slip == "variance path with plus":
        dx = s * (dn - dn.mean(-1, keepdims=True) + n * (dn * n).mean(-1, keepdims=True))
    if slip != "skip forgotten":
        dx = dx + dy
    return dx, dg, dc, dW1, db1, dW2, db2


BLOCK = family(
    "a residual block of a sequence",
    block_forward,
    block_backward,
    {
        "x": normal(41, 3, 5, 4),
        "g": 1 + normal(42, 4) ** 2,
        "c": normal(43, 4),
        "W1": normal(44, 6, 4),
        "b1": normal(45, 6),
        "W2": normal(46, 4, 6),
        "b2": normal(47, 4),
    },
    {
        "relu' missing": "derivative_missing",
        "x for h": "wrong_cache weight_from_z",
        "only over the batch": "unsummed",
        "gain forgotten": "norm_gain_missing",
        "mean path forgotten": "norm_mean_constant",
        "variance path forgotten": "norm_variance_constant",
        "variance path with plus": "norm_path_factor",
        "skip forgotten": "residual_skip",
    },
    is_scalar=False,
)

# Words: an embedding, its mean, a softmax over the words.


def words_loss(table: Any, U: Any, ids: Any, target: Any) -> Any:
    h = table[ids].mean(axis=1)
    scores = h @ U
    scores = scores - scores.max(1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return -logp[np.arange(len(target)), target].mean()


def words_grads(slip: str, table: Any, U: Any, ids: Any, target: Any) -> Any:
    h = table[ids].mean(axis=1)
    scores = h @ U
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    p[np.arange(len(target)), target] -= 1
    p /= len(target)
    dU = h.T @ p
    dh = p @ U.T
    if slip != "mean not divided":
        dh = dh / ids.shape[1]
    dtable = np.zeros_like(table)
    if slip == "overwritten":
        dtable[ids] += dh[:, None]
    else:
        np.add.at(dtable, ids, np.repeat(dh[:, None], ids.shape[1], 1))
    return dtable, dU


WORDS = family(
    "the mean of some words",
    words_loss,
    words_grads,
    {
        "table": normal(51, 6, 3),
        "U": normal(52, 3, 6),
        "ids": np.array([[0, 1], [1, 1], [4, 2], [5, 0], [2, 3]]),
        "target": np.array([3, 0, 5, 1, 2]),
    },
    {"overwritten": "embedding_overwritten", "mean not divided": "factor_two"},
    wrt=["table", "U"],
)

# A table of ids, either order of arguments.


def lookup(ids: Any, table: Any) -> Any:
    return table[ids]


def lookup_backward(slip: str, dy: Any, ids: Any, table: Any) -> Any:
    d = np.zeros_like(table)
    if slip == "overwritten":
        for i, one in enumerate(ids):
            d[one] = dy[i]
    else:
        np.add.at(d, ids, dy)
    return d


LOOKUP = family(
    "rows of a table",
    lookup,
    lookup_backward,
    {"ids": np.array([1, 3, 1, 0]), "table": normal(55, 5, 3)},
    {"overwritten": "embedding_overwritten"},
    is_scalar=False,
)

# Softmax regression in columns, one-hot; and a softmax and a cross-entropy by themselves.


def softmax_columns(W: Any, b: Any, X: Any, Y: Any) -> Any:
    Z = W @ X + b
    E = np.exp(Z - Z.max(axis=0))
    A = E / E.sum(axis=0)
    return -np.sum(Y * np.log(A + 1e-12)) / X.shape[1]


def softmax_columns_grads(slip: str, W: Any, b: Any, X: Any, Y: Any) -> Any:
    m = X.shape[1]
    Z = W @ X + b
    A = np.exp(Z) / np.exp(Z).sum(axis=0)
    dZ = A - Y
    if slip == "wrong axis":
        A = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        dZ = A - Y
    if slip == "diagonal":
        dZ = (-Y / A) * (A * (1 - A))
    if slip == "no softmax":
        dZ = -Y / A
    if slip == "sigmoid'":
        dZ = dZ * A * (1 - A)
    dW, db = dZ @ X.T / m, dZ.sum(axis=1, keepdims=True) / m
    if slip == "no 1/m":
        dW = dZ @ X.T
    return dW, db


SOFTMAX_COLUMNS = family(
    "softmax regression in columns",
    softmax_columns,
    softmax_columns_grads,
    {
        "W": normal(61, 3, 4),
        "b": normal(62, 3, 1),
        "X": normal(63, 4, 6),
        "Y": np.eye(3)[[0, 2, 1, 1, 0, 2]].T,
    },
    {
        "diagonal": "softmax_diagonal",
        "no softmax": "derivative_missing derivative_missing_for_weight",
        "sigmoid'": "derivative_on_cross_entropy",
        "no 1/m": "summed_for_mean",
        "wrong axis": "",
    },
    wrt=["W", "b"],
)


def entropy_of_probabilities(p: Any, t: Any) -> Any:
    return -np.sum(t * np.log(p + 1e-12)) / len(p)


def entropy_gradient(slip: str, p: Any, t: Any) -> Any:
    if slip == "that of the logits":
        return (p - t) / len(p)
    if slip == "no minus":
        return t / (p + 1e-12) / len(p)
    if slip == "no 1/N":
        return -t / (p + 1e-12)
    return -t / (p + 1e-12) / len(p)


DRAWN = np.random.default_rng(66).dirichlet(np.ones(4), size=5)
ENTROPY = family(
    "cross-entropy of probabilities",
    entropy_of_probabilities,
    entropy_gradient,
    {"p": DRAWN, "t": np.eye(4)[[0, 3, 1, 2, 2]]},
    {
        "that of the logits": "cross_entropy_of_logits",
        "no minus": "sign",
        "no 1/N": "summed_for_mean",
    },
    wrt=["p"],
)

# An autoencoder with tied weights.


def tied_loss(W: Any, b: Any, c: Any, X: Any) -> Any:
    H = sigmoid(X @ W + b)
    return np.mean((H @ W.T + c - X) ** 2)


def tied_grads(slip: str, W: Any, b: Any, c: Any, X: Any) -> Any:
    H = sigmoid(X @ W + b)
    R = 2 * (H @ W.T + c - X) / X.size
    dH = R @ W * H * (1 - H)
    dW = X.T @ dH + R.T @ H
    if slip == "decoder forgotten":
        dW = X.T @ dH
    if slip == "encoder forgotten":
        dW = R.T @ H
    db = dH.sum(0)
    if slip == "2 forgotten":
        return dW / 2, db / 2, R.sum(0) / 2
    return dW, db, R.sum(0)


TIED = family(
    "tied weights",
    tied_loss,
    tied_grads,
    {"W": normal(71, 5, 3), "b": normal(72, 3), "c": normal(73, 5), "X": normal(74, 6, 5)},
    {
        "decoder forgotten": "path_forgotten",
        "encoder forgotten": "path_forgotten",
        "2 forgotten": "factor_half",
    },
    wrt=["W", "b", "c"],
)

# Leaky units, swish; rows.


def leaky_forward(x: Any, W: Any, b: Any, V: Any) -> Any:
    z = x @ W + b
    a = np.where(z > 0, z, 0.2 * z)
    s = a @ V
    return s * sigmoid(s)


def leaky_backward(slip: str, dy: Any, x: Any, W: Any, b: Any, V: Any) -> Any:
    z = x @ W + b
    a = np.where(z > 0, z, 0.2 * z)
    s = a @ V
    q = sigmoid(s)
    ds = dy * (q + s * q * (1 - q))
    if slip == "product rule forgotten":
        ds = dy * q
    if slip == "sigmoid' for swish'":
        ds = dy * q * (1 - q)
    da = ds @ V.T
    slope = {"slope 0": 0.0, "slope 0.01": 0.01}.get(slip, 0.2)
    dz = da * np.where(z > 0, 1, slope)
    if slip == "from da":
        dz = np.where(da > 0, da, 0.2 * da)
    return dz @ W.T, x.T @ dz, dz.sum(0), a.T @ ds


LEAKY = family(
    "leaky units and swish",
    leaky_forward,
    leaky_backward,
    {"x": normal(81, 6, 3), "W": normal(82, 3, 4), "b": normal(83, 4), "V": normal(84, 4, 2)},
    {
        "slope 0": "other_function",
        "slope 0.01": "other_function",
        "from da": "mask_from_upstream",
        "product rule forgotten": "path_forgotten",
        "sigmoid' for swish'": "other_function",
    },
    is_scalar=False,
)

# Layers that have no names yet: whatever is said of them is wrong, but for what is said of the
# catalogue's own layers inside.


def attention(x: Any, Q: Any, K: Any, V: Any) -> Any:
    q, k, v = x @ Q, x @ K, x @ V
    s = q @ k.T / np.sqrt(4)
    e = np.exp(s - s.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True) @ v


def attention_backward(slip: str, dy: Any, x: Any, Q: Any, K: Any, V: Any) -> Any:
    q, k, v = x @ Q, x @ K, x @ V
    s = q @ k.T / np.sqrt(4)
    e = np.exp(s - s.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    dp, dv = dy @ v.T, p.T @ dy
    if slip == "p not transposed":
        dv = p @ dy
    ds = p * (dp - (dp * p).sum(1, keepdims=True))
    if slip == "softmax diagonal":
        ds = dp * p * (1 - p)
    if slip != "no 1/sqrt(d)":
        ds = ds / np.sqrt(4)
    if slip == "clipped":
        ds = np.clip(ds, -0.1, 0.1)
    dq, dk = ds @ k, ds.T @ q
    return dq @ Q.T + dk @ K.T + dv @ V.T, x.T @ dq, x.T @ dk, x.T @ dv


ATTENTION = family(
    "attention",
    attention,
    attention_backward,
    {"x": normal(91, 4, 4), "Q": normal(92, 4, 4), "K": normal(93, 4, 4), "V": normal(94, 4, 4)},
    {
        "softmax diagonal": "softmax_diagonal",
        "clipped": "",
    },
    is_scalar=False,
)


def recurrent(x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    h = np.zeros(3)
    for row in x:
        h = np.tanh(row @ Wx + h @ Wh + b)
    return h


def recurrent_backward(slip: str, dh: Any, x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    hs = [np.zeros(3)]
    for row in x:
        hs.append(np.tanh(row @ Wx + hs[-1] @ Wh + b))
    dx, dWx, dWh, db = np.zeros_like(x), 0 * Wx, 0 * Wh, 0 * b
    for t in reversed(range(len(x))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dx[t] = dz @ Wx.T
        dWx += np.outer(x[t], dz)
        dWh += np.outer(hs[t + 1] if slip == "h of the same step" else hs[t], dz)
        db += dz
        dh = dz @ Wh.T
        if slip == "decayed":
            dh = 0.9 * dh
    return dx, dWx, dWh, db


RECURRENT = family(
    "a recurrence",
    recurrent,
    recurrent_backward,
    {"x": normal(95, 4, 2), "Wx": normal(96, 2, 3), "Wh": normal(97, 3, 3), "b": normal(98, 3)},
    {"decayed": ""},
    is_scalar=False,
)

CASES: list[Case] = [
    *BLOCK,
    *WORDS,
    *LOOKUP,
    *SOFTMAX_COLUMNS,
    *ENTROPY,
    *TIED,
    *LEAKY,
    *ATTENTION,
    *RECURRENT,
]
