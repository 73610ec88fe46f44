# check: linear
import numpy as np

rng = np.random.default_rng(29)
inputs = [rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)]


def linear(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(cache, grad_out):
    x, W = cache
    dW = x.T @ grad_out
    db = grad_out.sum(0)
    dx = grad_out @ W.T  # wrong: dx = grad_out @ W
    return dW, db, dx
