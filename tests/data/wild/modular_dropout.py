# check: dropout_forward
import numpy as np

x = np.random.default_rng(8).normal(size=(5, 6))
dropout_param = {"p": 0.7, "mode": "train", "seed": 12}


def dropout_forward(x, dropout_param):
    p = dropout_param["p"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask = (np.random.rand(*x.shape) < p) / p
    out = x * mask
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    dx = dout * mask  # wrong: dx = dout * (mask > 0)
    return dx
