# check: affine_forward affine_backward
import numpy as np

rng = np.random.default_rng(1)
x, w, b = rng.normal(size=(4, 2, 3)), rng.normal(size=(6, 5)), rng.normal(size=5)


def affine_forward(x, w, b):
    flat = x.reshape(x.shape[0], -1)
    out = flat.dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)  # wrong: db = np.mean(dout, axis=0)
    return dx, dw, db
