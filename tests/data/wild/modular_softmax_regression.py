# check: softmax_loss_naive
import numpy as np

rng = np.random.default_rng(4)
W, X, y, reg = rng.normal(size=(5, 3)), rng.normal(size=(8, 5)), rng.integers(3, size=8), 0.3


def softmax_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        scores -= scores.max()
        p = np.exp(scores) / np.exp(scores).sum()
        loss += -np.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss = loss / X.shape[0] + reg * np.sum(W * W)
    dW = dW / X.shape[0] + 2 * reg * W  # wrong: dW = dW / X.shape[0] + reg * W
    return loss, dW
