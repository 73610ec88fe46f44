# check: svm_loss
import numpy as np

rng = np.random.default_rng(3)
inputs = (rng.normal(size=(6, 4)), np.array([0, 3, 1, 2, 2, 0]))


def svm_loss(x, y):
    N = x.shape[0]
    right = x[np.arange(N), y][:, None]
    margins = np.maximum(0, x - right + 1.0)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N
    dx = (margins > 0).astype(float)
    dx[np.arange(N), y] -= dx.sum(axis=1)  # wrong: dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx
