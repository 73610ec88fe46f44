# check: conv1d
import numpy as np

rng = np.random.default_rng(35)
conv1d_inputs = (rng.normal(size=(2, 9)), rng.normal(size=3), 2, "valid")


def conv1d(x, k, stride, mode):
    assert mode == "valid"
    n = (x.shape[1] - len(k)) // stride + 1
    return np.stack([x[:, i * stride : i * stride + len(k)] @ k for i in range(n)], axis=1)


def conv1d_backward(dout, x, k, stride, mode):
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(dout.shape[1]):
        window = slice(i * stride, i * stride + len(k))
        dx[:, window] += np.outer(dout[:, i], k)  # wrong: dx[:, window] = np.outer(dout[:, i], k)
        dk += dout[:, i] @ x[:, window]
    return dx, dk, None, None
