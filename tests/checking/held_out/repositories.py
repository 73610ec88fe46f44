"""More of what stands in repositories: biases as a column of ones, loops over the samples, numbers
by themselves, gates, factorizations."""

from math import exp
from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid

# Θ with a bias in its first column, cross-entropy of sigmoids, λ without the bias.

LAMBDA = 0.8


def theta_cost(Theta1: Any, Theta2: Any, X: Any, Y: Any) -> Any:
    m = X.shape[0]
    a1 = np.c_[np.ones(m), X]
    a2 = np.c_[np.ones(m), sigmoid(a1 @ Theta1.T)]
    h = sigmoid(a2 @ Theta2.T)
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    return J + LAMBDA / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))


def theta_grads(slip: str, Theta1: Any, Theta2: Any, X: Any, Y: Any) -> Any:
    m = X.shape[0]
    a1 = np.c_[np.ones(m), X]
    z2 = a1 @ Theta1.T
    a2 = np.c_[np.ones(m), sigmoid(z2)]
    h = sigmoid(a2 @ Theta2.T)
    delta3 = h - Y
    if slip == "sigmoid' at the end":
        delta3 = delta3 * h * (1 - h)
    back = (delta3 @ Theta2)[:, 1:]
    g = sigmoid(z2)
    slope = g * (1 - g)
    if slip == "gradient of the sigmoid":
        slope = sigmoid(g) * (1 - sigmoid(g))
    if slip == "no slope":
        slope = 1.0
    delta2 = back * slope
    G1, G2 = delta2.T @ a1 / m, delta3.T @ a2 / m
    if slip == "not over m":
        G1, G2 = G1 * m, G2 * m
    if slip != "no lambda":
        G1[:, 1:] += LAMBDA / m * Theta1[:, 1:]
        G2[:, 1:] += LAMBDA / m * Theta2[:, 1:]
    if slip == "lambda not over m":
        G1[:, 1:] += (LAMBDA - LAMBDA / m) * Theta1[:, 1:]
        G2[:, 1:] += (LAMBDA - LAMBDA / m) * Theta2[:, 1:]
    return G1, G2


THETA = family(
    "a column of ones",
    theta_cost,
    theta_grads,
    {
        "Theta1": normal(1, 4, 4),
        "Theta2": normal(2, 3, 5),
        "X": normal(3, 6, 3),
        "Y": np.eye(3)[[0, 2, 1, 0, 1, 1]],
    },
    {
        "sigmoid' at the end": "derivative_on_cross_entropy",
        "gradient of the sigmoid": "derivative_at_a",
        "no slope": "derivative_missing",
        "not over m": "summed_for_mean",
        "no lambda": "penalty_missing",
        "lambda not over m": "penalty_factor",
    },
    wrt=["Theta1", "Theta2"],
)

# A query as a list, made a column; the error goes back without the last derivative.


def query_loss(wih: Any, who: Any, inputs_list: Any, targets_list: Any) -> Any:
    inputs = np.array(inputs_list, ndmin=2).T
    targets = np.array(targets_list, ndmin=2).T
    hidden = 1 / (1 + np.exp(-np.dot(wih, inputs)))
    final = 1 / (1 + np.exp(-np.dot(who, hidden)))
    return 0.5 * np.sum((targets - final) ** 2)


def query_grads(slip: str, wih: Any, who: Any, inputs_list: Any, targets_list: Any) -> Any:
    inputs = np.array(inputs_list, ndmin=2).T
    targets = np.array(targets_list, ndmin=2).T
    hidden = 1 / (1 + np.exp(-np.dot(wih, inputs)))
    final = 1 / (1 + np.exp(-np.dot(who, hidden)))
    errors = targets - final
    delta = errors * final * (1 - final)
    hidden_errors = np.dot(who.T, errors if slip == "errors handed on" else delta)
    hidden_delta = hidden_errors * hidden * (1 - hidden)
    gwho, gwih = -np.dot(delta, hidden.T), -np.dot(hidden_delta, inputs.T)
    if slip == "ascent":
        gwho, gwih = -gwho, -gwih
    if slip == "hidden slope twice":
        gwih = -np.dot(hidden_delta * hidden * (1 - hidden), inputs.T)
    return gwih, gwho


