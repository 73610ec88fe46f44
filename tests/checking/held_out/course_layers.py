"""Layers of courses: batch norm step by step, and dropout between two layers."""

from typing import Any

import numpy as np

from .case import Case, family, normal

# Batch norm step by step.

EPS = 1e-5


def batchnorm_forward(x: Any, gamma: Any, beta: Any) -> Any:
    mu = np.mean(x, axis=0)
    xmu = x - mu
    var = np.mean(xmu**2, axis=0)
    sqrtvar = np.sqrt(var + EPS)
    xhat = xmu / sqrtvar
    return gamma * xhat + beta, (xhat, gamma, xmu, sqrtvar)


def batchnorm_backward(slip: str, dout: Any, cache: Any) -> Any:
    xhat, gamma, xmu, std = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * (xmu if slip == "dgamma from x - mu" else xhat), axis=0)
    dxhat = dout if slip == "gamma forgotten" else dout * gamma
    dvar = np.sum(dxhat * xmu, axis=0) * -0.5 * std**-3
    if slip == "half forgotten":
        dvar = dvar * 2
    if slip == "no variance path":
        dvar = 0 * dvar
    dmu = -np.sum(dxhat / std, axis=0)
    if slip == "no mean path":
        dmu = 0 * dmu
    over = N - 1 if slip == "N - 1" else N
    dx = dxhat / std + dvar * 2 * xmu / over + dmu / N
    if slip == "statistics constant":
        dx = dxhat / std
    if slip == "mean not divided":
        dx = dxhat / std + dvar * 2 * xmu / N + dmu
    return dx, dgamma, dbeta


BATCHNORM = family(
    "batch norm step by step",
    batchnorm_forward,
    batchnorm_backward,
    {
        "x": 2 * normal(51, 6, 4) + 1,
        "gamma": 1 + normal(52, 4) ** 2,
        "beta": normal(53, 4),
    },
    {
        "dgamma from x - mu": "norm_gain_from_input",
        "gamma forgotten": "norm_gain_missing",
        "half forgotten": "norm_path_factor",
        "no variance path": "norm_variance_constant",
        "no mean path": "norm_mean_constant",
        "N - 1": "norm_bessel",
        "statistics constant": "norm_constant",
        "mean not divided": "norm_path_factor",
    },
    is_scalar=False,
)

# Inverted dropout between two layers; the mask is kept.

KEEP = 0.6
MASK = np.random.default_rng(8).random((5, 6)) < KEEP


def dropout_cost(W1: Any, W2: Any, X: Any, Y: Any) -> Any:
    A1 = np.tanh(W1 @ X)
    D1 = MASK.astype(int)
    A1 = A1 * D1
    A1 = A1 / KEEP
    A2 = W2 @ A1
    return np.sum((A2 - Y) ** 2) / (2 * X.shape[1])


def dropout_grads(slip: str, W1: Any, W2: Any, X: Any, Y: Any) -> Any:
    m = X.shape[1]
    T1 = np.tanh(W1 @ X)
    A1 = T1 * MASK / KEEP
    dZ2 = W2 @ A1 - Y
    dW2 = dZ2 @ A1.T / m
    dA1 = W2.T @ dZ2
    if slip != "mask not applied":
        dA1 = dA1 * MASK
    if slip != "not scaled":
        dA1 = dA1 / KEEP
    dZ1 = dA1 * (1 - (A1 if slip == "tanh' of the dropped" else T1) ** 2)
    return dZ1 @ X.T / m, dW2


DROPOUT = family(
    "inverted dropout in columns",
    dropout_cost,
    dropout_grads,
    {
        "W1": normal(61, 5, 3),
        "W2": normal(62, 2, 5),
        "X": normal(63, 3, 6),
        "Y": normal(64, 2, 6),
    },
    {
        "mask not applied": "dropout_mask",
        "not scaled": "dropout_scale",
        "tanh' of the dropped": "wrong_cache",
    },
    wrt=["W1", "W2"],
)

CASES: list[Case] = [
    *BATCHNORM,
    *DROPOUT,
]
