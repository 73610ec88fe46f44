# check: rosen cost objective
import numpy as np

theta = np.array([0.3, -0.8, 1.2, 0.5])
rng = np.random.default_rng(32)
A, y = rng.normal(size=(9, 4)), (rng.random(9) > 0.5).astype(float)
lam = 0.1
rosen_inputs = (theta,)
cost_inputs = (theta, A, y, lam)
objective_inputs = (theta, A, y)


def rosen(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosen_grad(x):
    g = np.zeros_like(x)
    g[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)  # wrong: g[1:] += 100 * (x[1:] - x[:-1] ** 2)
    return g


def cost(theta, A, y, lam):
    h = 1 / (1 + np.exp(-A @ theta))
    return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)) + lam * theta @ theta / 2


def gradient(theta, A, y, lam):
    h = 1 / (1 + np.exp(-A @ theta))
    return A.T @ (h - y) / len(y) + lam * theta  # wrong: return A.T @ (h - y) / len(y) + 2 * lam * theta


def objective(theta, A, y):
    r = A @ theta - y
    return 0.5 * r @ r, A.T @ r  # wrong: return 0.5 * r @ r, -A.T @ r
