"""Tutorials: one sample as lists of columns, dense layers with softmax, a network in eleven lines,
a vector, values of scalars."""

from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid


def prime(z: Any) -> Any:
    return sigmoid(z) * (1 - sigmoid(z))


# One sample as a column, sigmoid everywhere, quadratic cost.


def one_sample_cost(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, y: Any) -> Any:
    a = x
    for w, b in ((w1, b1), (w2, b2), (w3, b3)):
        a = sigmoid(np.dot(w, a) + b)
    return 0.5 * np.linalg.norm(a - y) ** 2


def one_sample_nabla(
    slip: str, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, y: Any
) -> Any:
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activations, zs = [x], []
    for w, b in zip(weights, biases, strict=True):
        zs.append(np.dot(w, activations[-1]) + b)
        activations.append(sigmoid(zs[-1]))
    error = activations[-1] - y
    if slip == "y - a":
        error = -error
    delta = error * prime(zs[-1])
    if slip == "prime(a)":
        delta = error * prime(activations[-1])
    if slip == "no prime at the end":
        delta = error
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].T)
    for layer in range(2, 4):
        z = zs[-layer + 1] if slip == "zs off by one" else zs[-layer]
        sp = prime(z)
        if slip == "no prime in the loop":
            sp = 1
        if slip == "weights off by one" and layer == 3:
            delta = np.dot(weights[-layer].T, delta) * sp
        elif slip == "not transposed" and layer == 3:
            delta = np.dot(weights[-layer + 1], delta) * sp
        else:
            delta = np.dot(weights[-layer + 1].T, delta) * sp
        nabla_b[-layer] = delta
        before = (
            activations[-layer] if slip == "activations off by one" else activations[-layer - 1]
        )
        nabla_w[-layer] = np.dot(delta, before.T)
    if slip == "bias forgotten":
        nabla_b[0] = np.zeros(b1.shape)
    return nabla_w[0], nabla_b[0], nabla_w[1], nabla_b[1], nabla_w[2], nabla_b[2]


ONE_SAMPLE = family(
    "one sample, lists of columns",
    one_sample_cost,
    one_sample_nabla,
    {
        "w1": normal(1, 4, 4),
        "b1": normal(2, 4, 1),
        "w2": normal(3, 4, 4),
        "b2": normal(4, 4, 1),
        "w3": normal(5, 4, 4),
        "b3": normal(6, 4, 1),
        "x": normal(7, 4, 1),
        "y": normal(8, 4, 1),
    },
    {
        "y - a": "sign",
        "prime(a)": "derivative_at_a",
        "no prime at the end": "derivative_missing derivative_missing_for_weight",
        "zs off by one": "wrong_cache",
        "no prime in the loop": "derivative_missing derivative_missing_for_weight",
        "weights off by one": "wrong_cache",
        "not transposed": "weight_not_transposed",
        "activations off by one": "wrong_cache",
        "bias forgotten": "zeros",
    },
    wrt=["w1", "b1", "w2", "b2", "w3", "b3"],
)

# A dense layer, ReLU, a dense layer, softmax with categorical cross-entropy; rows.


def dense_loss(weights1: Any, biases1: Any, weights2: Any, biases2: Any, X: Any, y: Any) -> Any:
    output1 = np.maximum(0, np.dot(X, weights1) + biases1)
    inputs = np.dot(output1, weights2) + biases2
    exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
    probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.mean(-np.log(clipped[range(len(X)), y]))


def dense_backward(
    slip: str, weights1: Any, biases1: Any, weights2: Any, biases2: Any, X: Any, y: Any
) -> Any:
    z1 = np.dot(X, weights1) + biases1
    output1 = np.maximum(0, z1)
    inputs = np.dot(output1, weights2) + biases2
    exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
    probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
    samples = len(X)
    dinputs = probabilities.copy()
    dinputs[range(samples), y] -= 1
    if slip == "softmax diagonal":
        one_hot = np.eye(3)[y]
        dinputs = -one_hot / probabilities * probabilities * (1 - probabilities)
    if slip != "not normalized":
        dinputs = dinputs / samples
    if slip == "normalized twice":
        dinputs = dinputs / samples
    dweights2 = np.dot(output1.T, dinputs)
    dbiases2 = np.sum(dinputs, axis=0, keepdims=True)
    upstream = dinputs
    if slip == "updated weights":
        weights2 = weights2 - 0.85 * dweights2
    dinputs = np.dot(dinputs, weights2.T)
    drelu = dinputs.copy()
    if slip == "dvalues <= 0":
        drelu[dinputs <= 0] = 0
    else:
        drelu[z1 <= 0] = 0
    dweights1 = np.dot(X.T, drelu)
    if slip == "weights before relu":
        dweights1 = np.dot(X.T, dinputs)
    dbiases1 = np.sum(drelu, axis=0, keepdims=True)
    if slip == "biases swapped":
        dbiases1 = np.sum(drelu, axis=0, keepdims=True) * 0 + np.mean(drelu, axis=0, keepdims=True)
    if slip == "no sum":
        dbiases2 = upstream
    return dweights1, dbiases1, dweights2, dbiases2


