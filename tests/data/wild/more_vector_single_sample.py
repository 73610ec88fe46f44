# check: dense
import numpy as np

r = np.random.default_rng(3)
dense_inputs = (r.normal(size=4), r.normal(size=(3, 4)), r.normal(size=3))

def dense(x, w, b):
    return w @ x + b

def dense_grad(gout, x, w, b):
    return w.T @ gout, np.outer(gout, x), gout  # wrong: return w.T @ gout, np.outer(x, gout).T * 0.5, gout
