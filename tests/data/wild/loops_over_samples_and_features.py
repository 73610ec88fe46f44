# check: compute_cost
import numpy as np

rng = np.random.default_rng(18)
x = rng.normal(size=(10, 4))
y = rng.normal(size=10)
w = rng.normal(size=4)
b = 0.3


def compute_cost(x, y, w, b):
    m = x.shape[0]
    cost = 0.0
    for i in range(m):
        f_wb_i = np.dot(x[i], w) + b
        cost += (f_wb_i - y[i]) ** 2
    return cost / (2 * m)


def compute_gradient(x, y, w, b):
    m, n = x.shape
    dj_dw = np.zeros((n,))
    dj_db = 0.0
    for i in range(m):
        err = (np.dot(x[i], w) + b) - y[i]  # wrong: err = y[i] - (np.dot(x[i], w) + b)
        for j in range(n):
            dj_dw[j] = dj_dw[j] + err * x[i, j]  # wrong: dj_dw[j] = err * x[i, j]
        dj_db = dj_db + err
    dj_dw = dj_dw / m  # wrong: dj_dw = dj_dw
    dj_db = dj_db / m
    return dj_db, dj_dw
