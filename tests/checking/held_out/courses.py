"""Course assignments: a two-layer net with softmax and L2, layers in columns with 1/m, logistic and
linear regression."""

from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid

REG = 0.3

# A two-layer net in rows: affine, ReLU, affine, softmax, L2.


def two_layer_loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    N = X.shape[0]
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = np.sum(-np.log(probs[np.arange(N), y])) / N
    return loss + 0.5 * REG * (np.sum(W1 * W1) + np.sum(W2 * W2))


def two_layer_grads(slip: str, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    N = X.shape[0]
    pre = X.dot(W1) + b1
    hidden = np.maximum(0, pre)
    scores = hidden.dot(W2) + b2
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    d = probs.copy()
    if slip == "labels off by one":
        d[np.arange(N), (y + 1) % 3] -= 1
    elif slip == "minus one everywhere":
        d -= 1
    elif slip == "sigmoid'":
        d[np.arange(N), y] -= 1
        d = d * probs * (1 - probs)
    else:
        d[np.arange(N), y] -= 1
    if slip != "no 1/N":
        d /= N
    if slip == "sign":
        d = -d
    dW2 = (pre if slip == "pre for hidden" else hidden).T.dot(d)
    db2 = np.mean(d, axis=0) if slip == "bias mean" else np.sum(d, axis=0)
    dh = d.dot(W2.T)
    if slip == "mask from gradient":
        dh[dh <= 0] = 0
    elif slip == "mask inverted":
        dh[pre > 0] = 0
    elif slip != "no relu":
        dh[pre <= 0] = 0
    dW1 = X.T.dot(dh)
    db1 = np.sum(dh, axis=0)
    if slip == "bias from the other layer":
        db1 = np.sum(d.dot(W2.T), axis=0)
    strength = {"reg doubled": 2 * REG, "reg halved": REG / 2, "reg negative": -REG}.get(slip, REG)
    if slip == "reg missing":
        strength = 0
    dW2 = dW2 + strength * W2
    dW1 = dW1 + (0 if slip == "reg missing in W1" else strength) * W1
    if slip == "reg in bias":
        db1 = db1 + REG * b1
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


TWO_LAYER = family(
    "two-layer net, softmax, L2",
    two_layer_loss,
    two_layer_grads,
    {
        "W1": normal(1, 4, 5) / 2,
        "b1": normal(2, 5) / 4,
        "W2": normal(3, 5, 3) / 2,
        "b2": normal(4, 3) / 4,
        "X": normal(5, 7, 4),
        "y": np.array([0, 2, 1, 2, 0, 0, 1]),
    },
    {
        "labels off by one": "labels_shifted",
        "sigmoid'": "derivative_on_cross_entropy",
        "no 1/N": "summed_for_mean",
        "sign": "sign",
        "pre for hidden": "weight_from_z",
        "bias mean": "mean_for_sum",
        "mask from gradient": "mask_from_upstream",
        "mask inverted": "mask_inverted",
        "no relu": "derivative_missing derivative_missing_for_weight",
        "bias from the other layer": "derivative_missing_for_weight",
        "reg doubled": "penalty_doubled",
        "reg halved": "penalty_halved",
        "reg negative": "penalty_negative",
        "reg missing": "penalty_missing",
        "reg missing in W1": "penalty_missing",
        "reg in bias": "weight_decay",
    },
    wrt=["W1", "b1", "W2", "b2"],
)

# L layers in columns, binary cross-entropy, 1/m in the gradients.


def columns_cost(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any) -> Any:
    m = Y.shape[1]
    A1 = np.maximum(0, np.dot(W1, X) + b1)
    A2 = np.maximum(0, np.dot(W2, A1) + b2)
    A3 = sigmoid(np.dot(W3, A2) + b3)
    return -1 / m * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))


