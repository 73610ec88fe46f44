# check: nn_forward
import numpy as np

r = np.random.default_rng(8)
X = r.normal(size=(6, 3))
weights = {"hidden": r.normal(size=(3, 4)), "out": r.normal(size=(4, 2))}
biases = {"hidden": np.zeros(4), "out": np.zeros(2)}

def nn_forward(X, weights, biases):
    h = 1 / (1 + np.exp(-(X @ weights["hidden"] + biases["hidden"])))
    return h @ weights["out"] + biases["out"], h

def nn_backward(X, h, weights, upstream):
    w_grads, b_grads = {}, {}
    w_grads["out"] = h.T @ upstream
    b_grads["out"] = upstream.sum(axis=0)
    e = upstream @ weights["out"].T * h * (1 - h)
    w_grads["hidden"] = X.T @ e
    b_grads["hidden"] = e.sum(axis=0)  # wrong: b_grads["hidden"] = e.sum(axis=0) / len(X)
    return w_grads, b_grads
