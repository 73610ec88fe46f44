# check: forward
import numpy as np

rng = np.random.default_rng(28)
params = {
    "W1": rng.normal(size=(3, 4)),
    "b1": rng.normal(size=4),
    "W2": rng.normal(size=(4, 2)),
    "b2": rng.normal(size=2),
}
x = rng.normal(size=(5, 3))


def forward(x, params):
    z1 = x @ params["W1"] + params["b1"]
    a1 = np.tanh(z1)
    out = a1 @ params["W2"] + params["b2"]
    cache = {"x": x, "a1": a1}
    return out, cache


def backward(dout, cache, params):
    grads = {}
    grads["W2"] = cache["a1"].T @ dout
    grads["b2"] = dout.sum(0)
    dz1 = dout @ params["W2"].T * (1 - cache["a1"] ** 2)
    grads["W1"] = cache["x"].T @ dz1
    grads["b1"] = dz1.sum(0)  # wrong: grads["b1"] = dz1.sum()  * np.ones(4)
    return grads
