# check: clf
import numpy as np

class SoftmaxClassifier:
    def __init__(self):
        self.W = np.random.default_rng(2).normal(size=(4, 3))
    def loss(self, X, y, reg):
        s = X @ self.W
        s = s - s.max(1, keepdims=True)
        p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
        L = -np.log(p[np.arange(len(y)), y]).mean() + reg * (self.W ** 2).sum()
        d = p
        d[np.arange(len(y)), y] -= 1
        dW = X.T @ d / len(y) + 2 * reg * self.W  # wrong: dW = X.T @ d / len(y) + reg * self.W
        return L, dW

clf = SoftmaxClassifier()
inputs = (np.random.default_rng(3).normal(size=(6, 4)), np.array([0, 2, 1, 0, 1, 2]), 0.1)
