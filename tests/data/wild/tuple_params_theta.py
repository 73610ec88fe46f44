# check: predict
import numpy as np

rng = np.random.default_rng(42)
predict_inputs = ((rng.normal(size=(3, 2)), rng.normal(size=2)), rng.normal(size=(4, 3)))


def predict(theta, x):
    W, b = theta
    return x @ W + b


def predict_vjp(theta, x, v):
    W, b = theta
    return (x.T @ v, v.sum(0)), v @ W.T  # wrong: return (x.T @ v, v.sum(0)), v @ W.T * 0
