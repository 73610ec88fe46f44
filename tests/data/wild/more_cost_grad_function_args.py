# check: cost_function
import numpy as np

r = np.random.default_rng(7)
w_init, b_init = r.normal(size=3), 0.4
X_train, y_train = r.normal(size=(8, 3)), r.normal(size=8)
inputs = (X_train, y_train, w_init, b_init)

def cost_function(X, y, w, b):
    return np.sum((X @ w + b - y) ** 2) / (2 * len(y))

def compute_gradient(X, y, w, b):
    err = X @ w + b - y
    dj_dw = X.T @ err / len(y)
    dj_db = err.sum() / len(y)  # wrong: dj_db = err.sum()
    return dj_db, dj_dw
