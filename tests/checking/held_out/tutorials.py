"""Tutorials: one sample as lists of columns, dense layers with softmax, a network in eleven lines,
values of scalars, residuals, embeddings, sequences, tied weights."""

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
    *ONE_SAMPLE,
    *DENSE,
    *ELEVEN,
    *VECTOR,
    *NEURON,
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
