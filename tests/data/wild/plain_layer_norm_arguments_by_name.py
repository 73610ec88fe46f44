# check: layer_norm
import numpy as np

rng = np.random.default_rng(30)
layer_norm_inputs = {
    "x": rng.normal(size=(2, 3, 4)),
    "gain": rng.normal(size=4),
    "bias": rng.normal(size=4),
    "eps": 1e-5,
}


def layer_norm(x, gain, bias, eps=1e-5):
    mu = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    return (x - mu) * rstd * gain + bias


def layer_norm_backward(x, gain, bias, dy, eps=1e-5):
    mu = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    n = (x - mu) * rstd
    dn = dy * gain
    dx = rstd * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))  # wrong: dx = rstd * (dn - n * (dn * n).mean(-1, keepdims=True))
    return dx, (dy * n).sum((0, 1)), dy.sum((0, 1))
