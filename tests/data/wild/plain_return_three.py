# check: forward
import numpy as np

rng = np.random.default_rng(34)
x, W1, W2 = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=(5, 2))


def forward(x, W1, W2):
    z1 = x @ W1
    h = np.maximum(z1, 0)
    y = h @ W2
    return y, z1, h


def backward(x, W1, W2, z1, h, dy):
    dW2 = h.T @ dy
    dh = dy @ W2.T
    dz1 = dh * (z1 > 0)  # wrong: dz1 = dh * (dh > 0)
    dW1 = x.T @ dz1
    return dW1, dW2
