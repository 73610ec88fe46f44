# check: mlp
import numpy as np

rng = np.random.default_rng(38)
params = [[rng.normal(size=(3, 4)), rng.normal(size=4)], [rng.normal(size=(4, 2)), rng.normal(size=2)]]
mlp_inputs = (params, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))


def mlp(params, x, t):
    (W1, b1), (W2, b2) = params
    h = np.tanh(x @ W1 + b1)
    return 0.5 * np.sum((h @ W2 + b2 - t) ** 2)


def mlp_grad(params, x, t):
    (W1, b1), (W2, b2) = params
    h = np.tanh(x @ W1 + b1)
    d = h @ W2 + b2 - t
    dh = d @ W2.T * (1 - h**2)
    return [[x.T @ dh, dh.sum(0)], [h.T @ d, d.sum(0)]]  # wrong: return [[x.T @ dh, dh.sum(0)], [h.T @ d, d.mean(0)]]