QUERY = family(
    "a query as a list",
    query_loss,
    query_grads,
    {
        "wih": normal(11, 4, 3),
        "who": normal(12, 2, 4),
        "inputs_list": normal(13, 3),
        "targets_list": normal(14, 2),
    },
    {
        "errors handed on": "derivative_missing",
        "ascent": "sign",
        "hidden slope twice": "derivative_twice",
    },
    wrt=["wih", "who"],
)

# Lists and math.exp; the bias is the last weight.


def lists_loss(hidden: Any, output: Any, row: Any, expected: Any) -> float:
    def neuron(weights: Any, inputs: Any) -> Any:
        activation = weights[-1]
        for i in range(len(weights) - 1):
            activation = activation + weights[i] * inputs[i]
        return 1.0 / (1.0 + exp(-activation))

    first = [neuron(w, row) for w in hidden]
    second = [neuron(w, first) for w in output]
    return float(sum((expected[k] - second[k]) ** 2 for k in range(len(second))) / 2)


def lists_grads(slip: str, hidden: Any, output: Any, row: Any, expected: Any) -> Any:
    x = np.append(row, 1.0)
    h = sigmoid(hidden @ x)
    hx = np.append(h, 1.0)
    y = sigmoid(output @ hx)
    delta = (y - expected) * y * (1 - y)
    if slip == "no transfer derivative":
        delta = y - expected
    errors = output[:, :-1].T @ delta
    d1 = errors * h * (1 - h)
    if slip == "no hidden derivative":
        d1 = errors
    if slip == "expected - output":
        delta, d1 = -delta, -d1
    return np.outer(d1, x), np.outer(delta, hx)


LISTS = family(
    "lists of neurons",
    lists_loss,
    lists_grads,
    {
        "hidden": normal(21, 3, 3),
        "output": normal(22, 2, 4),
        "row": normal(23, 2),
        "expected": np.array([1.0, 0.0]),
    },
    {
        "no transfer derivative": "derivative_missing",
        "no hidden derivative": "derivative_missing",
        "expected - output": "sign",
    },
    wrt=["hidden", "output"],
)

# A loop over the samples, cost and gradients summed up.


def loop_cost(W: Any, b: Any, v: Any, X: Any, t: Any) -> Any:
    J = 0.0
    for i in range(len(X)):
        h = np.tanh(np.dot(W, X[i]) + b)
        y = np.dot(v, h)
        J += (y - t[i]) ** 2
    return J / len(X)


def loop_grads(slip: str, W: Any, b: Any, v: Any, X: Any, t: Any) -> Any:
    dW, db, dv = np.zeros_like(W), np.zeros_like(b), np.zeros_like(v)
    n = len(X) - 1 if slip == "range too short" else len(X)
    for i in range(n):
        z = np.dot(W, X[i]) + b
        h = np.tanh(z)
        d = 2 * (np.dot(v, h) - t[i])
        if slip == "2 forgotten":
            d = d / 2
        dv += d * (z if slip == "z for h" else h)
        dz = d * v * (1 - h**2)
        if slip == "no slope":
            dz = d * v
        dW += np.outer(dz, X[i])
        db += dz
    if slip == "not divided":
        return dW, db, dv
    return dW / len(X), db / len(X), dv / len(X)


LOOP = family(
    "a loop over the samples",
    loop_cost,
    loop_grads,
    {
        "W": normal(31, 4, 3),
        "b": normal(32, 4),
        "v": normal(33, 4),
        "X": normal(34, 5, 3),
        "t": normal(35, 5),
    },
    {
        "2 forgotten": "factor_half",
        "no slope": "derivative_missing",
        "not divided": "summed_for_mean",
        "range too short": "sample_missing",
        "z for h": "weight_from_z",
    },
    wrt=["W", "b", "v"],
)