def columns_grads(
    slip: str, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any
) -> Any:
    m = Y.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.maximum(0, Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = sigmoid(Z3)
    dA3 = -(np.divide(Y, A3) - np.divide(1 - Y, 1 - A3))
    if slip == "dA sign":
        dA3 = -dA3
    dZ3 = dA3 * A3 * (1 - A3)
    if slip == "sigmoid' missing":
        dZ3 = dA3
    if slip == "sigmoid' on A - Y":
        dZ3 = (A3 - Y) * A3 * (1 - A3)
    if slip == "sigmoid'(A)":
        dZ3 = dA3 * sigmoid(A3) * (1 - sigmoid(A3))
    dW3 = np.dot(dZ3, A2.T) / m
    db3 = np.sum(dZ3, axis=1, keepdims=True) / m
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = dA2 * (Z2 > 0)
    if slip == "mask of layer 1":
        dZ2 = dA2 * (Z1 > 0)
    if slip == "relu' missing":
        dZ2 = dA2
    dW2 = np.dot(dZ2, A1.T) / m
    if slip == "A2 for A1":
        dW2 = np.dot(dZ2, A2.T) / m
    if slip == "no 1/m in dW2":
        dW2 = dW2 * m
    if slip == "1/m twice in dW2":
        dW2 = dW2 / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    if slip == "db not averaged":
        db2 = db2 * m
    if slip == "db over everything":
        db2 = np.sum(dZ2) / m
    dA1 = np.dot(W2.T, dZ2)
    if slip == "W2 not transposed":
        dA1 = np.dot(W2, dZ2)
    if slip == "1/m handed on":
        dA1 = dA1 / m
    dZ1 = dA1 * (Z1 > 0)
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    if slip == "no 1/m":
        return tuple(m * g for g in (dW1, db1, dW2, db2, dW3, db3))
    return dW1, db1, dW2, db2, dW3, db3


COLUMNS = family(
    "three layers in columns",
    columns_cost,
    columns_grads,
    {
        "W1": normal(11, 4, 3),
        "b1": normal(12, 4, 1) / 4,
        "W2": normal(13, 4, 4),
        "b2": normal(14, 4, 1) / 4,
        "W3": normal(15, 1, 4),
        "b3": normal(16, 1, 1),
        "X": normal(17, 3, 6),
        "Y": np.array([[1.0, 0, 0, 1, 1, 0]]),
    },
    {
        "dA sign": "sign",
        "sigmoid' missing": "derivative_missing derivative_missing_for_weight",
        "sigmoid' on A - Y": "derivative_on_cross_entropy",
        "sigmoid'(A)": "derivative_at_a",
        "mask of layer 1": "wrong_cache",
        "relu' missing": "derivative_missing derivative_missing_for_weight",
        "A2 for A1": "wrong_cache",
        "no 1/m in dW2": "summed_for_mean",
        "1/m twice in dW2": "mean_for_sum",
        "db not averaged": "summed_for_mean",
        "db over everything": "wrong_axis",
        "W2 not transposed": "weight_not_transposed",
        "1/m handed on": "mean_for_sum",
        "no 1/m": "summed_for_mean",
    },
    wrt=["W1", "b1", "W2", "b2", "W3", "b3"],
)

# Logistic regression, w (n, 1), samples in columns; b a number.


def logistic_cost(w: Any, b: Any, X: Any, Y: Any) -> Any:
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


def logistic_grads(slip: str, w: Any, b: Any, X: Any, Y: Any) -> Any:
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    dZ = A - Y
    if slip == "y - a":
        dZ = Y - A
    if slip == "sigmoid'":
        dZ = dZ * A * (1 - A)
    dw, db = np.dot(X, dZ.T) / m, np.sum(dZ) / m
    if slip == "1/m twice":
        dw = dw / m
    if slip == "no 1/m":
        dw, db = dw * m, db * m
    if slip == "db summed":
        db = np.sum(dZ)
    return dw, db


LOGISTIC = family(
    "logistic regression in columns",
    logistic_cost,
    logistic_grads,
    {
        "w": normal(21, 4, 1),
        "b": np.array(0.3),
        "X": normal(22, 4, 6),
        "Y": np.array([[1.0, 0, 0, 1, 1, 0]]),
    },
    {
        "y - a": "sign",
        "sigmoid'": "derivative_on_cross_entropy",
        "1/m twice": "mean_for_sum",
        "no 1/m": "summed_for_mean",
        "db summed": "summed_for_mean",
    },
    wrt=["w", "b"],
)

# Regularized logistic regression in rows, w (n,).

LAMBDA = 0.7


def ridge_cost(w: Any, X: Any, y: Any) -> Any:
    m = len(y)
    h = sigmoid(X @ w)
    data = -(y @ np.log(h) + (1 - y) @ np.log(1 - h)) / m
    return data + LAMBDA / (2 * m) * np.sum(w[1:] ** 2)


def ridge_grad(slip: str, w: Any, X: Any, y: Any) -> Any:
    m = len(y)
    h = sigmoid(X @ w)
    e = h - y
    if slip == "sigmoid'":
        e = e * h * (1 - h)
    grad = X.T @ e / m
    if slip == "no 1/m":
        grad = X.T @ e
    reg = LAMBDA / m * np.r_[0, w[1:]]
    factor = {"lambda missing": 0, "lambda doubled": 2, "lambda minus": -1}.get(slip, 1)
    return grad + factor * reg


RIDGE = family(
    "regularized logistic regression",
    ridge_cost,
    ridge_grad,
    {
        "w": normal(31, 4),
        "X": np.c_[np.ones(6), normal(32, 6, 3)],
        "y": np.array([1.0, 0, 0, 1, 1, 0]),
    },
    {
        "sigmoid'": "derivative_on_cross_entropy",
        "no 1/m": "summed_for_mean",
        "lambda missing": "penalty_missing",
        "lambda doubled": "penalty_doubled",
        "lambda minus": "penalty_negative",
    },
    wrt=["w"],
)

# Linear regression by least squares, θ (n,), 1/(2m).


def squares_cost(theta: Any, X: Any, y: Any) -> Any:
    return np.sum((X @ theta - y) ** 2) / (2 * len(y))


def squares_grad(slip: str, theta: Any, X: Any, y: Any) -> Any:
    error = X @ theta - y
    if slip == "y - prediction":
        error = -error
    if slip == "2 kept":
        return 2 * X.T @ error / len(y)
    if slip == "no 1/m":
        return X.T @ error
    return X.T @ error / len(y)


SQUARES = family(
    "linear regression",
    squares_cost,
    squares_grad,
    {"theta": normal(41, 3), "X": normal(42, 7, 3), "y": normal(43, 7)},
    {"y - prediction": "sign", "2 kept": "factor_two", "no 1/m": "summed_for_mean"},
    wrt=["theta"],
)

CASES: list[Case] = [
    *TWO_LAYER,
    *COLUMNS,
    *LOGISTIC,
    *RIDGE,
    *SQUARES,
]
