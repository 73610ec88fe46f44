# check: bce
import numpy as np

r = np.random.default_rng(9)
AL, Y = r.random((1, 6)) * 0.8 + 0.1, (r.random((1, 6)) > 0.5) * 1.0

def bce(AL, Y):
    m = Y.shape[1]
    return float(-(np.dot(Y, np.log(AL).T) + np.dot(1 - Y, np.log(1 - AL).T)).item() / m)

def bce_backward(AL, Y):
    return (-(Y / AL) + (1 - Y) / (1 - AL)) / Y.shape[1]  # wrong: return (-(Y / AL) + (1 - Y) / (1 - AL))