DENSE = family(
    "dense layers with softmax",
    dense_loss,
    dense_backward,
    {
        "weights1": normal(11, 2, 6),
        "biases1": normal(12, 1, 6) / 3,
        "weights2": normal(13, 6, 3),
        "biases2": normal(14, 1, 3) / 3,
        "X": normal(15, 8, 2),
        "y": np.array([0, 1, 2, 1, 0, 2, 2, 1]),
    },
    {
        "softmax diagonal": "softmax_diagonal",
        "not normalized": "summed_for_mean",
        "normalized twice": "mean_for_sum",
        "updated weights": "updated_weights",
        "dvalues <= 0": "mask_from_upstream",
        "weights before relu": "derivative_missing_for_weight",
        "biases swapped": "mean_for_sum",
        "no sum": "unsummed",
    },
    wrt=["weights1", "biases1", "weights2", "biases2"],
)

# Eleven lines: no bias, derivatives of the activations' values.


def eleven_loss(syn0: Any, syn1: Any, X: Any, y: Any) -> Any:
    l1 = sigmoid(np.dot(X, syn0))
    l2 = sigmoid(np.dot(l1, syn1))
    return 0.5 * np.sum((y - l2) ** 2)


def nonlin(x: Any) -> Any:
    return x * (1 - x)


def eleven_grads(slip: str, syn0: Any, syn1: Any, X: Any, y: Any) -> Any:
    z1 = np.dot(X, syn0)
    l1 = sigmoid(z1)
    z2 = np.dot(l1, syn1)
    l2 = sigmoid(z2)
    l2_error = l2 - y
    if slip == "z handed over":
        l2_delta = l2_error * nonlin(z2)
    elif slip == "sigmoid of the value":
        l2_delta = l2_error * nonlin(sigmoid(l2))
    else:
        l2_delta = l2_error * nonlin(l2)
    dsyn1 = l1.T.dot(l2_delta)
    if slip == "syn1 updated first":
        syn1 = syn1 - dsyn1
    l1_error = l2_delta.dot(syn1.T)
    if slip == "error for delta":
        l1_error = l2_error.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1)
    if slip == "no slope":
        l1_delta = l1_error
    if slip == "slope twice":
        l1_delta = l1_delta * nonlin(l1)
    if slip == "slope of l2":
        l1_delta = l1_error * nonlin(l2)
    dsyn0 = X.T.dot(l1_delta)
    if slip == "for descent by +=":
        return -dsyn0, -dsyn1
    return dsyn0, dsyn1


ELEVEN = family(
    "eleven lines",
    eleven_loss,
    eleven_grads,
    {
        "syn0": normal(21, 3, 4),
        "syn1": normal(22, 4, 1),
        "X": np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]),
        "y": np.array([[0.0], [1], [1], [0]]),
    },
    {
        "z handed over": "derivative_of_z",
        "sigmoid of the value": "derivative_at_a",
        "syn1 updated first": "updated_weights",
        "error for delta": "derivative_missing",
        "no slope": "derivative_missing derivative_missing_for_weight",
        "slope twice": "derivative_twice",
        "slope of l2": "wrong_cache",
        "for descent by +=": "sign",
    },
    wrt=["syn0", "syn1"],
)

# A vector through W @ x, with tanh, and a squared distance.


def vector_forward(W: Any, b: Any, V: Any, x: Any) -> Any:
    h = np.tanh(W @ x + b)
    return V @ h


def vector_backward(slip: str, dy: Any, W: Any, b: Any, V: Any, x: Any) -> Any:
    z = W @ x + b
    h = np.tanh(z)
    dV = np.outer(dy, z if slip == "z for h" else h)
    dh = V.T @ dy
    if slip == "V not transposed":
        dh = V @ dy
    dz = dh * (1 - h**2)
    if slip == "1 - h":
        dz = dh * (1 - h)
    if slip == "no tanh'":
        dz = dh
    dW = np.outer(dz, x)
    if slip == "outer turned round":
        dW = np.outer(x, dz)
    db = dz.sum() if slip == "b summed" else dz
    return dW, db, dV, W.T @ dz


VECTOR = family(
    "one vector, W @ x",
    vector_forward,
    vector_backward,
    {"W": normal(31, 4, 4), "b": normal(32, 4), "V": normal(33, 4, 4), "x": normal(34, 4)},
    {
        "z for h": "weight_from_z",
        "V not transposed": "weight_not_transposed",
        "no tanh'": "derivative_missing derivative_missing_for_weight",
        "outer turned round": "transposed",
        "b summed": "wrong_axis",
        "1 - h": "",
    },
    is_scalar=False,
)

# Scalars: a neuron, and an expression in which a value is used twice.


def neuron(w: Any, x: Any, b: Any) -> Any:
    n = x[0] * w[0] + x[1] * w[1] + b
    return np.tanh(n)


def neuron_grad(slip: str, w: Any, x: Any, b: Any) -> Any:
    o = np.tanh(x[0] * w[0] + x[1] * w[1] + b)
    local = 1 - o**2
    if slip == "no slope":
        local = 1.0
    if slip == "slope twice":
        local = local * local
    dw = local * (w if slip == "own data" else x)
    return {"w": dw, "x": local * w, "b": np.asarray(local)}


NEURON = family(
    "a neuron of values",
    neuron,
    neuron_grad,
    {"w": np.array([-3.0, 1.0]), "x": np.array([0.4, 0.7]), "b": np.array(0.881)},
    {
        "no slope": "derivative_missing derivative_missing_for_weight",
        "slope twice": "derivative_twice",
        "own data": "wrong_cache",
    },
)

CASES: list[Case] = [
    *ONE_SAMPLE,
    *DENSE,
    *ELEVEN,
    *VECTOR,
    *NEURON,
]
