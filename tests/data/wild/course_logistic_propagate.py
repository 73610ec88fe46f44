# check: propagate
import numpy as np

rng = np.random.default_rng(11)
w, b = rng.normal(size=(4, 1)), 0.5
X, Y = rng.normal(size=(4, 7)), (rng.random((1, 7)) > 0.5).astype(float)
inputs = (w, b, X, Y)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def propagate(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dw = 1 / m * np.dot(X, (A - Y).T)  # wrong: dw = np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)
    cost = np.squeeze(np.array(cost))
    grads = {"dw": dw, "db": db}
    return grads, cost
