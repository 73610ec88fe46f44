"""What is rarer in repositories: variational and negative-sampling losses, norms in columns, drawn
masks, two slips at once, one kernel, a gated unit."""

from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid

# The two losses of a variational autoencoder.

NOISE = normal(77, 6, 3)


def vae_loss(mu: Any, logvar: Any, W: Any, X: Any) -> Any:
    z = mu + np.exp(0.5 * logvar) * NOISE
    recon = np.sum((z @ W - X) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return (recon + kl) / len(X)


def vae_grads(slip: str, mu: Any, logvar: Any, W: Any, X: Any) -> Any:
    s = np.exp(0.5 * logvar)
    z = mu + s * NOISE
    d = 2 * (z @ W - X)
    dz = d @ W.T
    dmu, dlogvar = dz + mu, dz * NOISE * s * 0.5 - 0.5 * (1 - np.exp(logvar))
    if slip == "kl forgotten in mu":
        dmu = dz
    if slip == "recon forgotten in logvar":
        dlogvar = -0.5 * (1 - np.exp(logvar))
    n = len(X)
    return dmu / n, dlogvar / n, z.T @ d / n


VAE = family(
    "a variational autoencoder",
    vae_loss,
    vae_grads,
    {
        "mu": normal(71, 6, 3),
        "logvar": normal(72, 6, 3),
        "W": normal(73, 3, 4),
        "X": normal(74, 6, 4),
    },
    {
        "kl forgotten in mu": "path_forgotten penalty_missing",
        "recon forgotten in logvar": "path_forgotten",
    },
    wrt=["mu", "logvar", "W"],
)

# Skip-gram with negative samples.


def skip_loss(v: Any, u: Any, U: Any) -> Any:
    return -np.log(sigmoid(u @ v)) - np.sum(np.log(sigmoid(-U @ v)))


def skip_grads(slip: str, v: Any, u: Any, U: Any) -> Any:
    p, q = sigmoid(u @ v), sigmoid(-U @ v)
    dv = (p - 1) * u + (1 - q) @ U
    if slip == "negatives forgotten":
        dv = (p - 1) * u
    if slip == "all turned round":
        return -dv, -(p - 1) * v, -np.outer(1 - q, v)
    return dv, (p - 1) * v, np.outer(1 - q, v)


SKIP = family(
    "negative samples",
    skip_loss,
    skip_grads,
    {"v": normal(81, 4), "u": normal(82, 4), "U": normal(83, 3, 4)},
    {"negatives forgotten": "path_forgotten", "all turned round": "sign"},
)

# Batch norm in columns, then ReLU and a linear layer, γ merged into the division.


def columns_norm(W: Any, gamma: Any, beta: Any, V: Any, X: Any) -> Any:
    Z = W @ X
    mu, var = Z.mean(axis=1, keepdims=True), Z.var(axis=1, keepdims=True)
    Y = gamma * (Z - mu) / np.sqrt(var + 1e-8) + beta
    return V @ np.maximum(Y, 0)


def columns_norm_back(slip: str, dy: Any, W: Any, gamma: Any, beta: Any, V: Any, X: Any) -> Any:
    m = X.shape[1]
    Z = W @ X
    mu, var = Z.mean(axis=1, keepdims=True), Z.var(axis=1, keepdims=True)
    s = 1 / np.sqrt(var + 1e-8)
    hat = (Z - mu) * s
    Y = gamma * hat + beta
    A = np.maximum(Y, 0)
    dV, dA = dy @ A.T, V.T @ dy
    dY = dA * (Y > 0)
    if slip == "mask from hat":
        dY = dA * (hat > 0)
    dgamma, dbeta = (dY * hat).sum(1, keepdims=True), dY.sum(1, keepdims=True)
    if slip == "dgamma from Z":
        dgamma = (dY * Z).sum(1, keepdims=True)
    g = dY * gamma
    along = (g * hat).sum(1, keepdims=True)
    if slip == "no gamma":
        g, along = dY, (dY * hat).sum(1, keepdims=True)
    dZ = s / m * (m * g - g.sum(1, keepdims=True) - hat * along)
    if slip == "statistics constant":
        dZ = s * g
    if slip == "mean forgotten":
        dZ = s / m * (m * g - hat * along)
    if slip == "1/m forgotten":
        dZ = s * (m * g - g.sum(1, keepdims=True) - hat * along)
    return dZ @ X.T, dgamma, dbeta, dV, W.T @ dZ


COLUMNS_NORM = family(
    "batch norm in columns",
    columns_norm,
    columns_norm_back,
    {
        "W": normal(91, 4, 3),
        "gamma": 1 + normal(92, 4, 1) ** 2,
        "beta": normal(93, 4, 1),
        "V": normal(94, 2, 4),
        "X": normal(95, 3, 7),
    },
    {
        "mask from hat": "wrong_cache",
        "dgamma from Z": "norm_gain_from_input",
        "no gamma": "norm_gain_missing",
        "statistics constant": "norm_constant",
        "mean forgotten": "norm_mean_constant",
        "1/m forgotten": "summed_for_mean",
    },
    is_scalar=False,
)

# Dropout whose mask is drawn in forward, and a second time in backward.


def drawn_forward(x: Any, W: Any, V: Any) -> Any:
    h = np.maximum(0, x @ W)
    mask = (np.random.rand(*h.shape) < 0.7) / 0.7
    d = h * mask
    return d @ V, (x, h, mask, d, W, V)


def drawn_backward(slip: str, dy: Any, cache: Any) -> Any:
    x, h, mask, d, W, V = cache
    dd = dy @ V.T
    if slip == "drawn anew":
        mask = (np.random.rand(*h.shape) < 0.7) / 0.7
    dh = dd if slip == "no mask" else dd * mask
    if slip == "h into V":
        d = h
    dz = dh * (h > 0)
    return dz @ W.T, x.T @ dz, d.T @ dy


DRAWN = family(
    "a mask that is drawn",
    drawn_forward,
    drawn_backward,
    {"x": normal(101, 8, 3), "W": normal(102, 3, 5), "V": normal(103, 5, 2)},
    {"drawn anew": "dropout_redrawn", "no mask": "dropout_mask", "h into V": "wrong_cache"},
    is_scalar=False,
)

# Two slips at once.


def both_loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    A = sigmoid(X @ W1 + b1)
    return 0.5 * np.sum((A @ W2 + b2 - Y) ** 2) / len(X)


def both_grads(slip: str, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    Z = X @ W1 + b1
    A = sigmoid(Z)
    d = (A @ W2 + b2 - Y) / len(X)
    if slip == "no 1/N, z for a":
        d = d * len(X)
    dW2 = (Z if "z for a" in slip else A).T @ d
    dA = d @ W2.T
    dZ = dA if "no slope" in slip else dA * A * (1 - A)
    db1 = dZ.mean(0) if "mean" in slip else dZ.sum(0)
    return X.T @ dZ, db1, dW2, d.sum(0)


TWO = family(
    "two slips",
    both_loss,
    both_grads,
    {
        "W1": normal(111, 3, 4),
        "b1": normal(112, 4),
        "W2": normal(113, 4, 2),
        "b2": normal(114, 2),
        "X": normal(115, 6, 3),
        "Y": normal(116, 6, 2),
    },
    {
        "z for a, no slope": "weight_from_z derivative_missing",
        "no slope, mean": "derivative_missing mean_for_sum",
        "no 1/N, z for a": "summed_for_mean weight_from_z",
    },
    wrt=["W1", "b1", "W2", "b2"],
)

# One row and one kernel.


def convolution(x: Any, k: Any) -> Any:
    return np.array([np.sum(x[i : i + 3] * k) for i in range(len(x) - 2)])


def convolution_backward(slip: str, dy: Any, x: Any, k: Any) -> Any:
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(len(dy)):
        dx[i : i + 3] += dy[i] * (k[::-1] if slip == "kernel turned round" else k)
        dk += dy[i] * x[i : i + 3]
    return dx * np.abs(dx) if slip == "squares" else dx, dk


CONVOLUTION = family(
    "a convolution",
    convolution,
    convolution_backward,
    {"x": normal(121, 7), "k": normal(122, 3)},
    {"kernel turned round": "kernel_turned", "squares": ""},
    is_scalar=False,
)


def forward_gru(x: Any, h: Any, W: Any, U: Any) -> Any:
    z = sigmoid(x @ W)
    n = np.tanh(x @ U + z * h)
    return (1 - z) * n + z * h


def backward_gru(slip: str, dy: Any, x: Any, h: Any, W: Any, U: Any) -> Any:
    z = sigmoid(x @ W)
    n = np.tanh(x @ U + z * h)
    dn = dy * (1 - z) * (1 - n**2)
    dz = (dy * (h - n) + dn * h) * z * (1 - z)
    dh = dy * z + dn * z
    if slip == "half of dz":
        dz = 0.7 * dz + 0.1
    return dz @ W.T + dn @ U.T, dh, x.T @ dz, x.T @ dn


GRU = family(
    "a gated unit",
    forward_gru,
    backward_gru,
    {
        "x": normal(131, 4, 3),
        "h": normal(132, 4, 3),
        "W": normal(133, 3, 3),
        "U": normal(134, 3, 3),
    },
    {"half of dz": ""},
    is_scalar=False,
)

CASES: list[Case] = [
    *VAE,
    *SKIP,
    *COLUMNS_NORM,
    *DRAWN,
    *TWO,
    *CONVOLUTION,
    *GRU,
]