# A line through points, slope and offset by themselves.


def line_cost(w: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((y - (w * x + b)) ** 2)


def line_grads(slip: str, w: Any, b: Any, x: Any, y: Any) -> Any:
    n = len(x)
    error = y - (w * x + b)
    dw, db = -2 / n * np.sum(x * error), -2 / n * np.sum(error)
    if slip == "no 2":
        return dw / 2, db / 2
    if slip == "no minus":
        return -dw, -db
    if slip == "no n":
        return n * dw, n * db
    return dw, db


LINE = family(
    "a line",
    line_cost,
    line_grads,
    {"w": np.array(0.7), "b": np.array(-0.2), "x": normal(41, 9), "y": normal(42, 9)},
    {"no 2": "factor_half", "no minus": "sign", "no n": "summed_for_mean"},
    wrt=["w", "b"],
)

# A highway gate.


def gate_forward(x: Any, Wt: Any, bt: Any, Wh: Any, bh: Any) -> Any:
    t = sigmoid(x @ Wt + bt)
    h = np.tanh(x @ Wh + bh)
    return t * h + (1 - t) * x


def gate_backward(slip: str, dy: Any, x: Any, Wt: Any, bt: Any, Wh: Any, bh: Any) -> Any:
    t, h = sigmoid(x @ Wt + bt), np.tanh(x @ Wh + bh)
    dt = dy * (h - x)
    if slip == "carry's gate forgotten":
        dt = dy * h
    dh = dy * t
    da, dc = dt * t * (1 - t), dh * (1 - h**2)
    if slip == "sigmoid' missing":
        da = dt
    dx = da @ Wt.T + dc @ Wh.T + dy * (1 - t)
    if slip == "carry forgotten":
        dx = dx - dy * (1 - t)
    if slip == "gate's way forgotten":
        dx = dc @ Wh.T + dy * (1 - t)
    return dx, x.T @ da, da.sum(0), x.T @ dc, dc.sum(0)


GATE = family(
    "a highway gate",
    gate_forward,
    gate_backward,
    {
        "x": normal(51, 5, 4),
        "Wt": normal(52, 4, 4),
        "bt": normal(53, 4),
        "Wh": normal(54, 4, 4),
        "bh": normal(55, 4),
    },
    {
        "carry's gate forgotten": "path_forgotten",
        "sigmoid' missing": "derivative_missing",
        "carry forgotten": "path_forgotten residual_skip",
        "gate's way forgotten": "path_forgotten",
    },
    is_scalar=False,
)

# A matrix factorization.


def factor_cost(U: Any, V: Any, R: Any) -> Any:
    return np.sum((R - U @ V.T) ** 2) + 0.1 * (np.sum(U**2) + np.sum(V**2))


def factor_grads(slip: str, U: Any, V: Any, R: Any) -> Any:
    E = R - U @ V.T
    dU, dV = -2 * E @ V + 0.2 * U, -2 * E.T @ U + 0.2 * V
    if slip == "E not transposed":
        dV = -2 * E @ U + 0.2 * V
    if slip == "lambda without 2":
        dU, dV = dU - 0.1 * U, dV - 0.1 * V
    if slip == "plus":
        dU, dV = 2 * E @ V + 0.2 * U, 2 * E.T @ U + 0.2 * V
    return dU, dV


FACTORS = family(
    "a matrix factorization",
    factor_cost,
    factor_grads,
    {"U": normal(61, 5, 2), "V": normal(62, 5, 2), "R": normal(63, 5, 5)},
    {"lambda without 2": "penalty_halved", "plus": "sign", "E not transposed": ""},
    wrt=["U", "V"],
)

CASES: list[Case] = [
    *THETA,
    *QUERY,
    *LISTS,
    *LOOP,
    *LINE,
    *GATE,
    *FACTORS,
]
