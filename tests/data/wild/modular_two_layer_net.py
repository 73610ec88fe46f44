# check: net
import numpy as np


class TwoLayerNet:
    def __init__(self, input_dim=4, hidden_dim=6, num_classes=3, scale=0.5, reg=0.1):
        rng = np.random.default_rng(5)
        self.params = {}
        self.reg = reg
        self.params["W1"] = scale * rng.normal(size=(input_dim, hidden_dim))
        self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = scale * rng.normal(size=(hidden_dim, num_classes))
        self.params["b2"] = np.zeros(num_classes)

    def loss(self, X, y=None):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        h = np.maximum(0, X @ W1 + b1)
        scores = h @ W2 + b2
        if y is None:
            return scores
        shifted = scores - scores.max(axis=1, keepdims=True)
        probs = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        loss = -np.log(probs[np.arange(N), y]).mean()
        loss += 0.5 * self.reg * (np.sum(W1**2) + np.sum(W2**2))
        grads = {}
        dscores = probs.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] = h.T @ dscores + self.reg * W2
        grads["b2"] = dscores.sum(axis=0)
        dh = dscores @ W2.T
        dh[h <= 0] = 0  # wrong: pass
        grads["W1"] = X.T @ dh + self.reg * W1
        grads["b1"] = dh.sum(axis=0)
        return loss, grads


net = TwoLayerNet()
rng = np.random.default_rng(6)
inputs = (rng.normal(size=(5, 4)), np.array([0, 2, 1, 1, 0]))
